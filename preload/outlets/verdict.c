/* SPDX-License-Identifier: MIT */
#include "preload/outlets/verdict.h"

#include <string.h>

#include "preload/books/fdtable.h"
#include "preload/books/keytable.h"
#include "preload/books/ledger.h"
#include "preload/books/mishap.h"
#include "preload/facts/context.h"
#include "preload/facts/context_note.h"
#include "preload/facts/job.h"
#include "preload/facts/lateness.h"
#include "preload/facts/stack.h"
#include "preload/ground/config.h"
#include "preload/ground/sys.h"
#include "preload/outlets/switched_off.h"

#define CHILDREN_TOLD 4u  /* D18: ended children of one stack */
#define FRAMES_LOOKED 64u /* deeper, nobody would call it the acquirer */
#define PILES         1024u
#define LIBCTX        "/libctx.so"

/* ---- in-project ---- */

/* '*' and '?' as in a shell, '/' included; nothing more. */
static bool glob_matches(const char *glob, const char *text)
{
    const char *star = NULL, *resume = NULL;
    while (*text) {
        if (*glob == '*') {
            star = glob++;
            resume = text;
        } else if (*glob == '?' || *glob == *text) {
            glob++;
            text++;
        } else if (star) {
            glob = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return *glob == '\0';
}

static bool path_is_system(const char *path)
{
    static const struct row {
        const char *prefix;
        bool system;
    } rows[] = {
        {"/usr/local/", false}, {"/usr/", true}, {"/lib", true}, {"/bin/", true}, {"/sbin/", true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strncmp(path, rows[i].prefix, strlen(rows[i].prefix)) == 0)
            return rows[i].system;
    return *path == '[';
}

bool module_in_project(const struct module *module)
{
    const uint32_t runtime =
        CTT_MODULE_TRACKER | CTT_MODULE_LIBC | CTT_MODULE_VDSO | CTT_MODULE_LOADER;
    if (!module || !module->path || (module->flags & runtime))
        return false;
    const char *base = strrchr(module->path, '/');
    if (base && strncmp(base, LIBCTX, strlen(LIBCTX)) == 0)
        return false;
    if (!*config.project)
        return !path_is_system(module->path);
    return glob_matches(config.project, module->path) ||
           (base && glob_matches(config.project, base + 1));
}

/* Any frame: a library of the system's may have been called by the program. */
bool verdict_is_of_project(uint32_t stack)
{
    uint64_t pcs[FRAMES_LOOKED];
    enum ctt_cut cut;
    if (stack == STACK_NONE)
        return false; /* so says the command, too */
    size_t count = stack_pcs(stack, pcs, FRAMES_LOOKED, &cut);
    for (size_t i = 1; i < count; i++)
        if (module_in_project(module_get(CTT_PC_MODULE(pcs[i]))))
            return true;
    /* No frame at all, or none of a module: cannot tell, so the command may. */
    return count <= 1;
}

/* A double close by a single-threaded system program did no harm to anybody:
 * bash does one in most pipelines (detectors.md D19). */
static bool mishap_worth(const struct ctt_mishap *mishap)
{
    switch (mishap->id) {
    case 0:
    case CTT_MISHAP_LOST_CANCEL:
    case CTT_MISHAP_FAILED_CLOSE:
    case CTT_MISHAP_FAILED_WRITE: /* notes, all */
        return false;
    case CTT_MISHAP_CLEANUP_SKIPPED:
    case CTT_MISHAP_LEFT_ATTACHED: /* seen when the thread's own frames are gone */
        return verdict_is_of_project(mishap->acquired_stack);
    case CTT_MISHAP_WAITGROUP_NEGATIVE:
    case CTT_MISHAP_WAITGROUP_REUSED:
    case CTT_MISHAP_WAITGROUP_DESTROYED:
    case CTT_MISHAP_WAITGROUP_UNDONE:
    case CTT_MISHAP_POP_ORDER:
    case CTT_MISHAP_POP_ELSEWHERE:
    case CTT_MISHAP_CONTEXT_RELEASED:
    case CTT_MISHAP_RELEASE_ORDER:
    case CTT_MISHAP_NOT_HELD:
    case CTT_MISHAP_OUTCOME:
    case CTT_MISHAP_RECOVERED_NONE:
        return verdict_is_of_project(mishap->stack);
    case CTT_MISHAP_DOUBLE_CLOSE:
        return mishap->tasks > 1 || verdict_is_of_project(mishap->stack);
    case CTT_MISHAP_IGNORED_FD:
    case CTT_MISHAP_IGNORED_POINTER:
    case CTT_MISHAP_IGNORED_COUNT:
    case CTT_MISHAP_IGNORED_THREAD:
        return verdict_is_of_project(mishap->stack);
    default:
        return true;
    }
}

/* ---- holdings ---- */

struct look {
    bool worth;
    /* How many of a kind and stack, by a hash of the two: a collision makes a
     * pile of two small ones, and the command sees that it is none. */
    uint16_t piles[PILES];
};

static bool is_pile(struct look *look, const struct holding_copy *holding, uint32_t enough)
{
    uint32_t i = (holding->stack * 2654435761u ^ holding->kind) % PILES;
    return holding->stack != STACK_NONE && ++look->piles[i] >= enough;
}

/* A deadline ends its context, whether or not anybody has looked since. */
static bool is_past_deadline(uint32_t context)
{
    const struct context_note *note = note_of(context);
    return note && atomic_load(&note->deadline_ns) <= clock_since_ns();
}

static bool has_ended(uint32_t id)
{
    struct context_copy context;
    return id != CONTEXT_PROCESS && context_read(id, &context) &&
           (context.state != CTT_STATE_ACTIVE || is_past_deadline(id));
}

static bool owner_ended(const struct holding_copy *holding)
{
    return has_ended(holding->context);
}

/* D5: a declared task that its context did not wait for. */
static bool any_task_outlives(void)
{
    struct job_copy job;
    uint32_t slots = job_slots();
    for (uint32_t slot = 1; slot < slots; slot++)
        if (job_read(slot, &job) && has_ended(job.context))
            return true;
    return false;
}

/* D2: nothing of it need be held any more. */
static bool any_came_late(void)
{
    const struct lateness *lateness = NULL;
    struct ctt_late late;
    while ((lateness = lateness_next(lateness)))
        if (lateness_read(lateness, &late) && late.count && late.longest_ns > config.grace &&
            verdict_is_of_project(late.stack))
            return true;
    return false;
}

/* D1 of memory: what a thread's end leaves is handed over, what a declared context's does is
 * not. So the ledger is gone through only where there were such contexts. */
static void look_at_block(const struct block *block, void *arg)
{
    struct look *look = arg;
    struct context_copy context;
    look->worth =
        look->worth || (context_read(block->context, &context) && context.kind == CTT_CONTEXT_CTX &&
                        has_ended(block->context) && verdict_is_of_project(block->stack));
}

static bool merely_held_is_told(const struct holding_copy *holding)
{
    if (strcmp(config.held, "none") == 0)
        return false;
    if (strcmp(config.held, "all") == 0 || strcmp(config.exit, "all") == 0)
        return true;
    return verdict_is_of_project(holding->stack);
}

static void look_at(const struct holding_copy *holding, void *arg)
{
    struct look *look = arg;
    const uint16_t blameless = CTT_HOLDING_INHERITED | CTT_HOLDING_STDIO | CTT_HOLDING_IGNORED;
    if (look->worth || (holding->flags & blameless))
        return;
    switch (holding->kind) {
    case CTT_KIND_THREAD:
        look->worth =
            (holding->flags & CTT_HOLDING_ENDED) && !(holding->flags & CTT_HOLDING_DETACHED);
        return;
    case CTT_KIND_PROCESS:
        look->worth = is_pile(look, holding, CHILDREN_TOLD);
        return;
    case CTT_KIND_CLEANUP:
        look->worth = true; /* D12: it has not run, and will not */
        return;
    default:
        look->worth = owner_ended(holding) ||
                      (is_pile(look, holding, (uint32_t)config.pile_up) &&
                       verdict_is_of_project(holding->stack)) ||
                      merely_held_is_told(holding);
    }
}

bool verdict_worth_saying(void)
{
    static struct look look;
    struct ctt_mishap mishap;
    memset(&look, 0, sizeof look);
    for (uint32_t i = 0; mishap_read(i, &mishap); i++)
        if (mishap_worth(&mishap))
            return true;
    if (is_switched_off())
        return false;
    int limit = fd_limit();
    for (int fd = 0; fd < limit && !look.worth; fd++) {
        struct holding_copy holding;
        if (fd_read(fd, &holding))
            look_at(&holding, &look);
    }
    if (!look.worth)
        key_scan(look_at, &look);
    look.worth = look.worth || any_task_outlives() || any_came_late();
    if (!look.worth && atomic_load(&contexts_declared))
        ledger_scan(look_at_block, &look);
    return look.worth;
}
