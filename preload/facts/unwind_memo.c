/* SPDX-License-Identifier: MIT */
/*
 * x86-64: which words a walk read, worked out from its steps, and the walk that
 * ends where it meets the last one. The argument stands in unwind_memo.h.
 */
#include "preload/facts/unwind_memo.h"

#include "preload/facts/unwind_libunwind.h"
#include "preload/facts/unwind_walk.h"
#include "preload/ground/arena.h"

#define WORDS_A_STEP 3u /* at most */

static bool is_own(const struct thread_room *room, const struct walk *w)
{
    return w->stack.high == room->own_stack.high;
}

/* The outermost frame that is known to be as it was, coming from `from`: 0 when
 * all are. Word by word where the stack may have become smaller. */
static uint32_t memo_holds_to(const struct thread_room *room, const struct walk *w, uint32_t from)
{
    const struct thread_memo *memo = &room->memo;
    uint32_t word = memo->frames[from].words;
    if (is_own(room, w) && memo_words_hold(memo->words, word))
        return 0;
    while (word > 0 && word_at(memo->words[word - 1].at) == memo->words[word - 1].value)
        word--;
    uint32_t frame = from;
    while (frame > 0 && word <= memo->frames[frame - 1].words)
        frame--;
    return frame;
}

/* Walks until it ends or comes to a part of the memo that holds; *ret_kept is
 * the frame it came to, or 0. */
static size_t walk_to_memo(struct thread_room *room, struct walk *w, size_t max, uint32_t *ret_kept,
                           enum ctt_cut *ret_cut)
{
    const struct thread_memo *memo = &room->memo;
    size_t count = 0;
    *ret_kept = 0;
    for (;;) {
        /* Where there is no memo to come to there may be no quick way either. */
        if (w->join != &memo_nowhere)
            count += walk_quick(w, room->walk[0] + count, room->steps + count, max - count);
        if (!walk_meets(w)) {
            count += walk_on(w, room->walk[0] + count, room->steps + count, max - count, ret_cut);
            if (*ret_cut != WALK_MEETS)
                return count;
        }
        uint32_t met = (uint32_t)(w->join - memo->frames);
        uint32_t changed = memo_holds_to(room, w, met);
        if (changed == 0) {
            *ret_kept = met;
            *ret_cut = (enum ctt_cut)memo->cut;
            return count;
        }
        w->join = &memo->frames[changed - 1];
    }
}

/* Enters one frame inwards of `next`, where its step led, with the words that
 * the step read as far as they decided what lies further out. */
static inline void frame_enter(struct memo_frame *frame, uint64_t key, const struct walk_step *step,
                               const struct memo_frame *next, struct memo_word *words)
{
    uint32_t n = next->words;
    bool needs_fp = step->uses_fp;
    words[n++] = (struct memo_word){next->sp - WORD_BYTES, CTT_PC_ADDRESS(next->key)};
    if (step->cfa_at)
        words[n++] = (struct memo_word){step->cfa_at, next->sp};
    if (next->needs_fp && step->fp_at)
        words[n++] = (struct memo_word){step->fp_at, next->fp};
    else
        needs_fp |= next->needs_fp;
    *frame = (struct memo_frame){key, step->sp, step->fp, 0, (uint16_t)n, needs_fp};
}

/* The outermost frame. From it a step was made only to learn that there is no
 * other one, or one too many. */
static void outermost_enter(struct thread_room *room, const struct walk *end, size_t i)
{
    struct thread_memo *memo = &room->memo;
    struct memo_frame ended = {.key = end->pc, .sp = end->sp};
    struct memo_frame *frame = &memo->frames[1];
    frame_enter(frame, room->walk[0][i], &room->steps[i], &ended, memo->words);
    if (end->pc != 0 && memo->cut != CTT_CUT_DEPTH)
        frame->words = frame->needs_fp = 0;
}

/* Enters the `count` frames of walk[0] inwards of frame `kept`. False when
 * there is no room for their words: then those outwards of it stand. */
static bool memo_enter(struct thread_room *room, const struct walk *end, uint32_t kept,
                       size_t count)
{
    struct thread_memo *memo = &room->memo;
    const uint32_t limit = room->depth * ROOM_WORDS - WORDS_A_STEP;
    struct memo_frame *next = &memo->frames[kept];
    size_t i = count;
    if (kept == 0 && count > 0) {
        outermost_enter(room, end, --i);
        next++;
    }
    for (; i > 0; i--, next++) {
        if (next->words > limit)
            return false;
        frame_enter(next + 1, room->walk[0][i - 1], &room->steps[i - 1], next, memo->words);
    }
    return true;
}

/* Walks that end so are functions of rules and words alone. */
static bool cut_is_told(const struct walk *w, enum ctt_cut cut)
{
    return !w->odd && cut != CTT_CUT_BOUNDS && cut < CTT_CUT_COUNT;
}

bool memo_walk(struct thread_room *room, const struct call_site *site, uint32_t depth,
               uint32_t *ret_first, size_t *ret_count, enum ctt_cut *ret_cut)
{
    struct thread_memo *memo = &room->memo;
    uint64_t epoch = module_epoch_now();
    size_t max = depth < room->depth ? depth : room->depth;
    struct walk w;
    uint32_t kept;
    walk_begin(&w, site);
    if (memo->epoch == epoch && (uint32_t)epoch == 0 && memo->depth == depth &&
        memo->high == w.stack.high)
        w.join = &memo->frames[memo->count];
    size_t count = walk_to_memo(room, &w, max, &kept, ret_cut);
    /* How far out a stack cut by its depth goes depends on how far in it
     * begins. */
    bool as_deep = memo->cut == CTT_CUT_DEPTH ? kept + count == max : kept + count <= max;
    if (kept && !as_deep) {
        walk_begin(&w, site);
        kept = 0;
        count = walk_on(&w, room->walk[0], room->steps, max, ret_cut);
    }
    if (*ret_cut == WALK_AGAIN) {
        count = unwind_walk_recipes(site, room->walk[0], max, ret_cut);
        w.odd = true;
    }
    *ret_count = count;
    if (!cut_is_told(&w, *ret_cut) || (uint32_t)epoch != 0 || w.stack.high == w.stack.low)
        return false;
    memo->count = kept;
    memo->entry = NULL;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memo->depth = depth;
    memo->epoch = epoch;
    memo->high = w.stack.high;
    memo->cut = *ret_cut;
    *ret_first = kept + 1;
    if (memo_enter(room, &w, kept, count))
        return true;
    *ret_count = unwind_walk_recipes(site, room->walk[0], max, ret_cut);
    return false;
}

/* Which of a place's two is for `id`: the one that has seen it, else in turn. */
static uint32_t whole_choose(struct thread_room *room, uint32_t place, uint32_t id)
{
    uint32_t first = 2 * place;
    if (room->whole_ids[first] == id)
        return first;
    if (room->whole_ids[first + 1] == id)
        return first + 1;
    room->whole_turns ^= 1u << place;
    return first + (room->whole_turns >> place & 1);
}

void memo_remember(struct thread_room *room, const struct call_site *site, const void *entry,
                   uint32_t id)
{
    const struct thread_memo *memo = &room->memo;
    const struct memo_frame *inner = &memo->frames[memo->count];
    if (memo->high != room->own_stack.high || inner->words > ROOM_WHOLE_MOST)
        return;
    uint64_t hash = whole_hash(site, entry);
    uint32_t i = whole_choose(room, WHOLE_PLACE(hash), id);
    bool again = room->whole_ids[i] == id;
    room->whole_tags[i] = 0;
    room->whole_ids[i] = id;
    if (!again)
        return;
    if (!room->wholes)
        room->wholes = arena_alloc(ROOM_WHOLES * sizeof *room->wholes);
    if (!room->wholes)
        return;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    struct memo_whole *whole = &room->wholes[i];
    whole->pc = site->pc;
    whole->sp = site->sp;
    whole->fp = site->fp;
    whole->high = memo->high;
    whole->entry = entry;
    whole->epoch = memo->epoch;
    whole->depth = memo->depth;
    whole->id = id;
    whole->count = inner->words;
    whole->needs_fp = inner->needs_fp;
    __builtin_memcpy(whole->words, memo->words, inner->words * sizeof *whole->words);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    room->whole_tags[i] = WHOLE_TAG(hash);
}
