/* SPDX-License-Identifier: MIT */
/*
 * A thread's room: what is too large for thread-local storage, in our arena.
 *
 * Made at a thread's first recorded event, given back when the thread ends,
 * and taken again by the next thread: ten thousand threads need as many rooms
 * as were alive at once. Only the owning thread writes it; a signal handler on
 * that thread may interrupt it anywhere, so each part says how it copes.
 */
#ifndef GROUND_ROOM_H
#define GROUND_ROOM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/ground/guard.h"

#define ROOM_WALKS      2u   /* a capture, and one in a handler that interrupted it */
#define ROOM_WALK_DEPTH 512u /* the most that stack_depth can ask for */
#define ROOM_WORDS      2u   /* words of the stack read for one frame: seldom more */

struct room_range {
    uintptr_t low, high;
};

/*
 * One frame of the last walk. Outermost frames come first, so that a walk that
 * differs in its inner part only changes the end of the row.
 */
struct memo_frame {
    uint64_t key;      /* its pc as CTT_STACK has it */
    uintptr_t sp, fp;  /* as the walk had them on arriving here */
    uint32_t id;       /* the stack from its root to here, interned */
    uint16_t words;    /* words[0 .. words) decide all that lies further out */
    uint16_t needs_fp; /* so does fp */
};

/* A word of the stack that a walk read, and what it found there. */
struct memo_word {
    uintptr_t at, value;
};

/* One step of a walk as it is made, innermost first: where it began, and which
 * words it read beside the return address. */
struct walk_step {
    uintptr_t sp, fp;
    uintptr_t fp_at;  /* where the caller's fp was read; 0: it is the same */
    uintptr_t cfa_at; /* where the CFA was read; 0: it was worked out */
    bool uses_fp;     /* from fp */
};

/*
 * What the last capture of walk[0] walked: unwind_memo.h. `count` frames after
 * frames[0], which stands for the root that the ids begin with and lies above
 * every stack. Frames beyond `count` are being changed.
 */
struct thread_memo {
    uint32_t count;
    uint32_t depth;            /* the most frames that it may have */
    uint32_t cut;              /* enum ctt_cut: why there is nothing outwards of frame 1 */
    uint64_t epoch;            /* of modules, when it was walked */
    uintptr_t high;            /* the end of the stack it is on */
    const void *entry;         /* the innermost node of the last capture of all frames, */
    uint32_t leaf;             /* and its id */
    struct memo_frame *frames; /* 1 + depth of them */
    struct memo_word *words;   /* ROOM_WORDS for each frame, on average */
};

/*
 * A whole stack that came back after others had been captured: all that decides
 * it, and what it is called.
 */
#define ROOM_PLACES_BITS 5u
#define ROOM_WHOLES      (2u << ROOM_PLACES_BITS) /* two to a place */
#define ROOM_WHOLE_MOST  40u                      /* words; longer ones are left to the memo */

struct memo_whole {
    uintptr_t pc, sp, fp, high;
    const void *entry;
    uint64_t epoch;
    uint32_t depth, id;
    uint16_t count;
    bool needs_fp;
    struct memo_word words[ROOM_WHOLE_MOST];
};

/* Blocks counted for one stack and not yet added to its tally: facts/tally.h. */
#define ROOM_TALLIES    64u
#define ROOM_TALLY_FULL 64u

struct room_tally {
    uint32_t stack, count;
    uint64_t bytes;
    uint32_t candidate; /* the last stack that found the slot to be another's */
};

/*
 * Calls of this thread that failed, and what they gave all the same: books/failure.h.
 * `at_ns` is 0 while a record is being changed.
 */
struct room_failure {
    uint32_t stack, kind, error;
    uint64_t handle;
    uint64_t at_ns;
};
#define ROOM_FAILURES 4u /* sorts: the last of each */
#define ROOM_REFUSED  8u /* threads: the last so many */

struct thread_room {
    /* The thread's own stack, and one other met lately (alternate signal
     * stack, coroutine). low == high: not known. */
    struct room_range own_stack, other_stack;
    /* Captures at work: the frame address of the one that uses walk[i], or 0.
     * One below a later frame on the same stack was left by siglongjmp. */
    uintptr_t walking[ROOM_WALKS];
    /* Free records of the memory ledger. `blocks_busy` sends a signal handler
     * that interrupts their owner to the shared list instead. */
    uint32_t blocks_busy;
    uint32_t blocks_head, blocks_count;
    uint32_t clock_calls;
    uint32_t tallies_busy;              /* as blocks_busy */
    _Atomic(struct thread_room *) next; /* among the free rooms */
    struct thread_room *older;          /* among all that were ever made */
    struct room_tally tallies[ROOM_TALLIES];
    /* Behind the room itself, each for `depth` frames; what a thread's stacks
     * never need is never touched. */
    uint32_t depth;
    uint64_t *walk[ROOM_WALKS];
    /* Only a capture that owns walk[0] touches these. */
    struct walk_step *steps;
    struct thread_memo memo;
    struct memo_whole *wholes; /* ROOM_WHOLES; NULL until a stack comes back */
    /* Of each: what its place must be asked by, or 0 (nothing kept); the stack
     * seen there last; and for each place which of its two is replaced next.
     * Apart, so that asking in vain and seeing once touch little memory. */
    uint32_t whole_tags[ROOM_WHOLES];
    uint32_t whole_ids[ROOM_WHOLES];
    uint32_t whole_turns;
    /* The alternate signal stack that the program has given this thread: only the kernel
     * knows of it. */
    struct room_range signal_stack;
    /* A block between its old record and its new one (realloc): no record names it now. */
    uintptr_t moving;
    uint32_t refused_next;
    struct room_failure failures[ROOM_FAILURES];
    struct room_failure refused[ROOM_REFUSED];
};

/* How many frames the rooms made from now on have space for; before it is set,
 * the most. */
void room_set_depth(uint32_t depth);

/* This thread's room; NULL when there is no memory for one, or when it has left
 * (libc frees a few blocks of its own after the last destructor). */
struct thread_room *room_enter(void);
static inline struct thread_room *room_get(void)
{
    struct thread_room *room = self.room;
    return __builtin_expect(room != NULL, 1) ? room : room_enter();
}

/* All rooms, along `older`; wait-free beside threads that make some. */
struct thread_room *room_first(void);

/* At the thread's end, by the thread itself. `self.room` is NULL afterwards. */
void room_leave(void);

#endif
