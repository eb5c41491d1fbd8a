/* SPDX-License-Identifier: MIT */
/*
 * Calls by syscall() that our own signal would cut short or end by EINTR: how
 * each goes on. A row says where in the call is what; its shape is one of the
 * functions below, around the same decisions that the hooks of libc's own names
 * take (transfer.h, facts/waiting.h). Two things are not as there: syscall() is
 * no point of cancellation, and what a pointer leads to is looked at only when
 * the kernel has been there, since a wrong one is EFAULT and no fault.
 *
 * What a call acquires is entered as by libc's name for it (raw_books.c); the use of
 * descriptors is not noted here.
 */
#ifndef HOOKS_RAW_H
#define HOOKS_RAW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "preload/ground/hook.h"

enum raw_argument { NO_ARGUMENT, A, B, C, D, E, F };

/* What a transfer would have moved without us. */
enum raw_whole {
    WHOLE_NONE,     /* a part is all right */
    WHOLE_ALL,      /* the count */
    WHOLE_DEVICE,   /* that, of /dev/zero and its like */
    WHOLE_FLAGGED,  /* that, with MSG_WAITALL */
    WHOLE_SENT,     /* all messages */
    WHOLE_RECEIVED, /* that, without MSG_WAITFORONE */
};

/* What a call acquires. */
enum raw_gives {
    GIVES_NOTHING,
    GIVES_DESCRIPTOR,   /* the result */
    GIVES_UNLESS_GIVEN, /* that, when A is -1 */
    GIVES_COPY,         /* that, of A */
    GIVES_BY_COMMAND,   /* that, when B says so */
    GIVES_PAIR,         /* two, at `at` */
    GIVES_BY_BPF,       /* the result, for the commands of bpf() that make or open */
    GIVES_UNLESS_ASKED, /* that, when the flags, C, ask for no version */
    GIVES_MESSAGE,      /* what arrived in the message at `at` */
    GIVES_MESSAGES,     /* in so many of those at `at` */
};

enum raw_unit {
    UNIT_MS,
    UNIT_TIMESPEC,
    UNIT_TIMESPEC_LEFT, /* Linux leaves the time that is left there */
    UNIT_TIMEVAL_LEFT,
};

struct raw_row {
    long (*call)(const struct raw_row *row, long number, const long a[6]);
    /* enum raw_argument: which one it is */
    uint8_t fd;
    uint8_t to; /* the other descriptor */
    uint8_t at; /* bytes, a vector, a message or messages */
    uint8_t count;
    uint8_t place; /* in the file */
    uint8_t flags;
    uint8_t limit; /* of time */
    uint8_t unit;  /* enum raw_unit: the limit's */
    uint8_t whole; /* enum raw_whole */
    uint8_t step;  /* bytes of one of what is counted */
    uint8_t gives; /* enum raw_gives, and what they are: */
    uint8_t kind, detail;
    int16_t events;
};

static inline long raw_argument(uint8_t argument, const long a[6])
{
    return argument ? a[argument - 1] : 0;
}

extern struct hook hook_syscall; /* syscall.c */

static inline long raw_call(long number, const long a[6])
{
    return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- the books: raw_books.c ---- */

struct call_site;
void raw_given(const struct call_site *site, const struct raw_row *row, const long a[6],
               long result);
/* close, close_range, dup2, dup3, mmap, munmap, mremap: makes the call. */
long raw_entered(const struct call_site *site, long number, const long a[6]);

/* ---- the shapes: each makes the call, as often as it is due ---- */

/* Once, whatever comes. */
long raw_plain(const struct raw_row *row, long number, const long a[6]);

/* raw_transfer.c */
long raw_transfer(const struct raw_row *row, long number, const long a[6]);
long raw_vector(const struct raw_row *row, long number, const long a[6]);
long raw_message(const struct raw_row *row, long number, const long a[6]);

/* raw_wait.c: with the mask in force, and for calls that take none. */
long raw_wait(const struct raw_row *row, long number, const long a[6]);
long raw_again(const struct raw_row *row, long number, const long a[6]);
long raw_sleep(const struct raw_row *row, long number, const long a[6]);
long raw_futex(const struct raw_row *row, long number, const long a[6]);

#endif
