/* SPDX-License-Identifier: MIT */
/*
 * Contexts of finished work stay in the tree of a parent that lives long. (Go: WithCancel in a
 * loop over a context that never ends.) The server is alive when it is looked at.
 */
#include <ctxtrace.h>

#include <stdio.h>
#include <unistd.h>

enum { TURNS = 100 };

static ctx_t *volatile last;

__attribute__((noinline)) static void take_turn(ctx_t *server)
{
    ctx_t *turn = ctx_with_cancel(server);

    last = turn;
#ifdef FIXED
    ctx_cancel(turn);
    ctx_release(turn);
#endif
}

int main(void)
{
    static ctx_t *server;
    char byte;

    server = ctx_with_cancel(NULL);
    for (int i = 0; i < TURNS; i++)
        take_turn(server);
    last = NULL;
    puts("still serving");
    fflush(stdout);
    if (read(STDIN_FILENO, &byte, 1) != 0) /* until the snapshot is made */
        return 1;
    ctx_cancel(server);
    ctx_release(server);
    return 0;
}
