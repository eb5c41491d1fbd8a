/* SPDX-License-Identifier: MIT */
/*
 * Work of a given amount, for counting system calls from outside: what does a pair
 * more cost, what does a thread more cost?
 *
 *     hazards_cost pairs|descriptors|threads COUNT
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZES = 400 };

static void *volatile kept; /* so that no pair is optimized away */

static void allocate(int count)
{
    for (int i = 0; i < count; i++) {
        kept = malloc((size_t)(i % SIZES) + 1);
        kept = realloc(kept, (size_t)(i % SIZES) + 2);
        free(kept);
        kept = calloc(1, (size_t)(i % SIZES) + 1);
        free(kept);
    }
}

static void open_and_close(int count)
{
    for (int i = 0; i < count; i++)
        close(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static void *work_first(void *unused)
{
    allocate(1);
    open_and_close(1);
    return unused;
}

/* One after the other: libc gives each the stack of the one before. */
static void start_threads(int count)
{
    for (int i = 0; i < count; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, work_first, NULL))
            abort();
        pthread_join(thread, NULL);
    }
}

static const struct {
    const char *name;
    void (*work)(int count);
} works[] = {
    {"pairs", allocate},
    {"descriptors", open_and_close},
    {"threads", start_threads},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 2 && i < sizeof(works) / sizeof(works[0]); i++) {
        if (strcmp(works[i].name, argv[1]))
            continue;
        works[i].work(atoi(argv[2]));
        return 0;
    }
    return 64;
}
