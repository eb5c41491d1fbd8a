/* SPDX-License-Identifier: MIT */
/*
 * The memory of a running program, read from outside: /proc/PID/mem and /proc/PID/maps.
 *
 * The descriptor stays with the address space that it was opened for: after an exec it
 * reads nothing, never the new program's. Reading stops nobody. Pages that the program
 * cannot write to (code, unwind tables) are kept, all else is read anew each time.
 */
#ifndef REPORT_LIVE_MEMORY_H
#define REPORT_LIVE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct live_map {
    uint64_t start, end, offset, inode;
    uint32_t device;
    bool readable, writable, executable;
    const char *path; /* "" when it has none */
};

struct live_module;
struct live_page;

struct live_memory {
    pid_t pid;
    int fd;
    struct live_map *maps;
    size_t map_count;
    char *text; /* of the maps file: their paths lie in it */
    struct live_module *modules;
    struct live_page *pages;
};

/* Returns 0, or a negative errno: -EACCES, -EPERM where we may not look, -ESRCH. */
int live_memory_open(struct live_memory *ret, pid_t pid);
void live_memory_close(struct live_memory *memory);

/* Where the address lies; NULL: nowhere. What the program has mapped since is looked for
 * once more with `again`. */
const struct live_map *live_map_find(const struct live_memory *memory, uint64_t address);
const struct live_map *live_map_find_again(struct live_memory *memory, uint64_t address);

/* Bytes read, fewer where the mapping ends; 0: none. */
size_t live_memory_read(const struct live_memory *memory, uint64_t address, void *ret,
                        size_t bytes);
/* From memory that the program cannot write to; all of it, or false. */
bool live_memory_read_constant(struct live_memory *memory, uint64_t address, void *ret,
                               size_t bytes);

/* Whether the program has replaced itself, or ended, since it was opened. */
bool live_memory_is_gone(const struct live_memory *memory);

#endif
