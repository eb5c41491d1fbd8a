/* SPDX-License-Identifier: MIT */
#include "preload/ground/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "preload/ground/confine.h"
#include "preload/ground/health.h"

#if defined(__x86_64__)
long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
    /* hazards.md D15. Callers know what to do without. */
    if (confined() && confine_forbids(number, (const long[]){a, b, c, d, e, f})) {
        HEALTH(calls_forbidden);
        return -ENOSYS;
    }
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#else
#error "system calls for this machine"
#endif

#define CALL3(nr, a, b, c) sys_call((nr), (long)(a), (long)(b), (long)(c), 0, 0, 0)

int sys_open(const char *path, int flags, int mode)
{
    return (int)sys_call(SYS_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC, mode, 0, 0);
}

ssize_t sys_read(int fd, void *buffer, size_t bytes)
{
    ssize_t n;
    do {
        n = CALL3(SYS_read, fd, buffer, bytes);
    } while (n == -EINTR);
    return n;
}

ssize_t sys_write(int fd, const void *buffer, size_t bytes)
{
    return CALL3(SYS_write, fd, buffer, bytes);
}

int sys_close(int fd)
{
    return (int)CALL3(SYS_close, fd, 0, 0);
}

int sys_write_all(int fd, const void *buffer, size_t bytes)
{
    const char *at = buffer;
    while (bytes > 0) {
        ssize_t n = sys_write(fd, at, bytes);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return (int)n;
        if (n == 0)
            return -EIO;
        at += n;
        bytes -= (size_t)n;
    }
    return 0;
}

static void *map_anonymous(size_t bytes, int sharing)
{
    long p = sys_call(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE,
                      sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return SYS_FAILED(p) ? NULL : (void *)p;
}

void *sys_map(size_t bytes)
{
    return map_anonymous(bytes, MAP_PRIVATE);
}

void *sys_map_shared(size_t bytes)
{
    return map_anonymous(bytes, MAP_SHARED);
}

void sys_unmap(void *address, size_t bytes)
{
    CALL3(SYS_munmap, address, bytes, 0);
}

/* A filter of the program's may refuse even that: /proc knows, or it is as before. */
pid_t sys_getpid(void)
{
    static _Atomic pid_t known;
    char link[16];
    long pid = CALL3(SYS_getpid, 0, 0, 0);
    if (pid <= 0) {
        const char *at = sys_readlink("/proc/self", link, sizeof link) > 0 ? link : "0";
        pid = (long)text_read_u64(&at);
    }
    if (pid <= 0)
        return atomic_load_explicit(&known, memory_order_relaxed);
    atomic_store_explicit(&known, (pid_t)pid, memory_order_relaxed);
    return (pid_t)pid;
}

pid_t sys_gettid(void)
{
    return (pid_t)CALL3(SYS_gettid, 0, 0, 0);
}

int sys_getuid(void)
{
    return (int)CALL3(SYS_geteuid, 0, 0, 0);
}

ssize_t sys_slurp(const char *path, char *buffer, size_t size)
{
    int fd = sys_open(path, O_RDONLY, 0);
    if (fd < 0)
        return fd;
    size_t used = 0;
    ssize_t n = 0;
    while (used + 1 < size && (n = sys_read(fd, buffer + used, size - 1 - used)) > 0)
        used += (size_t)n;
    sys_close(fd);
    buffer[used] = '\0';
    return n < 0 ? n : (ssize_t)used;
}

ssize_t sys_readlink(const char *path, char *buffer, size_t size)
{
    ssize_t n = sys_call(SYS_readlinkat, AT_FDCWD, (long)path, (long)buffer, (long)size - 1, 0, 0);
    buffer[n < 0 ? 0 : n] = '\0';
    return n;
}

bool sys_peek(const void *from, void *to, size_t bytes)
{
    struct iovec remote = {(void *)(uintptr_t)from, bytes};
    return sys_peek_all(&remote, 1, to);
}

bool sys_peek_all(const struct iovec *from, size_t count, void *to)
{
    struct iovec local = {to, 0};
    for (size_t i = 0; i < count; i++)
        local.iov_len += from[i].iov_len;
    return sys_call(SYS_process_vm_readv, sys_getpid(), (long)&local, 1, (long)from, (long)count,
                    0) == (long)local.iov_len;
}

/* sigprocmask(2) reads the mask before it finds that there is no such way to use it.
 * Containers and programs that confine themselves refuse to read "another process",
 * but leave the masks alone. */
bool sys_peek_own(const void *from, void *to, size_t bytes)
{
    const long no_way = -1;
    if (sys_peek(from, to, bytes))
        return true;
    if (sys_call(SYS_rt_sigprocmask, no_way, (long)from, 0, sizeof(uint64_t), 0, 0) != -EINVAL)
        return false;
    memcpy(to, from, bytes);
    return true;
}

ssize_t sys_poke(void *to, const void *from, size_t bytes)
{
    struct iovec local = {(void *)(uintptr_t)from, bytes};
    struct iovec remote = {to, bytes};
    return sys_call(SYS_process_vm_writev, sys_getpid(), (long)&local, 1, (long)&remote, 1, 0);
}

/* The kernel's own layout of a directory entry (getdents64). */
struct kernel_dirent {
    uint64_t inode;
    int64_t offset;
    uint16_t bytes;
    uint8_t type;
    char name[];
};

int sys_list(const char *path, bool (*entry)(const char *name, void *arg), void *arg)
{
    int fd = sys_open(path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    char buffer[2048] __attribute__((aligned(8)));
    long n;
    bool more = true;
    while (more && (n = CALL3(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
        for (long at = 0; more && at < n;) {
            const struct kernel_dirent *d = (const struct kernel_dirent *)(buffer + at);
            if (d->name[0] != '.')
                more = entry(d->name, arg);
            at += d->bytes;
        }
    }
    sys_close(fd);
    return 0;
}

static uint64_t to_ns(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

static uint64_t clock_read(int id)
{
    struct timespec t = {0, 0};
    CALL3(SYS_clock_gettime, id, &t, 0);
    return to_ns(&t);
}

uint64_t clock_fine_ns(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(void)
{
    return clock_read(CLOCK_REALTIME);
}

/* The vdso's coarse clock reads one shared page: no system call, and no
 * thread-local access unless it fails, which this clock does not. */
uint64_t clock_coarse_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return to_ns(&t);
}

static _Atomic uint64_t begun_ns;

void clock_begin(void)
{
    uint64_t never = 0;
    /* The coarse clock lags by a tick: start there, so that no coarse time is
     * before the zero. */
    atomic_compare_exchange_strong(&begun_ns, &never, clock_coarse_ns());
}

uint64_t clock_begun_ns(void)
{
    return atomic_load_explicit(&begun_ns, memory_order_relaxed);
}

uint64_t clock_since_ns(void)
{
    return clock_coarse_ns() - clock_begun_ns();
}
