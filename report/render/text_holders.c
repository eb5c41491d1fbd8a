/* SPDX-License-Identifier: MIT */
/*
 * Who held what when a limit was hit: part of the block of a limit-hit finding.
 */
#include "text_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../project.h"

enum { HOLDERS_TOP = 5 };

static const char *amount(struct text *text, const struct holder *h)
{
    const char *count = text_count(text, h->count, h->kind);

    return h->bytes ? pool_format(text->pool, "%s, %s", count, text_bytes(text, h->bytes)) : count;
}

static const char *holder_place(struct text *text, const struct holder *h)
{
    const struct frame *frame = stack_best_frame(text->report->model, h->stack);

    if (!frame)
        return "inherited, or at a place not known";
    return pool_format(text->pool, "by %s %s", text_function(text, frame),
                       text_place(text, frame, true));
}

static void rest_write(struct text *text, const struct holder *rest, uint64_t stacks)
{
    if (stacks && rest->bytes)
        text_line(text, PAINT_DIM, "            %" PRIu64 " more, %s, elsewhere", rest->count,
                  text_bytes(text, rest->bytes));
    else if (stacks)
        text_line(text, PAINT_DIM, "            %" PRIu64 " more elsewhere", rest->count);
}

void text_write_holders(struct text *text, uint32_t error)
{
    const struct holder *h;
    struct holder rest = {.error = error};
    uint64_t shown = 0, stacks = 0, limit = text_top(text, SIZE_MAX, HOLDERS_TOP);

    DL_FOREACH (text->report->model->holders, h) {
        if (h->error != error)
            continue;
        if (h->kind && shown < limit) {
            text_line(text, PAINT_NONE, "    %-8s%s %s", shown ? "" : "held", amount(text, h),
                      holder_place(text, h));
            shown++;
            continue;
        }
        stacks++;
        rest.count += h->count;
        rest.bytes += h->bytes;
    }
    rest_write(text, &rest, stacks);
}

/* What the limit is of, and how much of it there was. */
const char *text_limit(struct text *text, const struct mishap *m)
{
    const struct holder *h;
    uint64_t count = 0, bytes = 0;

    if (m->error == EAGAIN)
        return pool_format(text->pool, "%" PRIu64 " threads and children held at that moment",
                           m->live);
    if (m->error != ENOMEM)
        return pool_format(text->pool, "%" PRIu64 " descriptors held at that moment", m->live);
    DL_FOREACH (text->report->model->holders, h) {
        if (h->error == m->error) {
            count += h->count;
            bytes += h->bytes;
        }
    }
    return pool_format(text->pool, "%s%s%s in %" PRIu64 " blocks held at the first failure",
                       m->wanted ? text_bytes(text, m->wanted) : "", m->wanted ? " wanted, " : "",
                       text_bytes(text, bytes), count);
}
