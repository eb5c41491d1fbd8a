/* SPDX-License-Identifier: MIT */
#include "preload/ground/maps.h"

#include <fcntl.h>
#include <string.h>

#include "preload/ground/sys.h"

#define PART_BYTES 8192u

static char part[PART_BYTES + 1];

void maps_open(struct maps *maps, const char *path)
{
    *maps = (struct maps){.fd = sys_open(path, O_RDONLY, 0)};
}

void maps_close(struct maps *maps)
{
    if (maps->fd >= 0)
        sys_close(maps->fd);
    maps->fd = -1;
}

static bool line_read(struct maps *maps, char **ret_line)
{
    for (;;) {
        char *line = part + maps->at;
        char *end = line;
        while (end < part + maps->used && *end != '\n')
            end++;
        if (end < part + maps->used) {
            *end = '\0';
            maps->at = (size_t)(end + 1 - part);
            *ret_line = line;
            return true;
        }
        memmove(part, line, maps->used - maps->at);
        maps->used -= maps->at;
        maps->at = 0;
        ssize_t n =
            maps->fd < 0 ? -1 : sys_read(maps->fd, part + maps->used, PART_BYTES - maps->used);
        if (n <= 0) {
            maps->failed = n < 0 || maps->used > 0; /* also a line longer than any */
            return false;
        }
        maps->used += (size_t)n;
    }
}

static const char *skip(const char *at, char what)
{
    while (*at == what)
        at++;
    return at;
}

static const char *field_after(const char *at)
{
    while (*at && *at != ' ')
        at++;
    return skip(at, ' ');
}

static uint32_t flags_read(const char *at)
{
    static const char letters[] = {'r', 'w', 'x', 's'};
    uint32_t flags = 0;
    for (size_t i = 0; i < sizeof letters && at[i]; i++)
        if (at[i] == letters[i])
            flags |= 1u << i;
    return flags;
}

/* "7f00-7f10 rw-p 00000000 08:01 4711    /path" */
bool maps_next(struct maps *maps, struct maps_area *ret_area)
{
    char *line;
    *ret_area = (struct maps_area){.name = ""};
    if (!line_read(maps, &line))
        return false;
    const char *at = line;
    ret_area->start = text_read_hex(&at);
    at += *at == '-';
    ret_area->end = text_read_hex(&at);
    at = skip(at, ' ');
    ret_area->flags = flags_read(at);
    at = field_after(at);
    ret_area->offset = text_read_hex(&at);
    at = field_after(skip(at, ' ')); /* the device */
    ret_area->is_file = text_read_u64(&at) != 0;
    ret_area->name = skip(at, ' ');
    ret_area->is_file = ret_area->is_file && *ret_area->name == '/';
    return true;
}
