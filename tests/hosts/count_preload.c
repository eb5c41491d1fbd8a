/* SPDX-License-Identifier: MIT */
/*
 * The independent judge of the memory ledger: a preload that knows nothing of
 * ours, and counts the live blocks of malloc's family and the bytes asked for in
 * the file $COUNT_OUT.PID (two longs), which it maps. One lock, one
 * hash table: slow and simple. Loaded after the tracker, it sees the same calls.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS (1u << 23)
static struct {
    uintptr_t address;
    size_t bytes;
} table[SLOTS]; /* open addressing; a deleted slot keeps address 1 */
static struct counts {
    long blocks, bytes;
} counts, *told; /* `told` is the file; NULL before it is there, and in a fork's child */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static char boot[16384];
static size_t boot_used;
static __thread int resolving;

#define REAL(name)                                                                                 \
    static __typeof__(&name) real;                                                                 \
    if (!real && !resolving) {                                                                     \
        resolving = 1;                                                                             \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                         \
        resolving = 0;                                                                             \
    }

static uint32_t slot_of(uintptr_t address)
{
    return (uint32_t)((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 41);
}

static void tell(void)
{
    if (told)
        *told = counts;
}

static void count_in(void *p, size_t bytes)
{
    if (!p)
        return;
    pthread_mutex_lock(&lock);
    uint32_t i = slot_of((uintptr_t)p);
    while (table[i].address > 1)
        i = (i + 1) % SLOTS;
    table[i].address = (uintptr_t)p;
    table[i].bytes = bytes;
    counts.blocks++;
    counts.bytes += (long)bytes;
    tell();
    pthread_mutex_unlock(&lock);
}

static void count_out(void *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&lock);
    for (uint32_t i = slot_of((uintptr_t)p); table[i].address; i = (i + 1) % SLOTS)
        if (table[i].address == (uintptr_t)p) {
            table[i].address = 1;
            counts.blocks--;
            counts.bytes -= (long)table[i].bytes;
            tell();
            break;
        }
    pthread_mutex_unlock(&lock);
}

void *malloc(size_t bytes)
{
    REAL(malloc);
    if (!real) {
        size_t at = __sync_fetch_and_add(&boot_used, (bytes + 15) & ~(size_t)15);
        return at + bytes <= sizeof boot ? boot + at : NULL;
    }
    void *p = real(bytes);
    count_in(p, bytes);
    return p;
}

void *calloc(size_t count, size_t bytes)
{
    REAL(calloc);
    if (!real)
        return malloc(count * bytes);
    void *p = real(count, bytes);
    count_in(p, count * bytes);
    return p;
}

void *realloc(void *old, size_t bytes)
{
    REAL(realloc);
    void *p = real(old, bytes);
    if (p || bytes == 0) {
        count_out(old);
        count_in(p, bytes);
    }
    return p;
}

/* libc's reallocarray calls realloc, which is us: nothing to count here. */

void free(void *p)
{
    REAL(free);
    if ((uintptr_t)p - (uintptr_t)boot < sizeof boot)
        return;
    count_out(p);
    real(p);
}

void *memalign(size_t alignment, size_t bytes)
{
    REAL(memalign);
    void *p = real(alignment, bytes);
    count_in(p, bytes);
    return p;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    REAL(aligned_alloc);
    void *p = real(alignment, bytes);
    count_in(p, bytes);
    return p;
}

int posix_memalign(void **where, size_t alignment, size_t bytes)
{
    REAL(posix_memalign);
    int error = real(where, alignment, bytes);
    if (!error)
        count_in(*where, bytes);
    return error;
}

/* Around a fork: another thread may be counting. */
static void fork_comes(void)
{
    pthread_mutex_lock(&lock);
}

static void fork_parent(void)
{
    pthread_mutex_unlock(&lock);
}

static void fork_child(void)
{
    told = NULL;
    pthread_mutex_unlock(&lock);
}

/* Told in a file that the test reads: at a snapshot while the program waits, and
 * after its end. */
__attribute__((constructor)) static void begin(void)
{
    const char *out = getenv("COUNT_OUT");
    char path[4096];
    if (!out)
        return;
    snprintf(path, sizeof path, "%s.%d", out, (int)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof counts) < 0)
        return;
    void *file = mmap(NULL, sizeof counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    pthread_atfork(fork_comes, fork_parent, fork_child);
    pthread_mutex_lock(&lock);
    told = file == MAP_FAILED ? NULL : file;
    tell();
    pthread_mutex_unlock(&lock);
}
