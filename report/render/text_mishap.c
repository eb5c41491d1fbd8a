/* SPDX-License-Identifier: MIT */
/*
 * What happened, in one sentence: of a mishap's finding. A mishap that has more to say than
 * "fd 3 was closed twice" has a row.
 */
#include "text_parts.h"

#include <inttypes.h>
#include <string.h>

#include "../detectors/detector.h"
#include "../detectors/rules.h"
#include "../words.h"

static bool is_number(uint32_t kind)
{
    return kind_is_descriptor(kind) && kind != CTT_KIND_STREAM && kind != CTT_KIND_DIR;
}

static const char *handle_of(struct text *text, uint32_t kind, uint64_t handle)
{
    return pool_format(text->pool, is_number(kind) ? "%s %" PRIu64 : "%s 0x%" PRIx64,
                       model_kind_name(text->report->model, kind), handle);
}

static const char *error_of(struct text *text, const struct mishap *m)
{
    const char *name = m->error ? strerrorname_np((int)m->error) : NULL;

    return name ? pool_format(text->pool, ": %s", name) : "";
}

static const char *limit(struct text *text, const struct mishap *m)
{
    const char *name = m->error ? strerrorname_np((int)m->error) : NULL;

    return pool_format(text->pool, "%s%s%s", name ? name : "", name ? ": " : "",
                       text_limit(text, m));
}

static const char *closed_behind_owner(struct text *text, const struct mishap *m)
{
    return pool_format(text->pool, "fd %" PRIu64 " closed while %s 0x%" PRIx64 " owned it",
                       m->handle, model_kind_name(text->report->model, m->owner_kind), m->owner);
}

static const char *release_order(struct text *text, const struct mishap *m)
{
    return pool_format(text->pool, "%s %s: %s", handle_of(text, m->kind, m->handle),
                       mishap_phrase(m->id), handle_of(text, m->owner_kind, m->owner));
}

static const char *recovered_none(struct text *text, const struct mishap *m)
{
    (void)text;
    (void)m;
    return "ctx_fail, and nothing recovered it";
}

static const char *cleanup(struct text *text, const struct mishap *m)
{
    return pool_format(text->pool, "a cleanup %s", mishap_phrase(m->id));
}

static const char *waitgroup(struct text *text, const struct mishap *m)
{
    const char *count = m->live ? pool_format(text->pool, ": %" PRIu64, m->live) : "";

    return pool_format(text->pool, "WaitGroup 0x%" PRIx64 " %s%s", m->handle, mishap_phrase(m->id),
                       count);
}

/* What it was is nothing: -1. */
static const char *phrase(struct text *text, const struct mishap *m)
{
    return pool_format(text->pool, "%s%s", mishap_phrase(m->id), error_of(text, m));
}

static const char *fault(struct text *text, const struct mishap *m)
{
    return pool_format(text->pool, "a fault at 0x%" PRIx64 " after a call for %s had failed%s",
                       m->handle, model_kind_name(text->report->model, m->kind), error_of(text, m));
}

static const struct row {
    uint32_t id; /* enum ctt_mishap_id */
    const char *(*say)(struct text *text, const struct mishap *m);
} rows[] = {
    {CTT_MISHAP_LIMIT, limit},
    {CTT_MISHAP_CLOSED_BEHIND_OWNER, closed_behind_owner},
    {CTT_MISHAP_RELEASE_ORDER, release_order},
    {CTT_MISHAP_RECOVERED_NONE, recovered_none},
    {CTT_MISHAP_CLEANUP_SKIPPED, cleanup},
    {CTT_MISHAP_WAITGROUP_NEGATIVE, waitgroup},
    {CTT_MISHAP_WAITGROUP_REUSED, waitgroup},
    {CTT_MISHAP_WAITGROUP_DESTROYED, waitgroup},
    {CTT_MISHAP_WAITGROUP_UNDONE, waitgroup},
    {CTT_MISHAP_IGNORED_FD, phrase},
    {CTT_MISHAP_IGNORED_COUNT, phrase},
    {CTT_MISHAP_IGNORED_POINTER, fault},
};

void text_write_mishap(struct text *text, const struct finding *f)
{
    const struct mishap *m = f->mishaps;
    const char *said = NULL, *words = is_number(m->kind) ? NULL : mishap_phrase(m->id);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !said; i++) {
        if (rows[i].id == m->id)
            said = rows[i].say(text, m);
    }
    if (!said)
        said = pool_format(text->pool, "%s %s%s", handle_of(text, m->kind, m->handle),
                           words ? words : f->detector->sentence, error_of(text, m));
    text_line(text, PAINT_NONE, "    what    %s", said);
}
