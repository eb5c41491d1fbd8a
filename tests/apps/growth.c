/* SPDX-License-Identifier: MIT */
/*
 * A server whose context goes on, and that opens some files in each round. `growth`: half of
 * them are closed again, and there are more and more. `pile`: none is. `table`: all of them
 * are opened at the start and kept, which is no mistake. Corrected, each round closes all of
 * what it has opened. It prints a line when that is done, and ends when its stdin does.
 */
#include <ctxtrace.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 9, EACH = 4, ROUND_MS = 100, MOST = ROUNDS * EACH };

static int held[MOST], held_count;

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void work_for(long ms)
{
    const struct timespec step = {0, 1000000};
    long until = now_ms() + ms;

    while (now_ms() < until)
        nanosleep(&step, NULL);
}

__attribute__((noinline)) static int open_entry(void)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    return fd;
}

static void serve_round(int keep)
{
    int mine[EACH];

    for (int i = 0; i < EACH; i++)
        mine[i] = open_entry();
    for (int i = 0; i < EACH; i++) {
        if (i < keep)
            held[held_count++] = mine[i];
        else
            close(mine[i]);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "growth";
    CTX_OWNED ctx_t *server = ctx_with_name(NULL, "server");
    CTX_OWNED ctx_t *running = ctx_with_cancel(server);
    int keep = strcmp(what, "growth") == 0 ? EACH / 2 : EACH;
    char byte;

#ifdef FIXED
    if (strcmp(what, "table") != 0)
        keep = 0;
#endif
    CTX_SCOPE(running)
    {
        for (int round = 0; round < ROUNDS; round++) {
            if (round && strcmp(what, "table") != 0)
                work_for(ROUND_MS);
            serve_round(keep);
        }
    }
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    while (held_count > 0)
        close(held[--held_count]);
    ctx_cancel(running);
    return 0;
}
