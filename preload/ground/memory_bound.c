/* SPDX-License-Identifier: MIT */
#include "preload/ground/memory_bound.h"

#include <stdbool.h>
#include <string.h>

#include "preload/ground/sys.h"

#define GROUP_PATH 4096u

/* Of each version of control groups: how a line of /proc/self/cgroup begins ("0::/path",
 * "N:memory:/path"), where the groups are, and the names of two files in each. */
static const struct version {
    const char *mark, *root, *bound, *used;
} versions[] = {
    {"::", "/sys/fs/cgroup", "/memory.max", "/memory.current"},
    {":memory:", "/sys/fs/cgroup/memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes"},
};

/* "max" is no number. */
static uint64_t value_in(const char *root, const char *group, size_t length, const char *file)
{
    static char path[GROUP_PATH];
    char value[32];
    struct text text = TEXT_OF(path);
    text_add(&text, root);
    text_add_bytes(&text, group, length);
    text_add(&text, file);
    if (sys_slurp(path, value, sizeof value) <= 0 || *value < '0' || *value > '9')
        return UINT64_MAX;
    const char *at = value;
    return text_read_u64(&at);
}

static uint64_t of_group(const struct version *version, const char *group, size_t length, bool left)
{
    uint64_t bound = value_in(version->root, group, length, version->bound);
    if (!left || bound == UINT64_MAX)
        return bound;
    uint64_t used = value_in(version->root, group, length, version->used);
    return used < bound ? bound - used : 0;
}

/* The tightest from the group up to the root. */
static uint64_t of_groups(const struct version *version, const char *group, bool left)
{
    uint64_t least = UINT64_MAX;
    size_t length = 0;
    while (group[length] && group[length] != '\n')
        length++;
    for (;;) {
        uint64_t one = of_group(version, group, length, left);
        least = one < least ? one : least;
        while (length > 0 && group[length - 1] != '/')
            length--;
        if (length == 0)
            return least;
        length--;
    }
}

static uint64_t of_machine(const char *key)
{
    char info[512];
    const char *at = sys_slurp("/proc/meminfo", info, sizeof info) > 0 ? strstr(info, key) : NULL;
    if (!at)
        return UINT64_MAX;
    at += strlen(key);
    while (*at == ' ')
        at++;
    return text_read_u64(&at) << 10;
}

static uint64_t least_of_all(bool left)
{
    static char groups[4096];
    uint64_t least = of_machine(left ? "MemAvailable:" : "MemTotal:");
    if (sys_slurp("/proc/self/cgroup", groups, sizeof groups) <= 0)
        return least;
    for (const char *line = groups, *end; *line; line = end + 1) {
        const char *mark = strchr(line, ':');
        for (size_t i = 0; mark && i < sizeof versions / sizeof *versions; i++) {
            size_t length = strlen(versions[i].mark);
            if (strncmp(mark, versions[i].mark, length) != 0)
                continue;
            uint64_t one = of_groups(&versions[i], mark + length, left);
            least = one < least ? one : least;
        }
        end = strchr(line, '\n');
        if (!end)
            break;
    }
    return least;
}

uint64_t memory_bound(void)
{
    return least_of_all(false);
}

uint64_t memory_left(void)
{
    return least_of_all(true);
}
