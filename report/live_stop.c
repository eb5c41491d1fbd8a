/* SPDX-License-Identifier: MIT */
/*
 * See live_stop.h.
 */
#include "live_stop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "live_calls.h"
#include "pool.h"

#define NS_PER_S        INT64_C(1000000000)
#define STOP_EACH_NS    (NS_PER_S / 4) /* one that has got no processor by then is let go */
#define RED_ZONE_BYTES  128u           /* below sp, and a function's own all the same */
#define COPY_BYTES_MAX  ((size_t)1 << 20)
#define COPY_UNKNOWN    ((size_t)64 << 10) /* of a stack that is in no mapping we know of */
#define ERESTARTNOHAND  514 /* the kernel's: begin the call again, unless a handler runs */
#define STATUS_EVENT(s) ((s) >> 16)

uint64_t live_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)(now.tv_sec * NS_PER_S + now.tv_nsec);
}

static void copy_make_room(struct live_copy *copy, size_t bytes)
{
    free(copy->data);
    copy->data = xalloc(bytes);
    copy->room = bytes;
    memset(copy->data, 1, bytes); /* no page is to be found for it during a stop */
}

void live_picture_prepare(struct live_picture *picture)
{
    for (size_t i = 0; i < LIVE_COPIES; i++)
        copy_make_room(&picture->copies[i], COPY_BYTES_MAX);
}

void live_copy_take(const struct live_memory *memory, uint64_t address, struct live_copy *ret)
{
    const struct live_map *map = live_map_find(memory, address);
    size_t bytes = COPY_UNKNOWN;

    ret->start = (address - RED_ZONE_BYTES) & ~(uint64_t)7;
    if (map && ret->start < map->start)
        ret->start = map->start;
    if (map)
        bytes = map->end - ret->start < COPY_BYTES_MAX ? map->end - ret->start : COPY_BYTES_MAX;
    if (ret->room < bytes)
        copy_make_room(ret, bytes);
    ret->bytes = live_memory_read(memory, ret->start, ret->data, bytes);
}

void live_picture_free(struct live_picture *picture)
{
    for (size_t i = 0; i < LIVE_COPIES; i++)
        free(picture->copies[i].data);
    *picture = (struct live_picture){0};
}

/*
 * A call that the stop has interrupted, and that the kernel would end with EINTR, is begun
 * again instead. It was begun after we had looked (live_call_may_stop), a moment ago: its
 * time limit may begin anew.
 */
static void call_repeat(pid_t tid, struct user_regs_struct *registers)
{
    struct user_regs_struct again = *registers;

    if ((long)registers->rax != -EINTR || (long)registers->orig_rax < 0 ||
        !live_call_may_repeat((long)registers->orig_rax))
        return;
    again.rax = (unsigned long)-ERESTARTNOHAND;
    ptrace(PTRACE_SETREGS, tid, NULL, &again);
}

/* Lets a thread go that has stopped; a signal that it stopped for takes its course. */
static void detach(pid_t tid, int status)
{
    long signal = STATUS_EVENT(status) == 0 ? WSTOPSIG(status) : 0;

    ptrace(PTRACE_DETACH, tid, NULL, (void *)signal);
}

static void stopped_read(const struct live_memory *memory, pid_t tid, uint64_t other_stack,
                         struct live_picture *ret)
{
    if (ptrace(PTRACE_GETREGS, tid, NULL, &ret->registers) < 0)
        return;
    call_repeat(tid, &ret->registers); /* first of all: we may be killed */
    ret->partial = false;
    live_copy_take(memory, ret->registers.rsp, &ret->copies[0]);
    if (other_stack)
        live_copy_take(memory, other_stack, &ret->copies[1]);
}

/* 1: stopped, 0: not in time, -1: it has ended. */
static int stop_await(pid_t tid, uint64_t until_ns, int *ret_status)
{
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (;;) {
        pid_t got = waitpid(tid, ret_status, __WALL | WNOHANG);
        uint64_t now = live_clock_ns();
        struct timespec left = {0};

        if (got < 0 || (got == tid && !WIFSTOPPED(*ret_status)))
            return -1;
        if (got == tid)
            return 1;
        if (now >= until_ns)
            return 0;
        left.tv_sec = (time_t)((until_ns - now) / NS_PER_S);
        left.tv_nsec = (long)((until_ns - now) % NS_PER_S);
        sigtimedwait(&child, NULL, &left);
    }
}

/* Threads that have stopped after all are let go. */
static void stragglers_release(struct live_stopper *stopper)
{
    for (size_t i = 0; i < stopper->straggler_count;) {
        pid_t tid = stopper->stragglers[i];
        int status;
        pid_t got = waitpid(tid, &status, __WALL | WNOHANG);

        if (got == tid && WIFSTOPPED(status)) {
            struct user_regs_struct registers;

            if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) == 0)
                call_repeat(tid, &registers);
            detach(tid, status);
        }
        if (got == 0)
            i++;
        else
            stopper->stragglers[i] = stopper->stragglers[--stopper->straggler_count];
    }
}

static void stop_count(struct live_stopper *stopper, uint64_t begun_ns)
{
    uint64_t took = live_clock_ns() - begun_ns;

    stopper->count++;
    stopper->total_ns += took;
    if (took > stopper->longest_ns)
        stopper->longest_ns = took;
}

enum live_stop_end live_stop(struct live_stopper *stopper, const struct live_memory *memory,
                             pid_t tid, uint64_t other_stack, struct live_picture *ret)
{
    uint64_t begun = live_clock_ns();
    uint64_t left =
        stopper->total_ns < stopper->budget_ns ? stopper->budget_ns - stopper->total_ns : 0;
    int status;
    int stopped;

    stragglers_release(stopper);
    if (!left || stopper->straggler_count == LIVE_STRAGGLERS_MAX)
        return LIVE_STOP_OVER;
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
        return errno == ESRCH ? LIVE_STOP_ENDED : LIVE_STOP_REFUSED;
    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
        return LIVE_STOP_ENDED;
    stopped = stop_await(tid, begun + (left < STOP_EACH_NS ? left : STOP_EACH_NS), &status);
    if (stopped < 0)
        return LIVE_STOP_ENDED;
    if (!stopped) {
        stopper->stragglers[stopper->straggler_count++] = tid;
        stopper->total_ns += live_clock_ns() - begun;
        return LIVE_STOP_LATE;
    }
    ret->registers.rip = 0;
    stopped_read(memory, tid, other_stack, ret);
    detach(tid, status);
    stop_count(stopper, begun);
    return ret->registers.rip ? LIVE_STOPPED : LIVE_STOP_ENDED;
}
