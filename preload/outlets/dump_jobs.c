/* SPDX-License-Identifier: MIT */
/*
 * Tasks that the program has declared: what the books know of each. The thread that is at
 * work on one has a record of its own (dump_tasks.c), which says what it is doing.
 */
#include "preload/facts/job.h"
#include "preload/outlets/dump_writer.h"

/* What was left out of order says no more that a thread is in it. */
static uint32_t thread_of(const struct job_copy *job)
{
    const struct task *thread = job->thread ? task_get(job->thread) : NULL;
    return thread && atomic_load(&thread->job) ? job->thread : 0;
}

static void job_one(struct dump *dump, const struct job_copy *job)
{
    struct ctt_task record = {
        .id = job->id,
        .context = dump_context(dump, job->context),
        .creator = job->creator,
        .flags = CTT_TASK_DECLARED,
        .created_stack = dump_stack(dump, job->created_stack),
        .created_ns = job->created_ns,
        .ended_ns = CTT_NEVER,
        .wait_ns = CTT_NEVER,
        .name = dump_string(dump, job->name),
        .thread = thread_of(job),
        .serves = job->serves,
        .entered_ns = job->entered_ns,
    };
    dump_block(dump, &job->block, &record);
    dump_record(dump, CTT_TASK, &record, sizeof record);
}

void dump_block(struct dump *dump, const struct task_block_copy *block, struct ctt_task *record)
{
    if (!block->since_ns || block->since_ns > dump->taken_ns)
        return;
    record->why = dump_string(dump, block->why);
    record->object = block->object;
    record->blocked_ns = block->since_ns;
}

void dump_jobs(struct dump *dump)
{
    struct job_copy job;
    uint32_t slots = job_slots();
    for (uint32_t slot = 1; slot < slots; slot++)
        if (job_read(slot, &job) && job.created_ns <= dump->taken_ns)
            job_one(dump, &job);
}
