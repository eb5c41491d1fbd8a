/* SPDX-License-Identifier: MIT */
/*
 * What the kernel has mapped where: the lines of a /proc/PID/maps, one after the other.
 *
 * As everything of sys.h: no libc, no thread-local storage. One reader at a time: the
 * lines go through one buffer.
 */
#ifndef GROUND_MAPS_H
#define GROUND_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum maps_flags {
    MAPS_READ = 1 << 0,
    MAPS_WRITE = 1 << 1,
    MAPS_EXECUTE = 1 << 2,
    MAPS_SHARED = 1 << 3,
};

struct maps_area {
    uintptr_t start, end; /* end 0: there is none */
    uint32_t flags;       /* enum maps_flags */
    uint64_t offset;
    const char *name; /* a path, "[heap]", ""; until the next line is read */
    bool is_file;     /* it has an inode, and so the name is its path */
};

struct maps {
    int fd;      /* < 0: it cannot be read */
    bool failed; /* or not to its end */
    size_t used, at;
};

void maps_open(struct maps *maps, const char *path);
/* False, and end is 0: there is no further one. */
bool maps_next(struct maps *maps, struct maps_area *ret_area);
void maps_close(struct maps *maps);

#endif
