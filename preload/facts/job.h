/* SPDX-License-Identifier: MIT */
/*
 * Jobs: the tasks that a program declares with libctx, as the tracker knows them.
 *
 * A thread is a task by itself (task.h); a job has a name and a context, is begun before a
 * thread comes to it, may wander from thread to thread, and ends when the program says so.
 * In a dump both are tasks. What a thread or a job says that it is blocked on is kept here
 * for both.
 */
#ifndef FACTS_JOB_H
#define FACTS_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/facts/task.h"

#define JOB_NAME_BYTES 32u

struct job {
    _Atomic uint32_t id; /* 0: free, or being filled */
    uint32_t context;
    uint32_t creator; /* the task, or job, that began it */
    uint32_t created_stack;
    uint64_t created_ns;
    uint64_t serves;             /* the WaitGroup that counts it */
    _Atomic uint64_t entered_ns; /* when a thread first came to it; 0: none has */
    _Atomic uint32_t thread;     /* the task that is at work on it; 0: none is */
    _Atomic uint32_t uses;
    _Atomic uint32_t next_free;
    struct task_block block;
    char name[JOB_NAME_BYTES];
};

/* A job as it was at one moment. */
struct job_copy {
    uint32_t id, context, creator, created_stack, thread;
    uint64_t created_ns, serves, entered_ns;
    struct task_block_copy block;
    char name[JOB_NAME_BYTES];
};

/* 0 when there is no room (counted). */
uint32_t job_begin(uint32_t context, const char *name, uint64_t serves, uint32_t stack);
/* By any thread; once. */
void job_end(uint32_t id);
/* The calling thread is at work on it; 0: on none. What it was at work on before. */
uint32_t job_enter(uint32_t id);
/* The job, or where `id` is 0 the calling thread, is blocked; NULL: goes on. */
void job_blocked(uint32_t id, const char *why, uint64_t object);
/* In a fork child: those that the calling thread is not at work on were the parent's. */
void jobs_forked(void);

/* For a snapshot and the sweep: by slot, 1 .. job_slots() - 1. False where none is. */
uint32_t job_slots(void);
bool job_read(uint32_t slot, struct job_copy *ret_copy);

#endif
