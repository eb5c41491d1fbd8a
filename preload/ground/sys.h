/* SPDX-License-Identifier: MIT */
/*
 * The kernel, without libc: raw system calls, the clock, reads of /proc.
 *
 * Everything here is async-signal-safe, touches no thread-local storage and
 * does not set errno: results are the kernel's own (-errno on failure). The
 * reporter, which runs on a borrowed thread pointer, uses nothing else.
 */
#ifndef GROUND_SYS_H
#define GROUND_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SYS_FAILED(r) ((unsigned long)(r) > -4096UL)

long sys_call(long number, long a, long b, long c, long d, long e, long f);

/* File descriptors made here are O_CLOEXEC, and closed before the caller
 * returns to the program: the tracker keeps none. */
int sys_open(const char *path, int flags, int mode);
ssize_t sys_read(int fd, void *buffer, size_t bytes);
ssize_t sys_write(int fd, const void *buffer, size_t bytes);
int sys_close(int fd);
/* All of `bytes`, EINTR resumed. 0, or -errno. */
int sys_write_all(int fd, const void *buffer, size_t bytes);

/* Anonymous private memory; NULL when the kernel refuses. */
void *sys_map(size_t bytes);
/* One that the children of a fork share. */
void *sys_map_shared(size_t bytes);
void sys_unmap(void *address, size_t bytes);

pid_t sys_getpid(void);
pid_t sys_gettid(void);
int sys_getuid(void);

/* Reads a whole small file. Returns bytes read (at most size - 1; the buffer
 * is NUL-terminated), or -errno. */
ssize_t sys_slurp(const char *path, char *buffer, size_t size);
/* readlink into a NUL-terminated buffer; its length, or -errno. */
ssize_t sys_readlink(const char *path, char *buffer, size_t size);

/* Copies from this process's own memory; an unmapped page is an error, not a
 * fault. True when all of `bytes` were copied. */
bool sys_peek(const void *from, void *to, size_t bytes);
/* The same from several places, one behind the other. */
bool sys_peek_all(const struct iovec *from, size_t count, void *to);
/* Up to 8 bytes of what no other thread can unmap meanwhile; also where a filter
 * has taken process_vm_readv away. */
bool sys_peek_own(const void *from, void *to, size_t bytes);
/* The other way: bytes written, or -errno; -EFAULT where nothing may be. */
ssize_t sys_poke(void *to, const void *from, size_t bytes);

/* Calls `entry` for each directory entry's name until it returns false.
 * 0, or -errno when the directory cannot be read. */
int sys_list(const char *path, bool (*entry)(const char *name, void *arg), void *arg);

/* Nanoseconds. `fine` and `wall` are exact; `coarse` is the last tick's time
 * (a few milliseconds old at most) and costs no system call. */
uint64_t clock_fine_ns(void);
uint64_t clock_coarse_ns(void);
uint64_t clock_wall_ns(void);
/* The tracker's zero: every time in the books is fine or coarse minus this.
 * Set once, by whoever comes first; a fork child keeps its parent's. */
void clock_begin(void);
uint64_t clock_begun_ns(void);
/* Coarse, since the zero; never before it. */
uint64_t clock_since_ns(void);

/* Text without printf. Each appends to a bounded, always NUL-terminated
 * buffer and drops what does not fit. */
struct text {
    char *at;
    size_t used;
    size_t size;
};
#define TEXT_OF(array) ((struct text){(array), 0, sizeof(array)})
void text_add(struct text *t, const char *s);
void text_add_bytes(struct text *t, const char *s, size_t bytes);
void text_add_u64(struct text *t, uint64_t value);
void text_add_i64(struct text *t, int64_t value);
void text_add_hex(struct text *t, uint64_t value);

/* getenv in a given environment, without libc's lock. */
const char *environment_value(char **environment, const char *key);
/* Takes a variable out, in place: setenv would copy the whole environment to
 * the heap. Whether it was there. */
bool environment_remove(char **environment, const char *key);

/* Decimal digits at *at, which moves past them. */
uint64_t text_read_u64(const char **at);
uint64_t text_read_hex(const char **at);

#endif
