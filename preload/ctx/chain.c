/* SPDX-License-Identifier: MIT */
/*
 * Which stack this is. Addresses tell the order of frames on one stack only, and a coroutine's
 * stack may well be an array in a frame of the thread's own stack. So before anything is said of
 * other frames, the calls that lead here are followed outwards: on a thread's own stack they end
 * at its very first function, which is marked as such.
 */
#include "preload/ctx/cleanup.h"

#include <unwind.h>

struct walk {
    struct chain *chain;
    uintptr_t stack, stack_bytes;
    bool began_on_own, was_signal;
};

static bool is_on(const struct walk *walk, uintptr_t address)
{
    return address - walk->stack < walk->stack_bytes;
}

static _Unwind_Reason_Code see(struct _Unwind_Context *frame, void *seen)
{
    struct walk *walk = seen;
    struct chain *chain = walk->chain;
    uintptr_t end = _Unwind_GetCFA(frame); /* of the frame before this one */
    int is_signal = 0;
    uintptr_t pc = _Unwind_GetIPInfo(frame, &is_signal);
    /* A handler's frames go on on the interrupted stack, which may be another. */
    if (end < chain->end || is_on(walk, end) != walk->began_on_own ||
        (walk->was_signal && !walk->began_on_own)) {
        chain->is_whole = false;
        return _URC_END_OF_STACK;
    }
    chain->end = end;
    chain->is_whole = pc == 0;
    if (chain->known < CALLS_KNOWN)
        chain->calls[chain->known++] = (struct call){.end = end, .called_by = (const void *)pc};
    walk->was_signal = is_signal;
    return _URC_NO_REASON;
}

void libctx_chain(struct chain *ret_chain, uintptr_t stack, uintptr_t stack_bytes)
{
    struct walk walk = {.chain = ret_chain, .stack = stack, .stack_bytes = stack_bytes};
    ret_chain->end = 0;
    ret_chain->is_whole = false;
    ret_chain->known = 0;
    walk.began_on_own = is_on(&walk, (uintptr_t)__builtin_frame_address(0));
    _Unwind_Backtrace(see, &walk);
}

bool libctx_chain_has(const struct chain *chain, const struct cleanup *row)
{
    uint32_t low = 0, high = chain->known; /* the first whose frame ends above */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chain->calls[middle].end > row->frame)
            high = middle;
        else
            low = middle + 1;
    }
    return low == chain->known || chain->calls[low].called_by == row->called_by;
}
