/* SPDX-License-Identifier: MIT */
#include "preload/ground/memory_bound.h"

#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "preload/ground/sys.h"

#define GROUP_PATH 4096u
#define PAGE_BYTES 4096u

/* Of each version of control groups: how a line of /proc/self/cgroup begins ("0::/path",
 * "N:memory:/path"), where the groups are, and the names of two files in each. */
static const struct version {
    const char *mark, *root, *bound, *used, *cache;
} versions[] = {
    {"::", "/sys/fs/cgroup", "/memory.max", "/memory.current", "\ninactive_file "},
    {":memory:", "/sys/fs/cgroup/memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes",
     "\ntotal_inactive_file "},
};

static ssize_t file_in(const struct version *version, const char *group, size_t length,
                       const char *file, char *buffer, size_t size)
{
    static char path[GROUP_PATH];
    struct text text = TEXT_OF(path);
    text_add(&text, version->root);
    text_add_bytes(&text, group, length);
    text_add(&text, file);
    return sys_slurp(path, buffer, size);
}

/* "max" is no number. */
static uint64_t value_in(const struct version *version, const char *group, size_t length,
                         const char *file)
{
    char value[32];
    if (file_in(version, group, length, file, value, sizeof value) <= 0 || *value < '0' ||
        *value > '9')
        return UINT64_MAX;
    const char *at = value;
    return text_read_u64(&at);
}

/* Pages of files that nobody has used lately are given up before anybody is killed. */
static uint64_t cache_in(const struct version *version, const char *group, size_t length)
{
    static char facts[4096];
    if (file_in(version, group, length, "/memory.stat", facts, sizeof facts) <= 0)
        return 0;
    const char *at = strstr(facts, version->cache);
    if (!at)
        return 0;
    at += strlen(version->cache);
    return text_read_u64(&at);
}

static uint64_t of_group(const struct version *version, const char *group, size_t length, bool left)
{
    uint64_t bound = value_in(version, group, length, version->bound);
    if (!left || bound == UINT64_MAX)
        return bound;
    uint64_t used = value_in(version, group, length, version->used);
    uint64_t cache = cache_in(version, group, length);
    used -= used > cache ? cache : used;
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

bool memory_dies_together(void)
{
    static char groups[4096];
    const struct version *version = &versions[0];
    if (sys_slurp("/proc/self/cgroup", groups, sizeof groups) <= 0)
        return false;
    const char *mark = strstr(groups, version->mark);
    if (!mark)
        return false;
    const char *group = mark + strlen(version->mark);
    size_t length = 0;
    while (group[length] && group[length] != '\n')
        length++;
    return value_in(version, group, length, "/memory.oom.group") == 1;
}

uint64_t memory_resident(void)
{
    char statm[128];
    if (sys_slurp("/proc/thread-self/statm", statm, sizeof statm) <= 0)
        return 0;
    const char *at = statm;
    text_read_u64(&at);
    at += *at == ' ';
    return text_read_u64(&at) * PAGE_BYTES;
}

uint64_t memory_left(void)
{
    return least_of_all(true);
}
