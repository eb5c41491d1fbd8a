/* SPDX-License-Identifier: MIT */
/*
 * See live_prologue.h. The one form that gcc and clang write: push %rbp; mov %rsp,%rbp;
 * pushes; sub $N,%rsp; and gcc puts moves between registers in between. A function that takes more
 * of the stack later (alloca, arguments) looks the same: whoever asks has to look whether a return
 * address lies above the result.
 */
#include "live_prologue.h"

#include <string.h>

enum {
    CODE_BYTES = 64, /* endbr64, eight pushes, a move to each, and the rest */
    WORD_BYTES = 8,
    SUB_BYTES = 8, /* with its operand, or another instruction that is looked at */
    REX_B = 0x41,
    PUSH = 0x50, /* to 0x57 */
    MOVE = 0x89,
    CALL_NEAR = 0xe8,
    CALL_NEAR_BYTES = 5,
    CALL_INDIRECT = 0xff, /* /2 */
    CALL_INDIRECT_LEAST = 2,
    CALL_INDIRECT_MOST = 7,
};

static bool skip(const uint8_t **at, const uint8_t *bytes, size_t count)
{
    bool is = memcmp(*at, bytes, count) == 0;

    *at += is ? count : 0;
    return is;
}

static bool skip_push(const uint8_t **at)
{
    const uint8_t *opcode = *at + (**at == REX_B);

    if ((*opcode & 0xf8) != PUSH)
        return false;
    *at = opcode + 1;
    return true;
}

/* mov from a register to another, neither of the two that tell of the frame. */
static bool skip_move(const uint8_t **at)
{
    bool has_rex = (**at & 0xf0) == 0x40, to_upper = has_rex && **at & 1;
    const uint8_t *opcode = *at + has_rex;

    if (*opcode != MOVE || opcode[1] < 0xc0 || (!to_upper && (opcode[1] & 6) == 4))
        return false;
    *at = opcode + 2;
    return true;
}

bool live_prologue_read(struct live_memory *memory, uint64_t start, uint64_t *ret_bytes)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    static const uint8_t push_rbp[] = {0x55};
    static const uint8_t mov_rsp_rbp[] = {0x48, 0x89, 0xe5};
    static const uint8_t sub_byte[] = {0x48, 0x83, 0xec};
    static const uint8_t add_minus_128[] = {0x48, 0x83, 0xc4, 0x80}; /* shorter than sub $128 */
    static const uint8_t sub_word[] = {0x48, 0x81, 0xec};
    uint8_t code[CODE_BYTES + 1] = {0};
    const uint8_t *at = code;
    uint64_t bytes = 0;
    uint32_t word;

    if (!live_memory_read_constant(memory, start, code, CODE_BYTES))
        return false;
    skip(&at, endbr64, sizeof(endbr64));
    if (!skip(&at, push_rbp, sizeof(push_rbp)) || !skip(&at, mov_rsp_rbp, sizeof(mov_rsp_rbp)))
        return false;
    while (at < code + CODE_BYTES - SUB_BYTES) {
        if (skip_push(&at))
            bytes += WORD_BYTES;
        else if (!skip_move(&at))
            break;
    }
    if (skip(&at, sub_byte, sizeof(sub_byte))) {
        bytes += *at;
    } else if (skip(&at, add_minus_128, sizeof(add_minus_128))) {
        bytes += 128;
    } else if (skip(&at, sub_word, sizeof(sub_word))) {
        memcpy(&word, at, sizeof(word));
        bytes += word;
    }
    *ret_bytes = bytes;
    return true;
}

bool live_is_after_call(struct live_memory *memory, uint64_t address)
{
    uint8_t code[CALL_INDIRECT_MOST + 1] = {0};
    const uint8_t *end = code + CALL_INDIRECT_MOST;

    if (address < CALL_INDIRECT_MOST ||
        !live_memory_read_constant(memory, address - CALL_INDIRECT_MOST, code, CALL_INDIRECT_MOST))
        return false;
    if (end[-CALL_NEAR_BYTES] == CALL_NEAR)
        return true;
    for (int bytes = CALL_INDIRECT_LEAST; bytes <= CALL_INDIRECT_MOST; bytes++) {
        if (end[-bytes] == CALL_INDIRECT && (end[1 - bytes] >> 3 & 7) == 2)
            return true;
    }
    return false;
}
