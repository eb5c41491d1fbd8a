/* SPDX-License-Identifier: MIT */
/*
 * What the programs of this folder share. Each is one source that leaks, and with -DFIXED
 * a twin that does the same work and leaks nothing; what it is to be told of it stands in its
 * first comment, in lines that scripts/lib/leak_programs.py reads.
 *
 * A function that shall be a frame of its own is NOINLINE. keep() makes the compiler believe
 * that a pointer is used: else it drops an allocation that nobody looks at.
 */
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

/* What the one does and the other leaves out. */
#ifdef FIXED
enum { IS_FIXED = 1 };
#else
enum { IS_FIXED = 0 };
#endif

static inline void keep(const void *pointer)
{
    __asm__ volatile("" : : "g"(pointer) : "memory");
}

/*
 * Runs the work in frames far below those that the caller uses afterwards: a frame that is live
 * later on, with slots that it never writes, must not lie where the work's pointers were.
 */
__attribute__((noinline, unused)) static int far_below(int (*work)(void))
{
    char room[8192];
    int result;

    keep(room);
    result = work();
    keep(room);
    return result;
}

/*
 * Until the caller is the only thread: one that has said that it is done has not ended yet. It
 * gives up after some two seconds, since a tool may have a thread of its own.
 */
__attribute__((unused)) static void await_other_threads(void)
{
    struct stat tasks;

    /* A folder has two links, and one for each folder in it. */
    for (int turn = 0; turn < 4000; turn++) {
        if (stat("/proc/self/task", &tasks) || tasks.st_nlink <= 3)
            return;
        usleep(500);
    }
}
