/* SPDX-License-Identifier: MIT */
/*
 * The first run notes the places, and how the program ends by itself: its status, its
 * findings, how long it takes. Every further one is judged by the difference: killed
 * by a signal, not ended within LIMIT_FACTOR times the time, findings that the first
 * run has not. A program that says no and ends in order is what one wants to see.
 *
 * The runs have no terminal: their input is empty and what they print is dropped.
 */
#include "fail_sweep.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "detectors/detector.h"
#include "dump.h"
#include "process_facts.h"
#include "project.h"
#include "report.h"
#include "run_dumps.h"

#define NS_PER_S     UINT64_C(1000000000)
#define LIMIT_FACTOR 10
#define LIMIT_LEAST  (5 * NS_PER_S)
#define SITES_MAX    10000 /* runs */
#define RULE_MAX     512

struct outcome {
    int wait_status;
    bool hung;
    uint64_t took_ns;
    struct run_dumps dumps;
    struct dump dump; /* the program's own last one; `model` NULL: there is none */
};

struct sweep {
    struct launch *launch;
    const char *function, *dir;
    struct outcome plain;
    size_t crashes, hangs, leaks, misuses;
};

/* ---- one run ---- */

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void own_dump_find(struct outcome *outcome, pid_t pid)
{
    for (size_t i = 0; i < outcome->dumps.count; i++) {
        struct dump dump;

        if (dump_open(&dump, outcome->dumps.paths[i], NULL) < 0)
            continue;
        /* The last, of the last program that the process was. */
        if (dump.model->process.facts.pid != (uint32_t)pid ||
            (outcome->dump.model && outcome->dump.model->process.facts.taken_wall_ns >
                                        dump.model->process.facts.taken_wall_ns)) {
            dump_close(&dump);
            continue;
        }
        if (outcome->dump.model)
            dump_close(&outcome->dump);
        outcome->dump = dump;
    }
    if (outcome->dump.model)
        dump_judge(&outcome->dump);
}

static int run_once(struct sweep *sweep, const char *faults, struct outcome *ret)
{
    struct timespec start;
    uint64_t begun = clock_ns();
    pid_t pid;
    int error;

    *ret = (struct outcome){0};
    tick_sit_out();
    clock_gettime(CLOCK_REALTIME_COARSE, &start);
    sweep->launch->faults = faults;
    error = launch_and_wait(sweep->launch, &pid, &ret->wait_status);
    ret->took_ns = clock_ns() - begun;
    ret->hung = error == -ETIME;
    if (error < 0 && !ret->hung)
        return error;
    run_dumps_collect(&ret->dumps, sweep->dir, &start);
    own_dump_find(ret, pid);
    return 0;
}

static void outcome_clear(struct outcome *outcome)
{
    if (outcome->dump.model)
        dump_close(&outcome->dump);
    run_dumps_clear(&outcome->dumps);
}

/* ---- the difference ---- */

static bool has_finding(const struct outcome *plain, const char *id)
{
    if (!plain->dump.model)
        return false;
    for (const struct finding *f = plain->dump.report->findings; f; f = f->hh.next) {
        if (strcmp(f->id, id) == 0)
            return true;
    }
    return false;
}

/* The first one that is new, and how many there are. */
static const struct finding *new_finding(const struct sweep *sweep, const struct outcome *outcome,
                                         size_t *ret_count)
{
    const struct finding *first = NULL;

    *ret_count = 0;
    if (!outcome->dump.model)
        return NULL;
    for (const struct finding *f = outcome->dump.report->findings; f; f = f->hh.next) {
        if (f->severity == SEVERITY_NOTE || has_finding(&sweep->plain, f->id))
            continue;
        first = first ? first : f;
        ++*ret_count;
    }
    return first;
}

static const struct injection *failure_of(const struct outcome *outcome)
{
    const struct injection *injection;

    if (outcome->dump.model) {
        DL_FOREACH (outcome->dump.model->injections, injection) {
            if (injection->failed)
                return injection;
        }
    }
    return NULL;
}

static void frame_write(const struct frame *frame, const char *otherwise)
{
    const char *slash = frame && frame->file ? strrchr(frame->file, '/') : NULL;

    if (!frame || !frame->function)
        printf("%s", otherwise);
    else if (!frame->file)
        printf("%s", frame->function);
    else
        printf("%s %s:%u", frame->function, slash ? slash + 1 : frame->file, frame->line);
}

/* What is left, or what was done that must not be. */
static void finding_write(const struct outcome *outcome, const struct finding *f, size_t count)
{
    struct model *model = outcome->dump.model;

    printf("%s %s, %" PRIu64 " %s by ", f->mishaps ? "MISUSE" : "LEAK  ", f->detector->name,
           f->count, model_kind_name(model, f->kind));
    frame_write(stack_best_frame(model, f->stack), "?");
    if (count > 1)
        printf(", and %zu more", count - 1);
}

/* Of a run that nobody will look into. */
static void dumps_remove(const struct run_dumps *dumps)
{
    for (size_t i = 0; i < dumps->count; i++)
        unlink(dumps->paths[i]);
}

static void outcome_write(struct sweep *sweep, const char *site, const struct outcome *outcome)
{
    const struct injection *failure = failure_of(outcome);
    bool died = WIFSIGNALED(outcome->wait_status) && !outcome->hung &&
                outcome->wait_status != sweep->plain.wait_status;
    size_t count;
    const struct finding *found = new_finding(sweep, outcome, &count);

    printf("  ");
    frame_write(failure ? stack_best_frame(outcome->dump.model, failure->stack) : NULL, site);
    printf("  [%s]  ", site);
    sweep->hangs += outcome->hung;
    sweep->crashes += died;
    sweep->leaks += found && !found->mishaps;
    sweep->misuses += found && found->mishaps;
    if (outcome->hung)
        printf("HANG   killed after %.0f s", (double)outcome->took_ns / (double)NS_PER_S);
    else if (died)
        printf("CRASH  SIG%s", sigabbrev_np(WTERMSIG(outcome->wait_status)));
    else if (found)
        finding_write(outcome, found, count);
    else if (!failure && outcome->dump.model)
        printf("not called this time");
    else
        printf("ok     exit %d", WEXITSTATUS(outcome->wait_status));
    if ((outcome->hung || died) && found) {
        printf("; ");
        finding_write(outcome, found, count);
    }
    putchar('\n');
    fflush(stdout);
    if (!outcome->hung && !died && !found)
        dumps_remove(&outcome->dumps);
}

/* ---- all runs ---- */

static int site_run(struct sweep *sweep, const char *site)
{
    struct outcome outcome;
    char rule[RULE_MAX];
    int error;

    snprintf(rule, sizeof(rule), "%s:site=%s,times=1", sweep->function, site);
    error = run_once(sweep, rule, &outcome);
    if (error == 0)
        outcome_write(sweep, site, &outcome);
    outcome_clear(&outcome);
    return error;
}

static int sites_run(struct sweep *sweep)
{
    const struct injection *injection;
    size_t runs = 0;

    DL_FOREACH (sweep->plain.dump.model->injections, injection) {
        if (!injection->site || runs == SITES_MAX)
            continue;
        if (site_run(sweep, injection->site) < 0)
            return STATUS_BAD_INPUT;
        runs++;
    }
    if (!runs) {
        printf("0 places: %s %s, nothing has failed\n", sweep->function,
               sweep->plain.dump.model->injectable_calls
                   ? "is called by children alone that a fork has made"
                   : "is not called");
        return STATUS_INCONCLUSIVE;
    }
    printf("%zu places, %zu crashes, %zu hangs, %zu leaks, %zu misuses\n", runs, sweep->crashes,
           sweep->hangs, sweep->leaks, sweep->misuses);
    return sweep->crashes || sweep->hangs || sweep->leaks || sweep->misuses ? STATUS_FINDINGS
                                                                            : STATUS_OK;
}

int fail_sweep(struct launch *launch, const char *function, const char *dir)
{
    struct sweep sweep = {.launch = launch, .function = function, .dir = dir};
    char rule[RULE_MAX];
    int status = STATUS_INCONCLUSIVE;
    int error;

    launch->quiet = true;
    snprintf(rule, sizeof(rule), "%s:list", function);
    error = run_once(&sweep, rule, &sweep.plain);
    if (error < 0) {
        fprintf(stderr, "ctxtrace: %s: %s\n", launch->argv[0], strerror(-error));
        status = STATUS_BAD_INPUT;
    } else if (!sweep.plain.dump.model || !sweep.plain.dump.model->injected) {
        /* The tracker's answer to a rule that it does not know, which nobody has heard. */
        bool refused = WIFEXITED(sweep.plain.wait_status) &&
                       WEXITSTATUS(sweep.plain.wait_status) == STATUS_USAGE &&
                       !sweep.plain.dumps.count;

        fprintf(stderr, "ctxtrace: --fail-sweep=%s: %s\n", function,
                refused ? "not understood, or no such function" : "no dump tells of such calls");
        status = refused ? STATUS_USAGE : status;
    } else {
        launch->limit_ns = LIMIT_FACTOR * sweep.plain.took_ns;
        if (launch->limit_ns < LIMIT_LEAST)
            launch->limit_ns = LIMIT_LEAST;
        printf("INJECTED faults: each place that calls %s fails once\n", function);
        status = sites_run(&sweep);
    }
    outcome_clear(&sweep.plain);
    return status;
}
