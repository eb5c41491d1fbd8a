/* SPDX-License-Identifier: MIT */
#include "preload/hooks/exec.h"

#include <elf.h>
#include <fcntl.h>
#include <gnu/lib-names.h>
#include <link.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/ground/arena.h"
#include "preload/ground/config.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#define OWN_NAME      "libctxtrace.so" /* and whatever version follows */
#define VARIABLE      "LD_PRELOAD="
#define SEPARATORS    " :"
#define SCRIPT_DEPTH  4   /* interpreters of interpreters, as in the kernel */
#define HEAD_BYTES    256 /* of a file: the kernel reads as much for #! */
#define DIRECTORY_MAX 512 /* longer parts of PATH are passed over */
#define HEADERS_MAX   128

/* Our own ELF header: its class and machine are what a program must have. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- what a file is ---- */

static ssize_t file_read(int fd, void *to, size_t bytes, uint64_t at)
{
    return sys_call(SYS_pread64, fd, (long)to, (long)bytes, (long)at, 0, 0);
}

static int file_open(int directory, const char *path)
{
    return (int)sys_call(SYS_openat, directory, (long)path,
                         O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0, 0, 0);
}

/* No loader of its own: static, LD_PRELOAD means nothing to it. */
static bool loader_is_foreign(int fd, const ElfW(Ehdr) * header)
{
    for (unsigned i = 0; i < header->e_phnum && i < HEADERS_MAX; i++) {
        ElfW(Phdr) part;
        char loader[HEAD_BYTES + 1] = "";
        uint64_t at = header->e_phoff + (uint64_t)i * header->e_phentsize;
        if (file_read(fd, &part, sizeof part, at) != (ssize_t)sizeof part)
            return false;
        if (part.p_type != PT_INTERP)
            continue;
        size_t bytes = part.p_filesz < HEAD_BYTES ? part.p_filesz : HEAD_BYTES;
        return file_read(fd, loader, bytes, part.p_offset) > 0 &&
               strcmp(base_name(loader), LD_SO) != 0;
    }
    return false;
}

static bool file_is_foreign(int fd, int depth);

static bool script_is_foreign(char *head, int depth)
{
    char *name = head + strspn(head, " \t");
    name[strcspn(name, " \t\r\n")] = '\0';
    int fd = depth < SCRIPT_DEPTH ? file_open(AT_FDCWD, name) : -1;
    if (fd < 0)
        return false;
    bool foreign = file_is_foreign(fd, depth + 1);
    sys_close(fd);
    return foreign;
}

/* What cannot be read or is not understood is not called foreign. */
static bool file_is_foreign(int fd, int depth)
{
    union {
        ElfW(Ehdr) elf;
        char text[HEAD_BYTES + 1];
    } head;
    memset(&head, 0, sizeof head);
    ssize_t bytes = file_read(fd, head.text, HEAD_BYTES, 0);
    if (bytes > 2 && head.text[0] == '#' && head.text[1] == '!')
        return script_is_foreign(head.text + 2, depth);
    if (bytes < (ssize_t)sizeof(Elf32_Ehdr) || memcmp(head.text, ELFMAG, SELFMAG) != 0)
        return false;
    if (head.elf.e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
        head.elf.e_machine != __ehdr_start.e_machine)
        return true;
    return loader_is_foreign(fd, &head.elf);
}

/* ---- which file it is ---- */

static int search_part(const char *part, size_t bytes, const char *file)
{
    char directory[DIRECTORY_MAX] = ".";
    if (bytes >= sizeof directory)
        return -1;
    if (bytes) {
        memcpy(directory, part, bytes);
        directory[bytes] = '\0';
    }
    int at = (int)sys_call(SYS_openat, AT_FDCWD, (long)directory, O_PATH | O_CLOEXEC | O_DIRECTORY,
                           0, 0, 0);
    if (at < 0)
        return -1;
    bool runs = sys_call(SYS_faccessat, at, (long)file, X_OK, 0, 0, 0) == 0;
    int fd = runs ? file_open(at, file) : -1;
    sys_close(at);
    return fd;
}

/* Along the caller's PATH, not the new program's: as execvp does it. */
static int search_open(const char *file)
{
    const char *path = NULL;
    for (char **v = environ; v && *v && !path; v++)
        if (strncmp(*v, "PATH=", 5) == 0)
            path = *v + 5;
    int fd = -1;
    for (const char *part = path ? path : "/bin:/usr/bin"; part && fd < 0;) {
        size_t bytes = strcspn(part, ":");
        fd = search_part(part, bytes, file);
        part = part[bytes] ? part + bytes + 1 : NULL;
    }
    return fd;
}

static bool target_is_foreign(const struct exec_target *target)
{
    const char *file = target->file;
    if (target->is_open && (!file || !*file))
        return file_is_foreign(target->descriptor, 0);
    if (!file)
        return false;
    int fd = target->search && !strchr(file, '/')
                 ? search_open(file)
                 : file_open(target->is_open ? target->descriptor : AT_FDCWD, file);
    if (fd < 0)
        return false;
    bool foreign = file_is_foreign(fd, 0);
    sys_close(fd);
    return foreign;
}

/* ---- the environment without us ---- */

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
static bool list_filter(const char *list, char *to)
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

bool exec_strip_plan(struct exec_strip *ret_strip, const struct exec_target *target,
                     char *const envp[])
{
    struct exec_strip strip = {.entries = 0};
    bool named = false;
    for (; envp && envp[strip.entries]; strip.entries++) {
        const char *variable = envp[strip.entries];
        if (named || strncmp(variable, VARIABLE, strlen(VARIABLE)) != 0 ||
            !list_filter(variable + strlen(VARIABLE), NULL))
            continue;
        named = true;
        strip.at = strip.entries;
        strip.bytes = strlen(variable) + 1;
    }
    if (!named || !target_is_foreign(target))
        return false;
    strip.bytes += (strip.entries + 1) * sizeof(char *);
    *ret_strip = strip;
    return true;
}

char *const *exec_strip_make(const struct exec_strip *strip, char *const envp[], void *space)
{
    char **fresh = space;
    char *value = (char *)(fresh + strip->entries + 1);
    size_t used = 0;
    memcpy(value, VARIABLE, strlen(VARIABLE));
    list_filter(envp[strip->at] + strlen(VARIABLE), value + strlen(VARIABLE));
    for (size_t i = 0; i < strip->entries; i++) {
        if (i != strip->at)
            fresh[used++] = envp[i];
        else if (value[strlen(VARIABLE)])
            fresh[used++] = value;
    }
    fresh[used] = NULL;
    HEALTH(preloads_stripped);
    return fresh;
}

/* ---- the environment of a program that comes after a warned one ---- */

static size_t environment_entries(char *const envp[])
{
    size_t entries = 0;
    while (envp && envp[entries])
        entries++;
    return entries;
}

size_t exec_warned_bytes(char *const envp[])
{
    return config_complaint() ? (environment_entries(envp) + 2) * sizeof(char *) : 0;
}

char *const *exec_warned_make(char *const envp[], void *space)
{
    static char mark[] = EXEC_WARNED "=1";
    char **fresh = space;
    size_t entries = environment_entries(envp);
    for (size_t i = 0; i < entries; i++)
        fresh[i] = envp[i];
    fresh[entries] = mark;
    fresh[entries + 1] = NULL;
    return fresh;
}

void exec_skip_children(char **envp)
{
    for (char **entry = envp; *entry; entry++) {
        const size_t head = strlen(VARIABLE);
        if (strncmp(*entry, VARIABLE, head) != 0 || !list_filter(*entry + head, NULL))
            continue;
        char *rest = arena_copy(*entry, strlen(*entry));
        if (!rest)
            return;
        list_filter(*entry + head, rest + head);
        *entry = rest;
        /* As with unsetenv: the entries behind it move up. */
        if (!rest[head])
            for (char **at = entry; *at; at++)
                at[0] = at[1];
        return;
    }
}
