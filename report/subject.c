/* SPDX-License-Identifier: MIT */
/*
 * See subject.h.
 */
#include "subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detectors/detector.h"
#include "detectors/rules.h"

enum { CANDIDATES_TOP = 20, KIND_ROOM = 24 };

/* ---- findings ---- */

/* Those that a rule hides come last. */
static const struct finding *finding_first(const struct report *report)
{
    return report->findings ? report->findings : report->suppressed;
}

static const struct finding *finding_next(const struct report *report, const struct finding *f)
{
    return f->hh.next || f->rule ? f->hh.next : report->suppressed;
}

static bool finding_matches(const struct finding *f, const char *prefix)
{
    return strncmp(f->id, prefix, strlen(prefix)) == 0;
}

/* Those that the prefix names; the empty one names all. */
static void candidates_write(const struct report *report, const char *prefix)
{
    unsigned written = 0, more = 0;

    for (const struct finding *f = finding_first(report); f; f = finding_next(report, f)) {
        if (!finding_matches(f, prefix))
            continue;
        if (written == CANDIDATES_TOP) {
            more++;
            continue;
        }
        fprintf(stderr, "  %s  %s, %s x%" PRIu64 "%s\n", f->id, f->detector->name,
                model_kind_name(report->model, f->kind), f->count, f->rule ? ", suppressed" : "");
        written++;
    }
    if (more)
        fprintf(stderr, "  and %u more\n", more);
}

static int finding_find(struct subject *ret_subject, const struct report *report, const char *id)
{
    const struct finding *found = NULL;
    unsigned count = 0, same = 0;

    for (const struct finding *f = finding_first(report); f; f = finding_next(report, f)) {
        if (!finding_matches(f, id))
            continue;
        found = found ? found : f;
        same += strcmp(f->id, found->id) == 0;
        count++;
    }
    if (count && count == same) {
        *ret_subject = (struct subject){.finding = found};
        return 0;
    }
    if (count > 1)
        fprintf(stderr, "ctxtrace: \"%s\" begins the id of %u findings:\n", id, count);
    else
        fprintf(stderr, "ctxtrace: no finding has an id that begins with \"%s\"%s\n", id,
                finding_first(report) ? "; there are:" : ": there is none");
    candidates_write(report, count ? id : "");
    return -1;
}

/* ---- what is listed ---- */

static bool kind_fits(const struct report *report, const struct holding *h, const char *word)
{
    if (strcmp(word, model_kind_name(report->model, h->kind)) == 0)
        return true;
    return strcmp(word, "fd") == 0 && kind_is_descriptor(h->kind) && h->kind != CTT_KIND_STREAM &&
           h->kind != CTT_KIND_DIR;
}

static int holding_find(struct subject *ret_subject, const struct report *report, const char *word,
                        uint64_t handle)
{
    const struct holding *h;

    DL_FOREACH (report->model->holdings, h) {
        if (h->grouped || h->handle != handle || !kind_fits(report, h, word))
            continue;
        *ret_subject = (struct subject){.holding = h};
        return 0;
    }
    return -1;
}

/* "fd 3, fd 7, ..." of what the word names. */
static void handles_write(const struct report *report, const char *word)
{
    const struct holding *h;
    unsigned written = 0;

    DL_FOREACH (report->model->holdings, h) {
        bool is_number = kind_is_descriptor(h->kind) || h->kind == CTT_KIND_THREAD ||
                         h->kind == CTT_KIND_PROCESS;

        if (h->grouped || !kind_fits(report, h, word))
            continue;
        if (written++ < CANDIDATES_TOP)
            fprintf(stderr,
                    is_number && h->kind != CTT_KIND_STREAM && h->kind != CTT_KIND_DIR
                        ? "%s%s:%" PRIu64
                        : "%s%s:0x%" PRIx64,
                    written == 1 ? "  " : " ", word, h->handle);
    }
    if (written > CANDIDATES_TOP)
        fprintf(stderr, " and %u more", written - CANDIDATES_TOP);
    if (written)
        fputc('\n', stderr);
}

static int task_find(struct subject *ret_subject, const struct report *report, uint64_t number)
{
    const struct task *task = NULL;

    if (number && number <= UINT32_MAX)
        task = model_task(report->model, (uint32_t)number);
    for (const struct task *t = report->model->tasks; t && !task; t = t->hh.next) {
        if (t->tid == number)
            task = t;
    }
    *ret_subject = (struct subject){.task = task};
    return task ? 0 : -1;
}

static int context_find(struct subject *ret_subject, const struct report *report, uint64_t number)
{
    const struct context *context =
        number <= UINT32_MAX ? model_context(report->model, (uint32_t)number) : NULL;

    *ret_subject = (struct subject){.context = context};
    return context ? 0 : -1;
}

static int listed_find(struct subject *ret_subject, const struct report *report, const char *id,
                       const char *colon)
{
    char word[KIND_ROOM] = "";
    char *end;
    uint64_t number = strtoull(colon + 1, &end, 0);
    int r;

    if ((size_t)(colon - id) < sizeof(word))
        memcpy(word, id, (size_t)(colon - id));
    if (!*word || end == colon + 1 || *end) {
        fprintf(stderr, "ctxtrace: \"%s\": expected a word and a number, such as fd:7\n", id);
        return -1;
    }
    if (strcmp(word, "task") == 0)
        r = task_find(ret_subject, report, number);
    else if (strcmp(word, "job") == 0 && !model_knows_kind(report->model, word))
        r = task_find(ret_subject, report, number | CTT_TASK_DECLARED_ID);
    else if (strcmp(word, "context") == 0)
        r = context_find(ret_subject, report, number);
    else if (model_knows_kind(report->model, word))
        r = holding_find(ret_subject, report, word, number);
    else {
        fprintf(stderr, "ctxtrace: \"%s\": no such kind (task, context, fd, socket, stream, ...)\n",
                id);
        return -1;
    }
    if (r < 0 && strcmp(word, "memory") == 0)
        fprintf(stderr, "ctxtrace: memory is listed by its stacks, not block by block\n");
    else if (r < 0) {
        fprintf(stderr, "ctxtrace: the dump lists no %s %s\n", word, colon + 1);
        handles_write(report, word);
    }
    return r;
}

int subject_find(struct subject *ret_subject, const struct report *report, const char *id)
{
    const char *colon = strchr(id, ':');

    return colon ? listed_find(ret_subject, report, id, colon)
                 : finding_find(ret_subject, report, id);
}
