/* SPDX-License-Identifier: MIT */
/*
 * See text_live_tasks.h. Threads in the same place, in the same state, made at the same
 * place, are one block: of a thousand workers a person wants to see the ten that are not
 * like the others. What few do comes last, nearest to the prompt.
 */
#include "text_live_tasks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../project.h"
#include "text_parts.h"

enum { TIDS_TOP = 8, WAIT_ROOM = 64, NAMES_TOP = 3 };

struct row {
    const struct live_thread *thread;
    const struct task *task; /* of the snapshot; NULL: none */
    const char *wait;        /* "futex 0x7f.." */
    uint64_t wait_ns;        /* CTT_NEVER: not known */
    struct row *next;        /* in its group */
};

struct group {
    struct row *first, *last;
    size_t count;
    struct group *next;
};

struct tasks {
    struct text *text;
    const struct live_view *view;
    struct row *rows;
    struct group *groups;
    size_t count;
};

/* ---- rows ---- */

static const struct task *task_of(const struct live_view *view, pid_t own_tid)
{
    if (!view->tracked)
        return NULL;
    for (const struct task *t = view->report->model->tasks; t; t = t->hh.next) {
        if (t->tid == (uint32_t)own_tid && !(t->flags & (CTT_TASK_ENDED | CTT_TASK_DECLARED)))
            return t;
    }
    return NULL;
}

static void row_fill(const struct tasks *tasks, struct row *row, const struct live_thread *thread)
{
    char *wait = pool_alloc(tasks->text->pool, WAIT_ROOM);

    live_call_describe(&thread->call, wait, WAIT_ROOM);
    row->thread = thread;
    row->task = task_of(tasks->view, thread->own_tid);
    row->wait = wait;
    row->wait_ns = CTT_NEVER;
    /* The snapshot's word holds if it waits for the same as then. */
    if (row->task && row->task->wait && strcmp(row->task->wait, wait) == 0)
        row->wait_ns = row->task->wait_ns;
}

static size_t wait_word(const struct row *row)
{
    return strcspn(row->wait, " ");
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Contexts differ from thread to thread: those that are named are compared by name. */
static const char *context_name(const struct row *row)
{
    return row->task ? context_label(row->task->active ? row->task->active : row->task->context)
                     : NULL;
}

static bool row_same(const struct row *a, const struct row *b)
{
    return a->thread->stack == b->thread->stack && a->thread->state == b->thread->state &&
           a->thread->reading == b->thread->reading && a->thread->reason == b->thread->reason &&
           a->thread->frames.cut == b->thread->frames.cut && wait_word(a) == wait_word(b) &&
           strncmp(a->wait, b->wait, wait_word(a)) == 0 && !a->task == !b->task &&
           same_text(context_name(a), context_name(b)) &&
           (!a->task || (a->task->created_stack == b->task->created_stack &&
                         a->task->creator == b->task->creator));
}

static void row_add(struct tasks *tasks, struct row *row)
{
    struct group **place = &tasks->groups;
    bool alone = tasks->view->report->request->all;

    while (*place && (alone || !row_same((*place)->first, row)))
        place = &(*place)->next;
    if (!*place) {
        *place = pool_alloc(tasks->text->pool, sizeof(**place));
        (*place)->first = row;
    } else {
        (*place)->last->next = row;
    }
    (*place)->last = row;
    (*place)->count++;
}

static int group_order(const struct group *a, const struct group *b)
{
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return (a->first->thread->tid > b->first->thread->tid) -
           (a->first->thread->tid < b->first->thread->tid);
}

/* ---- one group ---- */

static const char *state_phrase_of(char letter)
{
    static const struct {
        char letter;
        const char *phrase;
    } rows[] = {{'R', "running"},           {'S', "sleeping"}, {'D', "in the kernel (disk sleep)"},
                {'T', "stopped"},           {'Z', "ended"},    {'X', "ended"},
                {'t', "stopped (tracing)"}, {'I', "idle"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].letter == letter)
            return rows[i].phrase;
    }
    return "in an unknown state";
}

/* "sleeping in futex 0x7f..", of several "sleeping in futex". */
static const char *doing(struct text *text, const struct group *group)
{
    const struct row *row = group->first;
    const char *state = state_phrase_of(row->thread->state);
    bool same = true;

    if (row->thread->call.number < 0)
        return row->thread->call.number == LIVE_CALL_RUNNING ? "running" : state;
    for (const struct row *r = row; r; r = r->next)
        same = same && strcmp(r->wait, row->wait) == 0;
    if (same)
        return pool_format(text->pool, "%s in %s", state, row->wait);
    return pool_format(text->pool, "%s in %.*s", state, (int)wait_word(row), row->wait);
}

static const char *waited(struct text *text, const struct group *group)
{
    uint64_t least = CTT_NEVER, most = 0;

    for (const struct row *r = group->first; r; r = r->next) {
        if (r->wait_ns == CTT_NEVER)
            continue;
        least = r->wait_ns < least ? r->wait_ns : least;
        most = r->wait_ns > most ? r->wait_ns : most;
    }
    if (least == CTT_NEVER)
        return "";
    if (group->count == 1)
        return pool_format(text->pool, ", for %s", text_duration(text, least));
    return pool_format(text->pool, ", for %s to %s", text_duration(text, least),
                       text_duration(text, most));
}

static const char *tids(struct text *text, const struct group *group)
{
    size_t limit = text_top(text, group->count, TIDS_TOP), shown = 0;
    const char *list = "";

    for (const struct row *r = group->first; r && shown < limit; r = r->next)
        list = pool_format(text->pool, "%s%s%d", list, shown++ ? ", " : "", r->thread->tid);
    if (group->count > limit)
        list = pool_format(text->pool, "%s, and %zu more", list, group->count - limit);
    return list;
}

static const char *names(struct text *text, const struct group *group)
{
    const char *list = "";
    size_t shown = 0;

    for (const struct row *r = group->first; r; r = r->next) {
        bool before = false;

        for (const struct row *b = group->first; b != r && !before; b = b->next)
            before = strcmp(b->thread->name, r->thread->name) == 0;
        if (before)
            continue;
        if (shown == NAMES_TOP)
            return pool_format(text->pool, "%s, ...", list);
        list = pool_format(text->pool, "%s%s\"%s\"", list, shown++ ? ", " : "", r->thread->name);
    }
    return list;
}

static void group_head_write(struct tasks *tasks, const struct group *group)
{
    struct text *text = tasks->text;
    const struct row *row = group->first;

    text_line(text, PAINT_NONE, "%s", "");
    if (group->count > 1)
        text_line(text, PAINT_BOLD, "%zu of %zu tasks  %s%s", group->count, tasks->count,
                  doing(text, group), waited(text, group));
    else if (row->task)
        text_line(text, PAINT_BOLD, "task %u  \"%s\"  %s%s", row->task->id, row->thread->name,
                  doing(text, group), waited(text, group));
    else
        text_line(text, PAINT_BOLD, "thread \"%s\"  %s%s", row->thread->name, doing(text, group),
                  tasks->view->tracked ? "  (begun since the snapshot)" : "");
    text_line(text, PAINT_NONE, "    tid     %s%s%s", tids(text, group),
              group->count > 1 ? "  " : "", group->count > 1 ? names(text, group) : "");
}

static void creation_write(struct text *text, const struct task *task)
{
    const struct frame *frame;

    if (task->flags & CTT_TASK_MAIN)
        return;
    frame = stack_best_frame(text->report->model, task->created_stack);
    if (frame)
        text_line(text, PAINT_NONE, "    created by %s %s in task %u", text_function(text, frame),
                  text_place(text, frame, true), task->creator);
    else if (task->flags & CTT_TASK_UNTRACKED)
        text_line(text, PAINT_NONE, "    created by a way that no hook saw");
    else if (task->creator)
        text_line(text, PAINT_NONE, "    created by task %u", task->creator);
}

static void context_write(struct text *text, const struct group *group)
{
    const struct task *task = group->first->task;
    const struct context *context = task->active ? task->active : task->context;

    if (task->why && group->count == 1)
        text_line(text, PAINT_NONE, "    says    it waits for %s 0x%" PRIx64 "%s%s", task->why,
                  task->object, task->blocked_ns ? ", for " : "",
                  task->blocked_ns ? text_age(text, task->blocked_ns) : "");
    if (group->count == 1)
        text_line(text, PAINT_NONE, "    whose   %s", text_context_path(text, context));
    else if (context_name(group->first))
        text_line(text, PAINT_NONE, "    whose   %s", context_name(group->first));
}

static const char *cut_sentence(enum live_cut cut)
{
    static const char *const sentences[] = {
        [LIVE_CUT_REGISTER] = "the next frame depends on a register that is not known",
        [LIVE_CUT_MEMORY] = "the next frame lies in memory that was not copied",
        [LIVE_CUT_NO_RULE] = "the module has no unwind information here",
        [LIVE_CUT_NO_CODE] = "called from code in no module (JIT)",
        [LIVE_CUT_DEPTH] = "deeper than is counted",
    };

    return sentences[cut];
}

static void stack_write(struct tasks *tasks, const struct live_thread *thread)
{
    struct text *text = tasks->text;

    if (tasks->view->no_stacks)
        return;
    if (thread->reading == LIVE_UNREAD) {
        text_line(text, PAINT_DIM, "    stack   none: %s",
                  thread->reason ? thread->reason : "it moved while it was read");
        return;
    }
    text_write_stack(text, "stack", thread->stack);
    if (thread->frames.cut)
        text_line(text, PAINT_DIM, "            (cut here: %s)", cut_sentence(thread->frames.cut));
    if (thread->frames.cut && thread->reason)
        text_line(text, PAINT_DIM, "            (%s)", thread->reason);
}

static void group_write(struct tasks *tasks, const struct group *group)
{
    group_head_write(tasks, group);
    if (group->first->task)
        context_write(tasks->text, group);
    stack_write(tasks, group->first->thread);
    if (group->first->task)
        creation_write(tasks->text, group->first->task);
}

/* ---- all of them ---- */

/* "3 stops of 0.05 ms at most (0.12 ms in all), 997 read as they waited" */
static const char *disturbance(struct tasks *tasks)
{
    const struct live_stacks *stacks = tasks->view->stacks;
    struct text *text = tasks->text;
    size_t waiting = 0, unread = 0;
    const char *said;

    if (tasks->view->no_stacks)
        return "no thread was looked into";
    for (size_t i = 0; i < stacks->count; i++) {
        waiting += stacks->threads[i].reading == LIVE_READ_WAITING;
        unread += stacks->threads[i].reading == LIVE_UNREAD;
    }
    if (stacks->stops)
        said =
            pool_format(text->pool, "%" PRIu64 " stop%s of %.2f ms at most (%.2f ms in all)",
                        stacks->stops, stacks->stops == 1 ? "" : "s",
                        (double)stacks->stop_longest_ns / 1e6, (double)stacks->stop_total_ns / 1e6);
    else
        said = "no thread was stopped";
    if (waiting)
        said = pool_format(text->pool, "%s, %zu read as they waited", said, waiting);
    return unread ? pool_format(text->pool, "%s, %zu without a stack", said, unread) : said;
}

static void head_write(struct tasks *tasks)
{
    const struct process *process = &tasks->view->report->model->process;
    struct text *text = tasks->text;

    if (tasks->view->tracked)
        text_write_head(text);
    else
        text_line(text, PAINT_BOLD, "ctxtrace %s  %s[%u]%s%s  %s  up %s", CTXTRACE_VERSION,
                  process->name, process->facts.pid, process->host ? "@" : "",
                  process->host ? process->host : "",
                  tasks->view->silent ? "no snapshot" : "no tracker in it",
                  text_duration(text, process->facts.uptime_ns));
    if (tasks->view->tracer)
        text_line(text, PAINT_NONE, "traced by %s", tasks->view->tracer);
    text_line(text, PAINT_NONE, "%zu task%s: %s", tasks->count, tasks->count == 1 ? "" : "s",
              disturbance(tasks));
}

void render_live_tasks(const struct live_view *view, FILE *out)
{
    struct text text = {.report = view->report, .pool = pool_new(), .out = out};
    struct tasks tasks = {.text = &text, .view = view, .count = view->stacks->count};

    tasks.rows = xalloc((tasks.count + 1) * sizeof(*tasks.rows));
    for (size_t i = 0; i < tasks.count; i++) {
        row_fill(&tasks, &tasks.rows[i], &view->stacks->threads[i]);
        row_add(&tasks, &tasks.rows[i]);
    }
    LL_SORT(tasks.groups, group_order);
    head_write(&tasks);
    for (const struct group *g = tasks.groups; g; g = g->next)
        group_write(&tasks, g);
    if (view->tracked && !view->tid)
        text_write_live_jobs(&text);
    free(tasks.rows);
    pool_free(text.pool);
}
