/* SPDX-License-Identifier: MIT */
/*
 * ctxtrace_test.h: what a program's own tests ask. Part of ctxtrace.h; needs the tracker in
 * the process: LD_PRELOAD=libctxtrace.so ./test, or `ctxtrace run ./test`.
 *
 *     ctx_t *test = ctx_with_name(NULL, "parses headers");
 *     CTX_SCOPE(test)
 *     parse_headers();
 *     assert(ctx_verify_none(&(ctx_check_t){.context = test}) == 0);
 *
 * A context is what tells the test's own resources from those of tests that run beside it:
 * what was acquired in it and below it and is still held, tasks and threads that are still
 * alive, cleanups that have not run (but the calling thread's). Not told is what libc and
 * libctx keep, what was inherited, what is meant to be held (ctx_ignore_X).
 *
 * Without the tracker a check is -1 and ENOSYS, never 0: a test must not pass because nobody
 * looked. With CTXTRACE_REQUIRE=1 in the environment it says so and aborts.
 */
#ifndef CTXTRACE_TEST_H
#define CTXTRACE_TEST_H

#include "ctxtrace.h"
#include "ctxtrace_annotate.h" /* struct ctxtrace_held */

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* All zeroes: what the whole process holds. Size first, so that more can come. */
typedef struct ctxtrace_check_options {
    ctxtrace_t *context; /* it and all below it; NULL: any */
    uint64_t since;      /* what ctx_mark gave; 0: whenever */
    const char *kind;    /* of this kind alone ("fd", "socket", "memory", ...); NULL: any */
    /* Blocks of memory, too: always with a context or where the kind is "memory". Those that
     * a function of libc acquired are left out. */
    int with_memory;
    /* How long what is on its way out may take: looked again and again, with pauses that
     * grow. 0: 0.4 s; CTX_FOREVER: not at all. */
    int64_t patience_ns;
} ctxtrace_check_t;

/* A moment, for `since`. */
uint64_t ctxtrace_mark(void);
/* How many things are held; -1 and ENOSYS: nobody knows. The buffer (may be NULL) gets a
 * text of them, a line each, always closed by a 0. */
int ctxtrace_check(const ctxtrace_check_t *what, char *buffer, size_t size) CTXTRACE_MUST_USE;
/* The same, and the text goes to stderr where there is something to tell. */
int ctxtrace_verify_none(const ctxtrace_check_t *what) CTXTRACE_MUST_USE;
/* The same without patience or a text: how many are held now. */
int64_t ctxtrace_counts(const ctxtrace_check_t *what) CTXTRACE_MUST_USE;
/* Calls tell(held, arg) for each; it must not acquire or release what is looked at. */
int ctxtrace_foreach(const ctxtrace_check_t *what,
                     void (*tell)(const struct ctxtrace_held *held, void *arg),
                     void *arg) CTXTRACE_MUST_USE;
/* A dump of all that the tracker knows, for `ctxtrace report`. */
int ctxtrace_snapshot(const char *path) CTXTRACE_MUST_USE;

#pragma GCC visibility pop

#ifndef CTXTRACE_NO_SHORT_NAMES
#define ctx_check_t     ctxtrace_check_t
#define ctx_mark        ctxtrace_mark
#define ctx_check       ctxtrace_check
#define ctx_verify_none ctxtrace_verify_none
#define ctx_counts      ctxtrace_counts
#define ctx_foreach     ctxtrace_foreach
#define ctx_snapshot    ctxtrace_snapshot
#endif

#ifdef __cplusplus
}
#endif

#endif
