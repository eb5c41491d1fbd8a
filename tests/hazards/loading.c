/* SPDX-License-Identifier: MIT */
/*
 * Stacks are captured while the loader holds its lock: in constructors, in callbacks
 * of dl_iterate_phdr, and beside a thread that loads and unloads. An unwinder that
 * takes the loader's lock, or allocates below it, comes to a standstill here; the
 * runner's deadline is the judge.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"

enum { THREADS = 3, LOAD_S = 2, ROUNDS = 3000 };

static volatile int enough;

__attribute__((noinline)) static void acquire_and_release(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    free(realloc(malloc(100), 2000));
    close(fd);
}

static void *capture_stacks(void *unused)
{
    while (!enough)
        acquire_and_release();
    return unused;
}

static int visit_module(struct dl_phdr_info *info, size_t bytes, void *count)
{
    acquire_and_release();
    ++*(int *)count;
    return 0;
}

static void *visit_modules(void *unused)
{
    int count = 0;

    while (!enough)
        dl_iterate_phdr(visit_module, &count);
    return unused;
}

/* The plugin lies beside the program. */
static const char *find_plugin(void)
{
    static char path[PATH_MAX];
    char exe[PATH_MAX] = "";

    if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
        return NULL;
    snprintf(path, sizeof(path), "%.4000s/libhazards_plugin.so", dirname(exe));
    return path;
}

static int load_and_unload(const char *path)
{
    struct timespec begin, now;
    void (*call)(void (*function)(void));

    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        void *plugin = dlopen(path, RTLD_NOW);

        if (!plugin)
            return 1;
        *(void **)&call = dlsym(plugin, "plugin_call");
        call(acquire_and_release);
        dlclose(plugin);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - begin.tv_sec < LOAD_S);
    return 0;
}

/* hazard: D10, E12: the loader's lock, and code that goes and comes. */
static int run_wait_loading(void)
{
    pthread_t threads[THREADS + 1];
    int failed;

    for (int i = 0; i <= THREADS; i++)
        pthread_create(&threads[i], NULL, i < THREADS ? capture_stacks : visit_modules, NULL);
    puts("ready");
    fflush(stdout);
    failed = load_and_unload(find_plugin());
    enough = 1;
    for (int i = 0; i <= THREADS; i++)
        pthread_join(threads[i], NULL);
    puts(failed ? "no plugin" : "loaded and unloaded");
    return failed;
}

static void *open_and_close(void *path)
{
    for (int i = 0; i < ROUNDS; i++) {
        void *first = dlopen(path, RTLD_NOW), *second = dlopen(path, RTLD_NOW);

        if (!first || first != second || dlclose(second) || dlclose(first))
            return path;
    }
    return NULL;
}

/* hazard: E1: one module opened and closed by several threads at once. */
static int run_open_at_once(void)
{
    pthread_t threads[THREADS];
    int failed = 0;

    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, open_and_close, (void *)find_plugin());
    for (int i = 0; i < THREADS; i++) {
        void *result;

        pthread_join(threads[i], &result);
        failed += result != NULL;
    }
    puts(failed ? "not opened, or not closed" : "opened and closed");
    return failed;
}

static const struct hazard_case cases[] = {
    {"wait_loading", run_wait_loading},
    {"open_at_once", run_open_at_once},
};

int main(int argc, char **argv)
{
    return RUN_CASES(cases, argc, argv);
}
