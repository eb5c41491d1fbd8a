/* SPDX-License-Identifier: MIT */
/*
 * Handles of libc's own: what one function gives and another takes back. A row each
 * for the two.
 *
 * They are listed and never blamed for being there: many of them are meant to live as
 * long as the process. Their memory is recorded beside them, as malloc gave it. What
 * lies in the program's own memory (regex_t, wordexp_t) is known by its address; made
 * anew there without having been given back, it replaces what was.
 *
 * Left out, with the reason, in tests/unit/tracker/names_left_out.txt: what a hook would
 * change. Timers, named semaphores and the like: object.c; what threads meet at:
 * lock_object.c; modules: module.c.
 */
#include <fts.h>
#include <glob.h>
#include <iconv.h>
#include <ifaddrs.h>
#include <locale.h>
#include <mntent.h>
#include <net/if.h>
#include <netdb.h>
#include <nl_types.h>
#include <pthread.h>
#include <regex.h>
#include <stdarg.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <threads.h>
#include <wordexp.h>

#include "preload/facts/releases.h"
#include "preload/ground/sys.h"
#include "preload/hooks/handle.h"

void handle_given(struct hook *hook, const struct call_site *site, enum ctt_kind_id kind,
                  enum holding_detail detail, uint64_t handle)
{
    uint32_t stack = family_stack(hook, site);
    struct holding_copy holding = holding_now(kind, detail, handle, stack);
    family_tally(stack, kind);
    key_enter(&holding);
}

void handle_taken(struct hook *hook, const struct call_site *site, const struct holding_copy *was)
{
    release_note(was, family_stack(hook, site));
}

#define HANDLE CTT_KIND_HANDLE

/* ---- names and addresses ---- */

GIVES(HANDLE, DETAIL_ADDRINFO, int, getaddrinfo,
      (const char *restrict node, const char *restrict service,
       const struct addrinfo *restrict hints, struct addrinfo **restrict ret_list),
      (node, service, hints, ret_list), result == 0 && *ret_list, *ret_list)
TAKES(HANDLE, freeaddrinfo, (struct addrinfo * list), (list), list)
GIVES(HANDLE, DETAIL_IFADDRS, int, getifaddrs, (struct ifaddrs * *ret_list), (ret_list),
      result == 0 && *ret_list, *ret_list)
TAKES(HANDLE, freeifaddrs, (struct ifaddrs * list), (list), list)
GIVES(HANDLE, DETAIL_IFNAMES, struct if_nameindex *, if_nameindex, (void), (), result, result)
TAKES(HANDLE, if_freenameindex, (struct if_nameindex * list), (list), list)

/* ---- patterns and words ---- */

GIVES(HANDLE, DETAIL_REGEX, int, regcomp,
      (regex_t *restrict regex, const char *restrict pattern, int flags), (regex, pattern, flags),
      result == 0, regex)
TAKES(HANDLE, regfree, (regex_t * regex), (regex), regex)
GIVES(HANDLE, DETAIL_WORDS, int, wordexp,
      (const char *restrict text, wordexp_t *restrict words, int flags), (text, words, flags),
      result == 0, words)
TAKES(HANDLE, wordfree, (wordexp_t * words), (words), words)

/* Appended to, it is the same one. */
#define EXPANDS(function, type)                                                                    \
    GIVES(HANDLE, DETAIL_PATHS, int, function,                                                     \
          (const char *restrict pattern, int flags, int (*failed)(const char *, int),              \
           type *restrict paths),                                                                  \
          (pattern, flags, failed, paths), result == 0 && !(flags & GLOB_APPEND), paths)
EXPANDS(glob, glob_t)
EXPANDS(glob64, glob64_t)
TAKES(HANDLE, globfree, (glob_t * paths), (paths), paths)
TAKES(HANDLE, globfree64, (glob64_t * paths), (paths), paths)

/* ---- languages ---- */

/* Changing a locale gives another in its place, or the same; the C locale is a static
 * one, which nobody need give back. */
static bool locale_is_made(locale_t locale)
{
    return locale && locale != LC_GLOBAL_LOCALE;
}

/* libstdc++ asks by these. */
locale_t __newlocale(int mask, const char *name, locale_t base);
locale_t __duplocale(locale_t locale);
void __freelocale(locale_t locale);

#define MAKES_LOCALE(function)                                                                     \
    HOOK(function);                                                                                \
    HOOK_EXPORT locale_t function(int mask, const char *name, locale_t base)                       \
    {                                                                                              \
        bool watched = guard_may_record(GUARD_FRAME());                                            \
        struct holding_copy was;                                                                   \
        bool had = watched && base && key_take(HANDLE, (uint64_t)(uintptr_t)base, &was);           \
        locale_t result = REAL(function)(mask, name, base);                                        \
        if (had && !result)                                                                        \
            key_enter(&was);                                                                       \
        if (watched && locale_is_made(result)) {                                                   \
            struct call_site site = CALL_SITE();                                                   \
            handle_given(&hook_##function, &site, HANDLE, DETAIL_LOCALE,                           \
                         (uint64_t)(uintptr_t)result);                                             \
        }                                                                                          \
        return result;                                                                             \
    }

MAKES_LOCALE(newlocale)
MAKES_LOCALE(__newlocale)
GIVES(HANDLE, DETAIL_LOCALE, locale_t, duplocale, (locale_t locale), (locale),
      locale_is_made(result), result)
GIVES(HANDLE, DETAIL_LOCALE, locale_t, __duplocale, (locale_t locale), (locale),
      locale_is_made(result), result)
TAKES(HANDLE, freelocale, (locale_t locale), (locale), locale)
TAKES(HANDLE, __freelocale, (locale_t locale), (locale), locale)

GIVES(HANDLE, DETAIL_ICONV, iconv_t, iconv_open, (const char *to, const char *from), (to, from),
      result != (iconv_t)-1, result)
TAKES_IF(HANDLE, iconv_close, (iconv_t conversion), (conversion), conversion, result < 0)
GIVES(HANDLE, DETAIL_CATALOG, nl_catd, catopen, (const char *name, int flags), (name, flags),
      result != (nl_catd)-1, result)
TAKES_IF(HANDLE, catclose, (nl_catd catalog), (catalog), catalog, result < 0)

/* ---- file trees and tables ---- */

GIVES(HANDLE, DETAIL_FILE_TREE, FTS *, fts_open,
      (char *const *paths, int options, int (*compare)(const FTSENT **, const FTSENT **)),
      (paths, options, compare), result, result)
TAKES_IF(HANDLE, fts_close, (FTS * tree), (tree), tree, false)
GIVES(HANDLE, DETAIL_FILE_TREE, FTS64 *, fts64_open,
      (char *const *paths, int options, int (*compare)(const FTSENT64 **, const FTSENT64 **)),
      (paths, options, compare), result, result)
TAKES_IF(HANDLE, fts64_close, (FTS64 * tree), (tree), tree, false)

/* A stream like any other, by another name. */
FILE *__setmntent(const char *path, const char *mode);
int __endmntent(FILE *stream);

#define OPENS_TABLE(function)                                                                      \
    HOOK(function);                                                                                \
    HOOK_EXPORT FILE *function(const char *path, const char *mode)                                 \
    {                                                                                              \
        FILE *stream = REAL(function)(path, mode);                                                 \
        if (guard_may_record(GUARD_FRAME())) {                                                     \
            struct call_site site = CALL_SITE();                                                   \
            stream_acquired(&hook_##function, &site, stream, DETAIL_FILE);                         \
        }                                                                                          \
        return stream;                                                                             \
    }
#define CLOSES_TABLE(function)                                                                     \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function(FILE *stream)                                                         \
    {                                                                                              \
        if (guard_may_record(GUARD_FRAME())) {                                                     \
            struct call_site site = CALL_SITE();                                                   \
            stream_releasing(&hook_##function, &site, stream);                                     \
        }                                                                                          \
        return REAL(function)(stream);                                                             \
    }

OPENS_TABLE(setmntent)
OPENS_TABLE(__setmntent)
CLOSES_TABLE(endmntent)
CLOSES_TABLE(__endmntent)

/* ---- keys of threads, and of memory ---- */

int __pthread_key_create(pthread_key_t *ret_key, void (*destroy)(void *));

#define KEY CTT_KIND_KEY

GIVES(KEY, DETAIL_PTHREAD, int, pthread_key_create,
      (pthread_key_t * ret_key, void (*destroy)(void *)), (ret_key, destroy), result == 0, *ret_key)
GIVES(KEY, DETAIL_PTHREAD, int, __pthread_key_create,
      (pthread_key_t * ret_key, void (*destroy)(void *)), (ret_key, destroy), result == 0, *ret_key)
GIVES(KEY, DETAIL_PTHREAD, int, tss_create, (tss_t * ret_key, tss_dtor_t destroy),
      (ret_key, destroy), result == thrd_success, *ret_key)
TAKES_IF(KEY, pthread_key_delete, (pthread_key_t key), (key), key, result != 0)
TAKES(KEY, tss_delete, (tss_t key), (key), key)

/* ---- what outlives the process ---- */

/* Ids of three families may be alike. */
#define IPC         CTT_KIND_IPC
#define IPC_SHM(id) ((uint64_t)(uint32_t)(id))
#define IPC_SEM(id) (UINT64_C(1) << 32 | (uint32_t)(id))
#define IPC_MSG(id) (UINT64_C(2) << 32 | (uint32_t)(id))
/* Where it is sure that this call made it. */
#define IS_MADE(key, flags)                                                                        \
    (result >= 0 &&                                                                                \
     ((key) == IPC_PRIVATE || ((flags) & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL)))

GIVES(IPC, DETAIL_SYSV_SHM, int, shmget, (key_t key, size_t bytes, int flags), (key, bytes, flags),
      IS_MADE(key, flags), IPC_SHM(result))
GIVES(IPC, DETAIL_SYSV_SEM, int, semget, (key_t key, int count, int flags), (key, count, flags),
      IS_MADE(key, flags), IPC_SEM(result))
GIVES(IPC, DETAIL_SYSV_MSG, int, msgget, (key_t key, int flags), (key, flags), IS_MADE(key, flags),
      IPC_MSG(result))

#define REMOVES(function, params, args, command, handle)                                           \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        int result = REAL(function) args;                                                          \
        struct holding_copy was;                                                                   \
        if ((command) == IPC_RMID && result >= 0 && guard_may_record(GUARD_FRAME()) &&             \
            key_take(IPC, handle, &was)) {                                                         \
            struct call_site site = CALL_SITE();                                                   \
            handle_taken(&hook_##function, &site, &was);                                           \
        }                                                                                          \
        return result;                                                                             \
    }

REMOVES(shmctl, (int id, int command, struct shmid_ds *facts), (id, command, facts), command,
        IPC_SHM(id))
REMOVES(msgctl, (int id, int command, struct msqid_ds *facts), (id, command, facts), command,
        IPC_MSG(id))

/* One argument more, or none (hazards.md A20). */
HOOK(semctl);
HOOK_EXPORT int semctl(int id, int number, int command, ...)
{
    va_list more;
    va_start(more, command);
    void *argument = va_arg(more, void *);
    va_end(more);
    int result = REAL(semctl)(id, number, command, argument);
    struct holding_copy was;
    if (command == IPC_RMID && result >= 0 && guard_may_record(GUARD_FRAME()) &&
        key_take(IPC, IPC_SEM(id), &was)) {
        struct call_site site = CALL_SITE();
        handle_taken(&hook_semctl, &site, &was);
    }
    return result;
}
