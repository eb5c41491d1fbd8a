/* SPDX-License-Identifier: MIT */
/* Ourselves in LD_PRELOAD: taken out of the list, and found again by the next loader. */
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/ground/arena.h"
#include "preload/ground/sys.h"
#include "preload/hooks/exec.h"

#define OWN_NAME   "libctxtrace.so" /* and whatever version follows */
#define VARIABLE   EXEC_PRELOAD "="
#define SEPARATORS " :"
#define PATH_BYTES 1024

static bool is_own(const char *entry, size_t bytes)
{
    const char *name = entry;
    for (const char *at = entry; at < entry + bytes; at++)
        if (*at == '/')
            name = at + 1;
    size_t rest = (size_t)(entry + bytes - name);
    return rest >= strlen(OWN_NAME) && memcmp(name, OWN_NAME, strlen(OWN_NAME)) == 0;
}

/* Copies the list without our entries to `to` (which may be NULL); tells
 * whether there were any. */
bool exec_preload_filter(const char *list, char *to)
{
    bool found = false;
    char *begin = to;
    while (*list) {
        size_t gap = strspn(list, SEPARATORS);
        size_t bytes = strcspn(list + gap, SEPARATORS);
        if (is_own(list + gap, bytes)) {
            found = true;
        } else if (to && bytes) {
            if (to != begin)
                *to++ = ':';
            memcpy(to, list + gap, bytes);
            to += bytes;
        }
        list += gap + bytes;
    }
    if (to)
        *to = '\0';
    return found;
}

/* ---- whether the loader will find us ---- */

static char own_file[PATH_BYTES]; /* as the loader has found it; "" when not known */
static bool searched_own_path;    /* by LD_LIBRARY_PATH, which may be another now */

void exec_own_start(char **envp)
{
    Dl_info own = {0};
    const char *path = environment_value(envp, "LD_LIBRARY_PATH");
    searched_own_path = path && *path;
    if (dladdr(own_file, &own) && own.dli_fname && strlen(own.dli_fname) < sizeof own_file)
        memcpy(own_file, own.dli_fname, strlen(own.dli_fname) + 1);
}

static bool is_readable(const char *path)
{
    return sys_call(SYS_faccessat, AT_FDCWD, (long)path, R_OK, 0, 0, 0) == 0;
}

/* A name without a slash is the loader's to find as it has found us, if that was where
 * it always looks. */
bool exec_preload_found(const char *list)
{
    char path[PATH_BYTES];
    while (*list) {
        size_t gap = strspn(list, SEPARATORS);
        size_t bytes = strcspn(list + gap, SEPARATORS);
        const char *name = list + gap;
        list += gap + bytes;
        if (!is_own(name, bytes) || bytes >= sizeof path)
            continue;
        memcpy(path, name, bytes);
        path[bytes] = '\0';
        return strchr(path, '/')
                   ? is_readable(path)
                   : !searched_own_path && own_file[0] == '/' && is_readable(own_file);
    }
    return false;
}

/* ---- children=skip ---- */

void exec_skip_children(char **envp)
{
    for (char **entry = envp; *entry; entry++) {
        const size_t head = strlen(VARIABLE);
        if (strncmp(*entry, VARIABLE, head) != 0 || !exec_preload_filter(*entry + head, NULL))
            continue;
        char *rest = arena_copy(*entry, strlen(*entry));
        if (!rest)
            return;
        exec_preload_filter(*entry + head, rest + head);
        *entry = rest;
        /* As with unsetenv: the entries behind it move up. */
        if (!rest[head])
            for (char **at = entry; *at; at++)
                at[0] = at[1];
        return;
    }
}
