/* SPDX-License-Identifier: MIT */
/*
 * The threads of a running program as they are now, each with its stack, from outside.
 *
 * A thread that waits is read as it waits, stopping nobody: the kernel tells its sp and pc, and
 * that it has not run meanwhile. Only where that is not enough (it runs, or the next frame
 * depends on another register) is it stopped, by itself, for the time that copying takes, and
 * only in calls that then go on as if nothing had been (live_calls.h).
 */
#ifndef REPORT_LIVE_STACKS_H
#define REPORT_LIVE_STACKS_H

#include "live_calls.h"
#include "live_unwind.h"
#include "process_facts.h"

enum { LIVE_NAME_ROOM = 64, LIVE_REASON_ROOM = 256 };

enum live_reading {
    LIVE_UNREAD, /* `reason` says why */
    LIVE_READ_WAITING,
    LIVE_READ_STOPPED,
};

struct live_work {
    uint64_t ran_ns, waits; /* since it began */
};

struct live_thread {
    pid_t tid;
    pid_t own_tid; /* as the program itself has it: in a container another one */
    char name[LIVE_NAME_ROOM];
    char state; /* 'S', 'R', ... */
    struct live_call call;
    enum live_reading reading;
    const char *reason;    /* why there is no stack, or not more of it; or NULL */
    struct live_work work; /* when it was first looked at, of one that runs */
    bool restless;         /* it ran: to be looked at again */
    struct live_frames frames;
    struct stack *stack; /* live_model.h */
};

struct live_wanted {
    bool stacks;
    pid_t tid;        /* this one alone; 0: all */
    uint64_t stop_ns; /* for all stops together; 0: nobody is stopped */
};

struct live_stacks {
    const struct process_facts *process;
    struct live_memory memory;
    struct live_thread *threads;
    size_t count, room;
    char refusal[LIVE_REASON_ROOM]; /* why ptrace is not allowed; "" where it is, or not asked */
    bool unreadable;                /* its memory, too: no stack at all */
    bool replaced;                  /* by exec, meanwhile: nothing fits together */
    bool cut_short;                 /* a signal asked us to end */
    uint64_t stops, stop_longest_ns, stop_total_ns;
};

/* What could not be read is told thread by thread. live_stacks_free() is due. */
void live_stacks_take(struct live_stacks *ret, const struct process_facts *process,
                      const struct live_wanted *wanted);
void live_stacks_free(struct live_stacks *stacks);

#endif
