/* SPDX-License-Identifier: MIT */
/*
 * Streams: FILEs and the descriptors inside them. libc's own calls of open and
 * close do not pass through our hooks, so each function is hooked by its name.
 */
#include <stdio.h>
#include <wchar.h>

#include "preload/hooks/family.h"

#define STREAM_FAMILY(family, detail)                                                              \
    static inline void family##_acquired(struct hook *hook, const struct call_site *site,          \
                                         FILE *stream)                                             \
    {                                                                                              \
        stream_acquired(hook, site, stream, detail);                                               \
    }

STREAM_FAMILY(named, DETAIL_FILE)
STREAM_FAMILY(temporary, DETAIL_TEMPORARY)
STREAM_FAMILY(command, DETAIL_POPEN)
STREAM_FAMILY(memory, DETAIL_NONE)

ACQUIRES(named, FILE *, fopen, (const char *restrict path, const char *restrict mode), (path, mode))
ACQUIRES(named, FILE *, fopen64, (const char *restrict path, const char *restrict mode),
         (path, mode))
ACQUIRES(temporary, FILE *, tmpfile, (void), ())
ACQUIRES(temporary, FILE *, tmpfile64, (void), ())
ACQUIRES(command, FILE *, popen, (const char *command, const char *mode), (command, mode))

/* fmemopen has two versions with different behaviour, of which a hook would
 * serve one to all callers (hazards.md A5): left alone. */
ACQUIRES(memory, FILE *, open_memstream, (char **buffer, size_t *size), (buffer, size))
ACQUIRES(memory, FILE *, open_wmemstream, (wchar_t * *buffer, size_t *size), (buffer, size))
ACQUIRES(memory, FILE *, fopencookie,
         (void *restrict cookie, const char *restrict mode, cookie_io_functions_t functions),
         (cookie, mode, functions))

HOOK(fdopen);
HOOK_EXPORT FILE *fdopen(int fd, const char *mode)
{
    FILE *stream = REAL(fdopen)(fd, mode);
    if (guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        stream_adopted(&hook_fdopen, &site, stream);
    }
    return stream;
}

/* ---- giving back ---- */

#define CLOSES_STREAM(function)                                                                    \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function(FILE *stream)                                                         \
    {                                                                                              \
        if (!guard_may_record(GUARD_FRAME()))                                                      \
            return REAL(function)(stream);                                                         \
        struct call_site site = CALL_SITE();                                                       \
        struct handle_release release = stream_releasing(&hook_##function, &site, stream);         \
        int result;                                                                                \
        BLOCKS(result = REAL(function)(stream));                                                   \
        handle_released(&release, result);                                                         \
        return result;                                                                             \
    }

CLOSES_STREAM(fclose)
CLOSES_STREAM(pclose)

/* libc flushes every stream but closes no descriptor (E4): the program is done
 * with its streams, and nothing more will become of them. */
HOOK(fcloseall);
HOOK_EXPORT int fcloseall(void)
{
    int result = REAL(fcloseall)();
    if (guard_may_record(GUARD_FRAME()))
        key_mark_kind(CTT_KIND_STREAM, CTT_HOLDING_IGNORED);
    return result;
}

/* The stream keeps its address, its descriptor is closed and another opened,
 * mostly under the same number. When that fails the stream is closed. */
#define REOPENS(function)                                                                          \
    HOOK(function);                                                                                \
    HOOK_EXPORT FILE *function(const char *restrict path, const char *restrict mode,               \
                               FILE *restrict stream)                                              \
    {                                                                                              \
        if (!guard_may_record(GUARD_FRAME()))                                                      \
            return REAL(function)(path, mode, stream);                                             \
        struct call_site site = CALL_SITE();                                                       \
        stream_releasing(&hook_##function, &site, stream);                                         \
        FILE *result = REAL(function)(path, mode, stream);                                         \
        named_acquired(&hook_##function, &site, result);                                           \
        return result;                                                                             \
    }

REOPENS(freopen)
REOPENS(freopen64)
