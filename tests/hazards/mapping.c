/* SPDX-License-Identifier: MIT */
/*
 * Maps, unmaps, moves and maps over at random, within one area, and then says what the
 * kernel has mapped there. mapping.py compares that with the dump.
 *
 * hazard: E7
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 512, STEPS = 20000, LARGEST = 24 };

/* Far from where the kernel puts what nobody wants elsewhere. */
static char *const area = (char *)0x200000000000;
static int file;

static bool by_number; /* every other call is made by syscall() */

static void map(void *place, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    if (by_number && random() % 2)
        syscall(SYS_mmap, place, bytes, protection, flags, fd, offset);
    else
        mmap(place, bytes, protection, flags, fd, offset);
}

static void unmap_range(void *place, size_t bytes)
{
    if (by_number && random() % 2)
        syscall(SYS_munmap, place, bytes);
    else
        munmap(place, bytes);
}

/* What stands in the place of `wanted` where it does not count is anything. */
static void remap(void *old, size_t old_bytes, size_t bytes, int flags, void *wanted)
{
    if (by_number && random() % 2)
        syscall(SYS_mremap, old, old_bytes, bytes, flags, wanted);
    else
        mremap(old, old_bytes, bytes, flags, wanted);
}

static char *random_place(size_t *ret_bytes)
{
    size_t first = (size_t)random() % PAGES;
    size_t pages = 1 + (size_t)random() % LARGEST;

    pages = first + pages > PAGES ? PAGES - first : pages;
    *ret_bytes = pages * PAGE - (random() % 2 ? (size_t)random() % PAGE : 0);
    return area + first * PAGE;
}

static void map_fixed(void)
{
    size_t bytes;
    char *place = random_place(&bytes);
    bool of_file = random() % 3 == 0;

    map(place, bytes, PROT_READ, MAP_FIXED | MAP_PRIVATE | (of_file ? 0 : MAP_ANONYMOUS),
        of_file ? file : -1, 0);
}

static void map_if_free(void)
{
    size_t bytes;
    char *place = random_place(&bytes);

    map(place, bytes, PROT_READ, MAP_FIXED_NOREPLACE | MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void unmap(void)
{
    size_t bytes;
    char *place = random_place(&bytes);

    unmap_range(place, bytes);
}

static void unmap_in_vain(void)
{
    size_t bytes;
    char *place = random_place(&bytes);

    unmap_range(place + 1, bytes);
}

/* One mapping: of several Linux 6.17 moves some, and may fail after that. */
static char *fresh_place(size_t *ret_bytes)
{
    char *place = random_place(ret_bytes);

    map(place, *ret_bytes, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return place;
}

static void move(void)
{
    size_t old_bytes, bytes;
    char *old = fresh_place(&old_bytes), *place = random_place(&bytes);

    remap(old, old_bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, place);
}

static void resize(void)
{
    size_t old_bytes, bytes;
    char *old = random_place(&old_bytes);

    random_place(&bytes);
    remap(old, old_bytes, bytes, 0, (void *)1);
}

static void once_more(void)
{
    size_t bytes;
    char *old = random_place(&bytes), *place = random_place(&bytes);

    remap(old, 0, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, place);
}

static void leave_behind(void)
{
    size_t bytes, unused;
    char *old = fresh_place(&bytes), *place = random_place(&unused);

    if (place + bytes <= area + (size_t)PAGES * PAGE)
        remap(old, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, place);
}

static void attach(void)
{
    static int segment = -1;
    size_t bytes;
    char *place = random_place(&bytes);

    if (segment < 0)
        segment = shmget(IPC_PRIVATE, 5 * PAGE, IPC_CREAT | 0600);
    if (place + (size_t)5 * PAGE <= area + (size_t)PAGES * PAGE)
        shmat(segment, place, 0);
    if (random() % 2)
        shmdt(place);
    shmctl(segment, IPC_RMID, NULL);
    segment = -1;
}

static void (*const steps[])(void) = {map_fixed, map_fixed, map_if_free, unmap,  unmap_in_vain,
                                      move,      resize,    once_more,   attach, leave_behind};

/* One digit for each page: whether the kernel has it. */
static void show(void)
{
    static char line[1024], pages[PAGES + 1];
    FILE *maps = fopen("/proc/self/maps", "re");

    memset(pages, '0', PAGES);
    while (maps && fgets(line, sizeof(line), maps)) {
        uintptr_t start, end;

        if (sscanf(line, "%lx-%lx", &start, &end) != 2)
            continue;
        for (uintptr_t at = start; at < end; at += PAGE) {
            if (at - (uintptr_t)area < (uintptr_t)PAGES * PAGE)
                pages[(at - (uintptr_t)area) / PAGE] = '1';
        }
    }
    printf("%p %s\n", (void *)area, pages);
}

int main(int argc, char **argv)
{
    srandom(argc > 1 ? (unsigned)atoi(argv[1]) : 1);
    file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    by_number = argc > 3;
    for (int i = 0; i < (argc > 2 ? atoi(argv[2]) : STEPS); i++)
        steps[(size_t)random() % (sizeof(steps) / sizeof(steps[0]))]();
    show();
    return 0;
}
