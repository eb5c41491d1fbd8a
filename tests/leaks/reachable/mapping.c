/* SPDX-License-Identifier: MIT */
/*
 * The program's own pool lies in a mapping and holds the only pointers to blocks of malloc's: in
 * an anonymous one, and in one that is shared with a file. Mappings are searched, too.
 *
 * lsan: false, it searches no mappings
 * expect: nothing
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../leaks.h"

enum { PAGE = 4096 };

/* Where the pools are is known as a page number: no pointer to a pool is left, either. */
static volatile unsigned long pages[2];

static char **pool_of(int which)
{
    return (char **)(pages[which] * PAGE);
}

NOINLINE static void fill_pool(int which, int fd)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    char **pool = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

    if (pool == MAP_FAILED)
        exit(1);
    for (int slot = 0; slot < 4; slot++)
        pool[slot * 16] = strdup("in the pool");
    pages[which] = (unsigned long)pool / PAGE;
}

int main(void)
{
    int fd = memfd_create("pool", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, PAGE))
        return 1;
    fill_pool(0, -1);
    fill_pool(1, fd);
    close(fd);
    puts(pool_of(1)[48]);
    for (int which = 0; IS_FIXED && which < 2; which++) {
        for (int slot = 0; slot < 4; slot++)
            free(pool_of(which)[slot * 16]);
        munmap(pool_of(which), PAGE);
    }
    return 0;
}
