/* SPDX-License-Identifier: MIT */
/*
 * A callback is registered together with its data. Unregistering takes the entry out of the list
 * and frees it; whose the data is, both sides left to the other.
 *
 * lsan: one of the two in 3 of 12 runs
 * expect: unreachable memory 2 "watch < main" bytes=112
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct watcher {
    struct watcher *next;
    void (*notify)(void *);
    void *data;
};

static struct watcher *watchers;
static int notified;

static void count(void *data)
{
    notified += *(int *)data;
}

static void add(void (*notify)(void *), void *data)
{
    struct watcher *watcher = malloc(sizeof(*watcher));

    if (!watcher)
        exit(1);
    *watcher = (struct watcher){watchers, notify, data};
    watchers = watcher;
}

static void remove_first(void)
{
    struct watcher *watcher = watchers;

    watchers = watcher->next;
    if (IS_FIXED)
        free(watcher->data);
    free(watcher);
}

NOINLINE static void watch(int weight)
{
    int *data = calloc(14, sizeof(*data));

    if (!data)
        exit(1);
    *data = weight;
    add(count, data);
}

int main(void)
{
    watch(1);
    watch(10);
    for (struct watcher *watcher = watchers; watcher; watcher = watcher->next)
        watcher->notify(watcher->data);
    while (watchers)
        remove_first();
    printf("%d\n", notified);
    return 0;
}
