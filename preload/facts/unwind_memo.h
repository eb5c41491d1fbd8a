/* SPDX-License-Identifier: MIT */
/*
 * Memoised walking: a walk that would find what the last one found is not made.
 *
 * A walk is a pure function of where it begins (pc, sp, and fp where a rule
 * uses it) and of the words of the stack that it reads. A thread keeps, of its
 * last walk, the state at each frame and every word that decided the way
 * outwards (struct thread_memo). When a new walk comes to one of these states,
 * and the words that were read from there on still hold what they held, then
 * the rest of the walk is what it was: same frames, same end, same interned id.
 * Nothing is assumed about who may have changed the stack meanwhile; longjmp,
 * exceptions, a coroutine that moved on: every word is compared.
 *
 * What else a walk depends on:
 *  - the rules for a pc, which change with the modules alone: a memo is good for
 *    one module_epoch (module.h), read before the walk that made it. A pc that
 *    lay in no module is kept too: code that is in the middle of a call cannot
 *    turn into a module.
 *  - how many frames are wanted (option stack_depth), which a memo names too.
 *  - the bounds of the stack: a memo is kept for walks that stayed on one known
 *    stack and did not end at its edge, and names that stack by its end.
 *
 * Reading the words is as safe as walking. Comparing goes outwards from the
 * frame where the new walk stands; on the thread's own stack all that lies
 * between that frame and the stack's end is there to be read. On any other
 * stack a mapping may have become smaller, so there it goes word by word and
 * stops at the first that differs: exactly the words that the walk would read.
 *
 * Interrupted: a capture marks room->walking[0] before it looks at the memo, and
 * a handler's captures go without one then. A capture that was left in the
 * middle by siglongjmp has changed frames beyond `count` only, which it lowered
 * first. fork copies the thread, its stack and its memo.
 */
#ifndef FACTS_UNWIND_MEMO_H
#define FACTS_UNWIND_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/facts/module.h"
#include "preload/facts/stack.h"
#include "preload/facts/unwind.h"
#include "preload/ground/room.h"

/* Reading somebody else's frames is what this is for; the sanitizers cannot
 * know that. */
__attribute__((no_sanitize("address", "thread"))) static inline uintptr_t word_at(uintptr_t at)
{
    return *(const volatile uintptr_t *)at;
}

/* Whether the walk at (pc, sp, fp) is where `frame` was. The key holds the pc
 * in its lower 48 bits; a memo has no frame that a signal interrupted. */
static inline bool memo_frame_is(const struct memo_frame *frame, uintptr_t pc, uintptr_t sp,
                                 uintptr_t fp)
{
    return frame->sp == sp && (frame->key ^ pc) << 16 == 0 && (!frame->needs_fp || frame->fp == fp);
}

/* Whether words[0 .. count) are unchanged; all of them on the thread's own
 * stack, outwards of where it stands. */
static inline bool memo_words_hold(const struct memo_word *words, uint32_t count)
{
    const struct memo_word *w = words + count;
    for (; count % 4 != 0; count--) {
        w--;
        if (word_at(w->at) != w->value)
            return false;
    }
    for (; w != words; w -= 4)
        if (((word_at(w[-1].at) ^ w[-1].value) | (word_at(w[-2].at) ^ w[-2].value) |
             (word_at(w[-3].at) ^ w[-3].value) | (word_at(w[-4].at) ^ w[-4].value)) != 0)
            return false;
    return true;
}

/* The quick answer: the whole stack is that of the last capture. Only for who
 * holds walking[0]. */
static inline bool memo_is_whole(const struct thread_room *room, const struct call_site *site)
{
    const struct thread_memo *memo = &room->memo;
    const struct memo_frame *inner = &memo->frames[memo->count];
    return memo_frame_is(inner, site->pc, site->sp, site->fp) &&
           memo->epoch == module_epoch_now() && memo->high == room->own_stack.high &&
           memo->depth == atomic_load_explicit(&stack_depth_limit, memory_order_relaxed) &&
           memo_words_hold(memo->words, inner->words);
}

/*
 * Walks and brings the memo up to date, ids apart: the frames from *ret_first on
 * up to memo.count are new and want theirs. True: done. False: this walk is of
 * a kind that no memo is kept of; then walk[0] has its *ret_count pcs. `depth`
 * is how many frames are wanted; no more than room->depth are found.
 */
bool memo_walk(struct thread_room *room, const struct call_site *site, uint32_t depth,
               uint32_t *ret_first, size_t *ret_count, enum ctt_cut *ret_cut);

/*
 * Programs that go to and fro between a few places come back to whole stacks
 * (measured: 99 of 100 captures that the memo does not know in sqlite3, 57 in
 * python3, 12 in cc1). Those are kept beside the memo, by place, when they come
 * back to theirs, two to a place: their words alone, under the same argument.
 */
static inline uint64_t whole_hash(const struct call_site *site, const void *entry)
{
    uint64_t hash = site->pc ^ site->sp << 7 ^ (uintptr_t)entry << 3;
    return hash * UINT64_C(0x9e3779b97f4a7c15);
}
#define WHOLE_PLACE(hash) ((uint32_t)((hash) >> (64 - ROOM_PLACES_BITS)))
#define WHOLE_TAG(hash)   ((uint32_t)((hash) >> 8) | 1)

static inline bool whole_is(const struct memo_whole *whole, const struct thread_room *room,
                            const struct call_site *site, const void *entry)
{
    bool here = whole->pc == site->pc && whole->sp == site->sp && whole->entry == entry &&
                (!whole->needs_fp || whole->fp == site->fp) && whole->epoch == module_epoch_now() &&
                whole->high == room->own_stack.high &&
                whole->depth == atomic_load_explicit(&stack_depth_limit, memory_order_relaxed);
    return here && memo_words_hold(whole->words, whole->count);
}

/* Its id, or STACK_NONE. */
static inline uint32_t memo_recall(struct thread_room *room, const struct call_site *site,
                                   const void *entry)
{
    uint64_t hash = whole_hash(site, entry);
    for (uint32_t i = 2 * WHOLE_PLACE(hash), end = i + 2; i < end; i++)
        if (room->whole_tags[i] == WHOLE_TAG(hash) && whole_is(&room->wholes[i], room, site, entry))
            return room->wholes[i].id;
    return STACK_NONE;
}

/* The memo has just been brought to this stack, and it is called `id`. */
void memo_remember(struct thread_room *room, const struct call_site *site, const void *entry,
                   uint32_t id);

/* The frames that memo_walk left new have their ids now: this many are whole. */
static inline void memo_seal(struct thread_room *room, uint32_t count)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    room->memo.count = count;
}

#endif
