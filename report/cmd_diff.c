/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace diff A B`: what is held in B and was not in A, by stack. Stacks
 * are told apart by their addresses within the modules while both dumps come
 * from the same build, else by the names of their functions.
 *
 * Estimates of sampled memory are compared as they are, with their error. Of one
 * process the blocks that stay are the same samples in both dumps, so that there the
 * error of a change is less than what is shown. A dump that is sampled otherwise, or
 * not at all, is refused without --force.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "command.h"
#include "dump.h"
#include "live.h"
#include "output.h"
#include "project.h"
#include "render/json_writer.h"
#include "render/text_style.h"

enum { SIDE_A, SIDE_B, SIDES };
enum { DIFF_TOP = 40 };

struct diff_key {
    uint64_t identity;
    uint64_t kind;
};

struct diff_row {
    struct diff_key key;
    uint32_t kind;       /* as `model` numbers it */
    struct model *model; /* of the stack shown */
    struct stack *stack;
    uint64_t count[SIDES], bytes[SIDES]; /* of `estimate` */
    struct estimate estimate[SIDES];
    UT_hash_handle hh;
};

struct diff {
    struct dump dumps[SIDES];
    struct pool *pool;
    struct diff_row *rows;
    bool by_name, all, no_color, force;
};

static const char *row_verdict(const struct diff_row *row)
{
    if (!row->count[SIDE_A])
        return "new";
    if (!row->count[SIDE_B])
        return "gone";
    if (row->count[SIDE_A] == row->count[SIDE_B])
        return "same";
    return row->count[SIDE_A] < row->count[SIDE_B] ? "grown" : "shrunk";
}

static int64_t row_change(const struct diff_row *row)
{
    return (int64_t)(row->count[SIDE_B] - row->count[SIDE_A]);
}

static bool diff_is_sampled(const struct diff *diff, uint32_t kind)
{
    return model_is_sampled(diff->dumps[SIDE_A].model, kind) ||
           model_is_sampled(diff->dumps[SIDE_B].model, kind);
}

/* Of the change, in blocks: a standard error, or more. */
static double row_error(const struct diff_row *row)
{
    struct estimate sum = row->estimate[SIDE_A];

    estimate_add(&sum, &row->estimate[SIDE_B]);
    return estimate_count_error(&sum);
}

/* Most growth first. */
static int row_order(struct diff_row *a, struct diff_row *b)
{
    int64_t left = row_change(a), right = row_change(b);

    if (left != right)
        return left < right ? 1 : -1;
    if (a->count[SIDE_B] != b->count[SIDE_B])
        return a->count[SIDE_B] < b->count[SIDE_B] ? 1 : -1;
    return (a->key.identity > b->key.identity) - (a->key.identity < b->key.identity);
}

static const char *program_build_id(const struct model *model)
{
    for (const struct module *m = model->modules; m; m = m->hh.next) {
        if (m->flags & CTT_MODULE_EXECUTABLE)
            return m->build_id ? m->build_id : "";
    }
    return "";
}

/* Kinds of the program's own are numbered as they come: another run may do so otherwise. */
static uint64_t kind_identity(const struct model *model, uint32_t kind)
{
    const char *name = model_kind_name(model, kind);

    return kind < CTT_KIND_OWN_FIRST ? kind : XXH64(name, strlen(name), 0);
}

static void side_add(struct diff *diff, int side)
{
    struct dump *dump = &diff->dumps[side];
    struct live live = live_make(dump->report, false);

    for (size_t i = 0; i < live.count; i++) {
        const struct live_row *in = &live.rows[i];
        struct diff_key key = {stack_identity(dump->model, in->stack, diff->by_name),
                               kind_identity(dump->model, in->kind)};
        struct diff_row *row;

        HASH_FIND(hh, diff->rows, &key, sizeof(key), row);
        if (!row) {
            row = pool_alloc(diff->pool, sizeof(*row));
            row->key = key;
            row->kind = in->kind;
            row->model = dump->model;
            row->stack = in->stack;
            HASH_ADD(hh, diff->rows, key, sizeof(row->key), row);
        }
        estimate_add(&row->estimate[side], &in->estimate);
        row->count[side] = estimate_count(&row->estimate[side]);
        row->bytes[side] = estimate_bytes(&row->estimate[side]);
    }
    live_drop(&live);
}

static void diff_make(struct diff *diff)
{
    diff->by_name = strcmp(program_build_id(diff->dumps[SIDE_A].model),
                           program_build_id(diff->dumps[SIDE_B].model)) != 0;
    side_add(diff, SIDE_A);
    side_add(diff, SIDE_B);
    HASH_SORT(diff->rows, row_order);
}

static void text_side_write(struct text *text, const char *side, const struct dump *dump)
{
    const struct process *process = &dump->model->process;

    bool sampled = model_is_sampled(dump->model, CTT_KIND_MEMORY);

    text_line(text, PAINT_BOLD, "%s  %s[%u] #%u  up %s  %s%s%s", side,
              process->name ? process->name : "?", process->facts.pid, process->facts.sequence,
              text_duration(text, process->facts.uptime_ns), dump->path,
              sampled ? "  memory sampled " : "", sampled ? text_sampling(text, dump->model) : "");
}

/* "+8000 +-900" where the change is an estimate. */
static const char *change_text(struct text *text, const struct diff *diff,
                               const struct diff_row *row)
{
    if (!diff_is_sampled(diff, CTT_KIND_MEMORY))
        return pool_format(text->pool, "%+9" PRId64, row_change(row));
    if (!diff_is_sampled(diff, row->kind))
        return pool_format(text->pool, "%+9" PRId64 " %9s", row_change(row), "");
    return pool_format(text->pool, "%+9" PRId64 " +-%7.0f", row_change(row), row_error(row));
}

static void text_write(struct diff *diff, FILE *out)
{
    struct text text = {.report = diff->dumps[SIDE_B].report, .pool = diff->pool, .out = out};
    size_t shown = 0, same = 0, changed = 0;

    diff->dumps[SIDE_B].request.color = !diff->no_color && output_wants_color(out);
    text_side_write(&text, "before", &diff->dumps[SIDE_A]);
    text_side_write(&text, "after ", &diff->dumps[SIDE_B]);
    text_line(&text, PAINT_NONE, "%s", "");
    text_line(&text, PAINT_DIM, "  %-6s  %-8s %9s %9s %9s%s %11s  %s", "what", "kind", "before",
              "after", "change", diff_is_sampled(diff, CTT_KIND_MEMORY) ? "     error" : "", "size",
              "acquired at");
    for (const struct diff_row *row = diff->rows; row; row = row->hh.next) {
        row_change(row) ? changed++ : same++;
        if (!diff->all && (!row_change(row) || shown >= DIFF_TOP))
            continue;
        shown++;
        text_line(&text, row_change(row) > 0 ? PAINT_BAD : PAINT_NONE,
                  "  %-6s  %-8s %9" PRIu64 " %9" PRIu64 " %s %11s  %s", row_verdict(row),
                  model_kind_name(row->model, row->kind), row->count[SIDE_A], row->count[SIDE_B],
                  change_text(&text, diff, row), text_bytes(&text, row->bytes[SIDE_B]),
                  text_where(&text, row->model, row->stack));
    }
    if (!diff->all && changed > shown)
        text_line(&text, PAINT_DIM, "  and %zu more (--all)", changed - shown);
    text_line(&text, PAINT_NONE, "%zu stack%s changed, %zu the same", changed,
              changed == 1 ? "" : "s", same);
}

static void json_side_write(struct json *json, const char *key, const struct dump *dump)
{
    json_open(json, key, '{');
    json_text(json, "path", dump->path);
    json_number(json, "pid", dump->model->process.facts.pid);
    json_number(json, "sequence", dump->model->process.facts.sequence);
    json_seconds(json, "uptime_s", dump->model->process.facts.uptime_ns);
    json_number(json, "memory_sample_bytes", dump->model->process.facts.sample_bytes);
    json_close(json, '}');
}

static void json_frames_write(struct json *json, const struct diff_row *row)
{
    size_t count;
    const struct frame *frames = model_frames(row->model, row->stack, &count);

    json_open(json, "stack", '[');
    for (size_t i = 0; i < count; i++) {
        json_open(json, NULL, '{');
        json_text(json, "function", frames[i].function);
        json_text(json, "file", frames[i].file);
        json_number(json, "line", frames[i].line);
        json_text(json, "module", frames[i].module ? frames[i].module->path : NULL);
        json_address(json, "offset", frames[i].address);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void json_write(const struct diff *diff, FILE *out)
{
    struct json json = {.out = out};

    json_open(&json, NULL, '{');
    json_text(&json, "schema", "ctxtrace.diff/1");
    json_side_write(&json, "a", &diff->dumps[SIDE_A]);
    json_side_write(&json, "b", &diff->dumps[SIDE_B]);
    json_open(&json, "rows", '[');
    for (const struct diff_row *row = diff->rows; row; row = row->hh.next) {
        json_open(&json, NULL, '{');
        json_text(&json, "change", row_verdict(row));
        json_text(&json, "kind", model_kind_name(row->model, row->kind));
        json_number(&json, "count_a", row->count[SIDE_A]);
        json_number(&json, "count_b", row->count[SIDE_B]);
        json_number(&json, "bytes_a", row->bytes[SIDE_A]);
        json_number(&json, "bytes_b", row->bytes[SIDE_B]);
        if (diff_is_sampled(diff, row->kind))
            json_number(&json, "count_error", (uint64_t)(row_error(row) + 0.5));
        json_frames_write(&json, row);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
}

static int diff_write(struct diff *diff, const struct output_list *outputs)
{
    int status = STATUS_OK;

    for (size_t i = 0; i < outputs->count; i++) {
        const struct output *output = &outputs->items[i];
        FILE *out = output_open(output);

        if (!out)
            return STATUS_INTERNAL;
        if (strcmp(output->renderer->name, "json") == 0)
            json_write(diff, out);
        else
            text_write(diff, out);
        if (output_close(output, out) < 0)
            status = STATUS_INTERNAL;
    }
    return status;
}

static uint64_t side_sampling(const struct diff *diff, int side)
{
    return diff->dumps[side].model->process.facts.sample_bytes;
}

/* 0, or -1 when the two were not taken alike. */
static int diff_check(const struct diff *diff)
{
    if (diff->force || side_sampling(diff, SIDE_A) == side_sampling(diff, SIDE_B))
        return 0;
    fprintf(stderr,
            "ctxtrace: memory is not recorded alike: sample=%" PRIu64 " in %s, sample=%" PRIu64
            " in %s (--force compares them)\n",
            side_sampling(diff, SIDE_A), diff->dumps[SIDE_A].path, side_sampling(diff, SIDE_B),
            diff->dumps[SIDE_B].path);
    return -1;
}

static int diff_run(struct diff *diff, char *const *paths, const struct output_list *outputs)
{
    int status = STATUS_OK;

    for (int side = SIDE_A; side < SIDES; side++) {
        if (dump_open(&diff->dumps[side], paths[side], NULL) < 0)
            return diff->dumps[side].status;
        if (diff->dumps[side].status != STATUS_OK)
            status = diff->dumps[side].status;
        dump_judge(&diff->dumps[side]);
    }
    if (diff_check(diff) < 0)
        return STATUS_USAGE;
    diff_make(diff);
    return diff_write(diff, outputs) ?: status;
}

static const char usage[] = "usage: ctxtrace diff [--format=text|json[:PATH]]... [--all] "
                            "[--no-color] [--force] A B\n";

int cmd_diff(int argc, char **argv)
{
    enum { OPT_FORMAT = 1, OPT_ALL, OPT_NO_COLOR, OPT_FORCE, OPT_HELP };
    static const struct option long_options[] = {
        {"format", required_argument, NULL, OPT_FORMAT}, {"all", no_argument, NULL, OPT_ALL},
        {"no-color", no_argument, NULL, OPT_NO_COLOR},   {"force", no_argument, NULL, OPT_FORCE},
        {"help", no_argument, NULL, OPT_HELP},           {0},
    };
    struct output_list outputs = {0};
    struct diff diff = {0};
    int option, status;

    optind = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPT_HELP) {
            fputs(usage, stdout);
            return STATUS_OK;
        }
        if (option == '?' || (option == OPT_FORMAT && output_add(&outputs, optarg) < 0))
            return STATUS_USAGE;
        diff.all |= option == OPT_ALL;
        diff.no_color |= option == OPT_NO_COLOR;
        diff.force |= option == OPT_FORCE;
    }
    if (argc - optind != SIDES) {
        fputs(usage, stderr);
        return STATUS_USAGE;
    }
    output_default(&outputs);
    diff.pool = pool_new();
    status = diff_run(&diff, argv + optind, &outputs);
    HASH_CLEAR(hh, diff.rows);
    for (int side = SIDE_A; side < SIDES; side++)
        dump_close(&diff.dumps[side]);
    pool_free(diff.pool);
    return status;
}
