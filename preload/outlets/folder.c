/* SPDX-License-Identifier: MIT */
#include "preload/outlets/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "preload/ground/blind.h"
#include "preload/ground/config.h"
#include "preload/ground/sys.h"

#define FOLDER_MODE 0700
#define FILE_MODE   0600
#define NAMES_TRIED 100 /* each lost to another process that was faster */
#define NUMBER_MAX  (1u << 30)
#define EXTENSION   ".ctt"

static char chosen[FOLDER_PATH]; /* dir=, absolute; "" when not given */
static char temporary_root[FOLDER_PATH] = "/tmp";
static char opened[FOLDER_PATH];
static char fallback_note[FOLDER_PATH + 64];

void folder_absolute(struct text *path, const char *folder)
{
    if (*folder && *folder != '/') {
        long n = sys_call(SYS_getcwd, (long)path->at, (long)path->size, 0, 0, 0, 0);
        path->used = n > 0 ? (size_t)n - 1 : 0;
        text_add(path, "/");
    }
    text_add(path, folder);
}

/* Names of files of rules, with commas between: the command reads them when the
 * process ends, wherever it is then. */
static void rules_absolute(void)
{
    static char absolute[FOLDER_PATH];
    struct text text = TEXT_OF(absolute);
    const char *at = config.suppressions;
    if (!strchr(at, ',') && *at == '/')
        return;
    while (*at) {
        static char name[FOLDER_PATH], whole[FOLDER_PATH];
        size_t length = strcspn(at, ",");
        struct text given = TEXT_OF(name), one = TEXT_OF(whole);
        text_add_bytes(&given, at, length);
        folder_absolute(&one, name);
        if (text.used)
            text_add(&text, ",");
        text_add(&text, whole);
        at += length + (at[length] == ',');
    }
    config_resolve(&config.suppressions, absolute);
}

/* A relative dir= means the directory in which the program was started. */
void folder_start(const char *tmpdir)
{
    struct text text = TEXT_OF(chosen);
    folder_absolute(&text, config.dir);
    rules_absolute();
    if (tmpdir && *tmpdir == '/') {
        struct text root = TEXT_OF(temporary_root);
        text_add(&root, tmpdir);
    }
}

/* ---- candidates ---- */

static void default_path(struct text *path, const char *root, bool own)
{
    text_add(path, root);
    text_add(path, "/ctxtrace-");
    text_add_u64(path, (uint64_t)sys_getuid());
    if (own) {
        text_add(path, ".");
        text_add_u64(path, (uint64_t)sys_getpid());
    }
}

/* Candidate i's path; false past the last. The later ones are for a folder of
 * the usual name that is somebody else's, or not writable. */
static bool candidate(uint32_t i, char path[FOLDER_PATH])
{
    struct text text = {path, 0, FOLDER_PATH};
    path[0] = '\0';
    switch (i) {
    case 0:
        text_add(&text, chosen);
        break;
    case 1:
        default_path(&text, temporary_root, false);
        break;
    case 2:
        default_path(&text, temporary_root, true);
        break;
    case 3:
        default_path(&text, "/tmp", true);
        break;
    default:
        return false;
    }
    return true;
}

/* A folder that the user chose may also be root's (dir=/tmp): files in it are
 * made O_EXCL and 0600. */
static bool is_trusted(int fd, bool by_user)
{
    struct stat facts;
    if (sys_call(SYS_fstat, fd, (long)&facts, 0, 0, 0, 0) < 0)
        return false;
    return facts.st_uid == (uid_t)sys_getuid() || (by_user && facts.st_uid == 0);
}

static int candidate_open(const char *path, bool by_user)
{
    const long writable = 2 | 1; /* W_OK | X_OK */
    sys_call(SYS_mkdirat, AT_FDCWD, (long)path, FOLDER_MODE, 0, 0, 0);
    int fd = sys_open(path, O_RDONLY | O_DIRECTORY | (by_user ? 0 : O_NOFOLLOW), 0);
    if (fd < 0)
        return fd;
    if (is_trusted(fd, by_user) &&
        sys_call(SYS_faccessat2, fd, (long)"", writable, AT_EMPTY_PATH | AT_EACCESS, 0, 0) == 0)
        return fd;
    sys_close(fd);
    return -EACCES;
}

static void fallback_tell(const char *refused)
{
    struct text text = TEXT_OF(fallback_note);
    text_add(&text, "dumps go to ");
    text_add(&text, opened);
    text_add(&text, ": ");
    text_add(&text, refused);
    text_add(&text, " is not writable or not ours");
    health_blind(0, fallback_note);
}

int folder_open(void)
{
    char path[FOLDER_PATH], refused[FOLDER_PATH] = "";
    int result = -ENOENT;
    for (uint32_t i = 0; candidate(i, path); i++) {
        if (!*path)
            continue;
        int folder = candidate_open(path, i == 0);
        if (folder >= 0) {
            memcpy(opened, path, sizeof opened);
            if (*refused)
                fallback_tell(refused);
            return folder;
        }
        if (*refused)
            continue;
        result = folder;
        memcpy(refused, path, sizeof refused);
    }
    memcpy(opened, refused, sizeof opened); /* what is complained of */
    return result;
}

const char *folder_fallback(void)
{
    return *chosen && *fallback_note ? fallback_note : NULL;
}

const char *folder_path(void)
{
    return opened;
}

/* ---- files ---- */

int folder_create(int folder, const char *temporary)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = (int)sys_call(SYS_openat, folder, (long)temporary, flags, FILE_MODE, 0, 0);
    if (fd == -EEXIST) {
        /* Of a process with our pid that was killed while it wrote. */
        folder_remove(folder, temporary);
        fd = (int)sys_call(SYS_openat, folder, (long)temporary, flags, FILE_MODE, 0, 0);
    }
    return fd;
}

int folder_replace(int folder, const char *temporary, const char *name)
{
    return (int)sys_call(SYS_renameat, folder, (long)temporary, folder, (long)name, 0, 0);
}

/* "app.12.1.ctt" -> "app.12.1-2.ctt" */
static void name_vary(const char *name, uint32_t number, char ret_name[FOLDER_NAME])
{
    struct text text = {ret_name, 0, FOLDER_NAME};
    size_t length = strlen(name), stem = length;
    if (length > strlen(EXTENSION) && strcmp(name + length - strlen(EXTENSION), EXTENSION) == 0)
        stem -= strlen(EXTENSION);
    text_add_bytes(&text, name, stem);
    text_add(&text, "-");
    text_add_u64(&text, number);
    text_add(&text, name + stem);
}

static bool is_taken(int folder, const char *name, uint32_t number)
{
    char varied[FOLDER_NAME];
    name_vary(name, number, varied);
    return sys_call(SYS_faccessat, folder, (long)varied, 0, 0, 0, 0) == 0;
}

/* One that is free, near to the first: a container's dumps, each of process 1, or a
 * program's that replaces itself, may have taken thousands. */
static uint32_t number_free(int folder, const char *name)
{
    uint32_t taken = 1, free = 2;
    while (is_taken(folder, name, free) && free < NUMBER_MAX) {
        taken = free;
        free *= 2;
    }
    while (free - taken > 1) {
        uint32_t middle = taken + (free - taken) / 2;
        if (is_taken(folder, name, middle))
            taken = middle;
        else
            free = middle;
    }
    return free;
}

int folder_commit(int folder, const char *temporary, char name[FOLDER_NAME])
{
    char varied[FOLDER_NAME];
    memcpy(varied, name, sizeof varied);
    for (uint32_t tries = 1;; tries++) {
        long result = sys_call(SYS_renameat2, folder, (long)temporary, folder, (long)varied,
                               RENAME_NOREPLACE, 0);
        if (result == -EINVAL) /* not every file system can */
            result = folder_replace(folder, temporary, varied);
        if (result != -EEXIST || tries > NAMES_TRIED) {
            memcpy(name, varied, sizeof varied);
            return (int)result;
        }
        name_vary(name, number_free(folder, name), varied);
    }
}

void folder_remove(int folder, const char *name)
{
    sys_call(SYS_unlinkat, folder, (long)name, 0, 0, 0, 0);
}
