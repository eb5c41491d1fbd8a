/* SPDX-License-Identifier: MIT */
/* Ourselves in LD_PRELOAD: taken out of the list, and found again by the next loader. */
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
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
static struct stat own_facts;     /* of it; st_nlink 0: not known */
static bool searched_own_path;    /* by LD_LIBRARY_PATH, which may be another now */

static bool file_facts(const char *path, struct stat *ret)
{
    *ret = (struct stat){0};
    return sys_call(SYS_newfstatat, AT_FDCWD, (long)path, (long)ret, 0, 0, 0) == 0;
}

void exec_own_start(char **envp)
{
    Dl_info own = {0};
    const char *path = environment_value(envp, "LD_LIBRARY_PATH");
    searched_own_path = path && *path;
    if (dladdr(own_file, &own) && own.dli_fname && strlen(own.dli_fname) < sizeof own_file)
        memcpy(own_file, own.dli_fname, strlen(own.dli_fname) + 1);
    file_facts(own_file, &own_facts);
}

/* The file that the loader has loaded once already, and as it was then: what else has our
 * name may be empty, of another machine, or need what is not there. */
static bool is_loadable(const char *path)
{
    struct stat facts;
    return own_facts.st_nlink && file_facts(path, &facts) && facts.st_dev == own_facts.st_dev &&
           facts.st_ino == own_facts.st_ino && facts.st_size == own_facts.st_size &&
           sys_call(SYS_faccessat, AT_FDCWD, (long)path, R_OK, 0, 0, 0) == 0;
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
                   ? is_loadable(path)
                   : !searched_own_path && own_file[0] == '/' && is_loadable(own_file);
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
