/* SPDX-License-Identifier: MIT */
/*
 * See live_memory.h.
 */
#include "live_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input.h"
#include "live_module.h"
#include "pool.h"
#include "tables.h"

enum { PATH_ROOM = 64, PAGE_BYTES = 4096, MAPS_FIRST = 64 };

struct live_page {
    uint64_t address;
    UT_hash_handle hh;
    unsigned char bytes[PAGE_BYTES];
};

/* "7f..-7f.. r-xp 00028000 fe:00 1837   /usr/lib/libc.so.6"; NULL or where the path begins. */
static char *map_parse(struct live_map *ret, char *line)
{
    unsigned major, minor;
    char flags[5];
    int path = 0;

    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &ret->start,
               &ret->end, flags, &ret->offset, &major, &minor, &ret->inode, &path) < 7)
        return NULL;
    ret->device = major << 20 | minor;
    ret->readable = flags[0] == 'r';
    ret->writable = flags[1] == 'w';
    ret->executable = flags[2] == 'x';
    return line + path;
}

static void maps_parse(struct live_memory *memory)
{
    size_t room = 0;
    char *rest = memory->text;
    char *line;

    memory->map_count = 0;
    memory->maps = NULL;
    while ((line = strsep(&rest, "\n"))) {
        struct live_map map = {0};

        map.path = map_parse(&map, line);
        if (!map.path)
            continue;
        if (memory->map_count == room) {
            room = room ? room * 2 : MAPS_FIRST;
            memory->maps = xrealloc(memory->maps, room, sizeof(*memory->maps));
        }
        memory->maps[memory->map_count++] = map;
    }
}

/* Returns 0, or a negative errno. */
static int maps_load(struct live_memory *memory)
{
    char path[PATH_ROOM];
    struct input input;
    int error;

    snprintf(path, sizeof(path), "/proc/%d/maps", memory->pid);
    error = input_load(&input, path);
    if (error < 0)
        return error;
    free(memory->maps);
    free(memory->text);
    memory->text = xalloc(input.size + 1);
    if (input.size)
        memcpy(memory->text, input.bytes, input.size);
    memory->text[input.size] = 0;
    input_drop(&input);
    maps_parse(memory);
    return 0;
}

int live_memory_open(struct live_memory *ret, pid_t pid)
{
    char path[PATH_ROOM];
    int error;

    *ret = (struct live_memory){.pid = pid};
    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    ret->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (ret->fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    error = maps_load(ret);
    if (error < 0)
        live_memory_close(ret);
    return error;
}

void live_memory_close(struct live_memory *memory)
{
    struct live_page *page;
    struct live_page *next;

    HASH_ITER(hh, memory->pages, page, next)
    {
        HASH_DEL(memory->pages, page);
        free(page);
    }
    live_modules_free(memory);
    free(memory->maps);
    free(memory->text);
    if (memory->fd >= 0)
        close(memory->fd);
    *memory = (struct live_memory){.fd = -1};
}

const struct live_map *live_map_find(const struct live_memory *memory, uint64_t address)
{
    size_t low = 0;
    size_t high = memory->map_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memory->maps[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < memory->map_count && memory->maps[low].start <= address ? &memory->maps[low]
                                                                         : NULL;
}

const struct live_map *live_map_find_again(struct live_memory *memory, uint64_t address)
{
    const struct live_map *map = live_map_find(memory, address);

    if (map || maps_load(memory) < 0)
        return map;
    return live_map_find(memory, address);
}

size_t live_memory_read(const struct live_memory *memory, uint64_t address, void *ret, size_t bytes)
{
    size_t done = 0;

    if (address > INT64_MAX)
        return 0;
    while (done < bytes) {
        ssize_t got = pread(memory->fd, (char *)ret + done, bytes - done, (off_t)(address + done));

        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

static const struct live_page *page_get(struct live_memory *memory, uint64_t address)
{
    const struct live_map *map;
    struct live_page *page;

    HASH_FIND(hh, memory->pages, &address, sizeof(address), page);
    if (page)
        return page;
    map = live_map_find(memory, address);
    if (!map || map->writable || !map->readable)
        return NULL;
    page = xalloc(sizeof(*page));
    page->address = address;
    if (live_memory_read(memory, address, page->bytes, PAGE_BYTES) != PAGE_BYTES) {
        free(page);
        return NULL;
    }
    HASH_ADD(hh, memory->pages, address, sizeof(page->address), page);
    return page;
}

bool live_memory_read_constant(struct live_memory *memory, uint64_t address, void *ret,
                               size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        uint64_t at = address + done;
        size_t offset = at % PAGE_BYTES;
        size_t part = bytes - done < PAGE_BYTES - offset ? bytes - done : PAGE_BYTES - offset;
        const struct live_page *page = page_get(memory, at - offset);

        if (!page)
            return false;
        memcpy((char *)ret + done, page->bytes + offset, part);
        done += part;
    }
    return true;
}

bool live_memory_is_gone(const struct live_memory *memory)
{
    char byte;

    for (size_t i = 0; i < memory->map_count; i++) {
        if (memory->maps[i].executable && memory->maps[i].inode)
            return live_memory_read(memory, memory->maps[i].start, &byte, 1) == 0;
    }
    return false;
}
