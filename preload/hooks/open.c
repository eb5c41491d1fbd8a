/* SPDX-License-Identifier: MIT */
/*
 * Everything that opens a file by name, handle or template and gives a
 * descriptor: open's family with its large-file and fortify twins, temporary
 * files, shared memory, message queues, pseudo-terminals.
 *
 * The mode argument is fetched only where the caller had to pass it (A20).
 */
#include <fcntl.h>
#include <mqueue.h>
#include <pty.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "preload/hooks/family.h"

/* Names that libc exports but declares nowhere, or only to itself. */
int __open(const char *path, int flags, ...);
int __open64(const char *path, int flags, ...);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);
mqd_t __mq_open_2(const char *name, int flags);

static bool flags_need_mode(int flags)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

static void opened(struct hook *hook, const struct call_site *site, int fd, int flags)
{
    enum holding_detail detail = DETAIL_FILE;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        detail = DETAIL_TEMPORARY;
    else if (flags & O_DIRECTORY)
        detail = DETAIL_DIRECTORY;
    descriptor_acquired(hook, site, fd, CTT_KIND_FD, detail);
}

#define OPEN_MODE(flags, mode)                                                                     \
    mode_t mode = 0;                                                                               \
    if (flags_need_mode(flags)) {                                                                  \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode = va_arg(more, mode_t);                                                               \
        va_end(more);                                                                              \
    }

#define OPEN_RESULT(function, args)                                                                \
    int fd; /* of a FIFO: once the other end is there */                                           \
    BLOCKS(fd = REAL(function) args);                                                              \
    if (guard_may_record(GUARD_FRAME())) {                                                         \
        struct call_site site = CALL_SITE();                                                       \
        opened(&hook_##function, &site, fd, flags);                                                \
    }                                                                                              \
    return fd

#define OPENS(function)                                                                            \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function(const char *path, int flags, ...)                                     \
    {                                                                                              \
        OPEN_MODE(flags, mode)                                                                     \
        OPEN_RESULT(function, (path, flags, mode));                                                \
    }

#define OPENS_AT(function)                                                                         \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function(int directory, const char *path, int flags, ...)                      \
    {                                                                                              \
        OPEN_MODE(flags, mode)                                                                     \
        OPEN_RESULT(function, (directory, path, flags, mode));                                     \
    }

#define OPENS_CHECKED(function, params, args)                                                      \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        OPEN_RESULT(function, args);                                                               \
    }

OPENS(open)
OPENS(open64)
OPENS(__open)
OPENS(__open64)
OPENS_AT(openat)
OPENS_AT(openat64)
OPENS_CHECKED(__open_2, (const char *path, int flags), (path, flags))
OPENS_CHECKED(__open64_2, (const char *path, int flags), (path, flags))
OPENS_CHECKED(__openat_2, (int directory, const char *path, int flags), (directory, path, flags))
OPENS_CHECKED(__openat64_2, (int directory, const char *path, int flags), (directory, path, flags))
OPENS_CHECKED(open_by_handle_at, (int mount, struct file_handle *handle, int flags),
              (mount, handle, flags))

FD_FAMILY(file, CTT_KIND_FD, DETAIL_FILE)
FD_FAMILY(temporary, CTT_KIND_FD, DETAIL_TEMPORARY)
FD_FAMILY(shm, CTT_KIND_FD, DETAIL_SHM)
FD_FAMILY(memfd, CTT_KIND_FD, DETAIL_MEMFD)
FD_FAMILY(pty, CTT_KIND_FD, DETAIL_PTY)

ACQUIRES(file, int, creat, (const char *path, mode_t mode), (path, mode))
ACQUIRES(file, int, creat64, (const char *path, mode_t mode), (path, mode))

ACQUIRES(temporary, int, mkstemp, (char *path), (path))
ACQUIRES(temporary, int, mkstemp64, (char *path), (path))
ACQUIRES(temporary, int, mkostemp, (char *path, int flags), (path, flags))
ACQUIRES(temporary, int, mkostemp64, (char *path, int flags), (path, flags))
ACQUIRES(temporary, int, mkstemps, (char *path, int suffix), (path, suffix))
ACQUIRES(temporary, int, mkstemps64, (char *path, int suffix), (path, suffix))
ACQUIRES(temporary, int, mkostemps, (char *path, int suffix, int flags), (path, suffix, flags))
ACQUIRES(temporary, int, mkostemps64, (char *path, int suffix, int flags), (path, suffix, flags))

ACQUIRES(shm, int, shm_open, (const char *name, int flags, mode_t mode), (name, flags, mode))
ACQUIRES(memfd, int, memfd_create, (const char *name, unsigned flags), (name, flags))

ACQUIRES(pty, int, posix_openpt, (int flags), (flags))
ACQUIRES(pty, int, getpt, (void), ())

/* ---- mounts that are being made ---- */

FD_FAMILY(mount, CTT_KIND_FD, DETAIL_NONE)
ACQUIRES(mount, int, fsopen, (const char *name, unsigned flags), (name, flags))
ACQUIRES(mount, int, fspick, (int directory, const char *path, unsigned flags),
         (directory, path, flags))
ACQUIRES(mount, int, fsmount, (int context, unsigned flags, unsigned attributes),
         (context, flags, attributes))
ACQUIRES(mount, int, open_tree, (int directory, const char *path, unsigned flags),
         (directory, path, flags))

/* ---- two ends ---- */

HOOK(openpty);
HOOK_EXPORT int openpty(int *master, int *slave, char *name, const struct termios *terminal,
                        const struct winsize *size)
{
    int result = REAL(openpty)(master, slave, name, terminal, size);
    if (guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        const int ends[2] = {result < 0 ? -1 : *master, result < 0 ? -1 : *slave};
        descriptors_acquired(&hook_openpty, &site, result, ends, CTT_KIND_FD, DETAIL_PTY,
                             DETAIL_PTY);
    }
    return result;
}

/* ---- message queues: descriptors, on Linux ---- */

FD_FAMILY(queue, CTT_KIND_FD, DETAIL_MQ)
ACQUIRES(queue, mqd_t, __mq_open_2, (const char *name, int flags), (name, flags))

HOOK(mq_open);
HOOK_EXPORT mqd_t mq_open(const char *name, int flags, ...)
{
    mode_t mode = 0;
    struct mq_attr *attributes = NULL;
    if (flags & O_CREAT) {
        va_list more;
        va_start(more, flags);
        mode = va_arg(more, mode_t);
        attributes = va_arg(more, struct mq_attr *);
        va_end(more);
    }
    mqd_t queue = REAL(mq_open)(name, flags, mode, attributes);
    if (guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        queue_acquired(&hook_mq_open, &site, queue);
    }
    return queue;
}
