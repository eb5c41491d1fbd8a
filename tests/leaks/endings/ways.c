/* SPDX-License-Identifier: MIT */
/*
 * The same leak, and ten ways to end: by a fault, by signals sent from outside, by exits that run
 * no exit functions. Tools that look when the exit functions run see nothing of most of these.
 *
 * lsan: of the first two and the last
 * run: return
 * run: exit
 * run: _exit
 * run: _Exit
 * run: quick_exit
 * run: segv ends=fatal
 * run: abort ends=fatal
 * run: term ends=fatal
 * run: hup ends=fatal
 * run: thread
 * expect: unreachable memory 4 "read_word < read_words" bytes=128
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static char *read_word(int number)
{
    char *word = malloc(32);

    if (word)
        snprintf(word, 32, "word %d", number);
    return word;
}

NOINLINE static int read_words(void)
{
    int length = 0;

    for (int number = 0; number < 4; number++) {
        char *word = read_word(number);

        length += (int)strlen(word);
        if (IS_FIXED)
            free(word);
    }
    return length;
}

static void fault(void)
{
    volatile int *volatile nowhere = NULL;

    *nowhere = 1;
}

/* The first task's state is the process's. */
static void await_blocked_main(void)
{
    char text[64] = "";

    while (!strstr(text, ") S ")) {
        int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

        usleep(500);
        if (read(fd, text, sizeof(text) - 1) < 0)
            exit(1);
        close(fd);
    }
}

static void *end_from_thread(void *unused)
{
    await_blocked_main();
    exit(0);
    return unused;
}

static void end_by_thread(void)
{
    pthread_t thread;

    if (!pthread_create(&thread, NULL, end_from_thread, NULL))
        pthread_join(thread, NULL);
}

static void end_as_told(const char *way)
{
    if (!strcmp(way, "exit"))
        exit(0);
    if (!strcmp(way, "_exit"))
        _exit(0);
    if (!strcmp(way, "_Exit"))
        _Exit(0);
    if (!strcmp(way, "quick_exit"))
        quick_exit(0);
    if (!strcmp(way, "segv"))
        fault();
    if (!strcmp(way, "abort"))
        abort();
    if (!strcmp(way, "term"))
        kill(getpid(), SIGTERM);
    if (!strcmp(way, "hup"))
        raise(SIGHUP);
    if (!strcmp(way, "thread"))
        end_by_thread();
}

int main(int count, char **words)
{
    printf("%d\n", far_below(read_words));
    fflush(stdout);
    end_as_told(count > 1 ? words[1] : "return");
    return 0;
}
