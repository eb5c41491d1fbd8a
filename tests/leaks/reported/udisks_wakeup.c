/* SPDX-License-Identifier: MIT */
/*
 * Each job gets a main context of its own, with an event descriptor to wake it. The job's task
 * holds a reference to the context, and nobody lets go of the task.
 *
 * seen: storaged-project/udisks#324 one eventfd stayed open for each job
 * expect: pile-up event 20 "new_context < run_job < main" severity=warning
 * expect: unreachable memory 20 "new_task < run_job < main" parts=20
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../leaks.h"

struct context {
    int references, wakeup;
};

struct task {
    struct context *context;
    int result;
};

NOINLINE static struct context *new_context(void)
{
    struct context *context = malloc(sizeof(*context));

    if (!context)
        exit(1);
    context->references = 1;
    context->wakeup = eventfd(0, EFD_CLOEXEC);
    return context;
}

static void unref_context(struct context *context)
{
    if (--context->references)
        return;
    close(context->wakeup);
    free(context);
}

NOINLINE static struct task *new_task(struct context *context)
{
    struct task *task = calloc(1, sizeof(*task));

    if (!task)
        exit(1);
    context->references++;
    task->context = context;
    return task;
}

NOINLINE static int run_job(int number)
{
    struct context *context = new_context();
    struct task *task = new_task(context);
    int result;

    task->result = number;
    result = task->result;
    if (IS_FIXED) {
        unref_context(task->context);
        free(task);
    }
    unref_context(context);
    return result;
}

int main(void)
{
    int sum = 0;

    for (int number = 0; number < 20; number++)
        sum += run_job(number);
    printf("%d\n", sum);
    return 0;
}
