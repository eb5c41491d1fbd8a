/* SPDX-License-Identifier: MIT */
/*
 * Reading unwind tables byte by byte, never past their end.
 *
 * Unwind tables come from files that we do not control (hazards.md D12). A
 * read beyond the end gives 0 and sets `bad`, which the caller looks at once
 * per entry or instruction and not per byte.
 */
#ifndef FACTS_UNWIND_BYTES_H
#define FACTS_UNWIND_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline size_t bytes_left(const struct bytes *b)
{
    return (size_t)(b->end - b->at);
}

static inline void bytes_skip(struct bytes *b, uint64_t count)
{
    if (count > bytes_left(b)) {
        b->bad = true;
        count = bytes_left(b);
    }
    b->at += count;
}

/* Little-endian, `width` bytes (1, 2, 4, 8), zero-extended. */
static inline uint64_t bytes_fixed(struct bytes *b, size_t width)
{
    uint64_t value = 0;
    if (width > bytes_left(b)) {
        b->bad = true;
        return 0;
    }
    __builtin_memcpy(&value, b->at, width);
    b->at += width;
    return value;
}

static inline uint8_t bytes_u8(struct bytes *b)
{
    return (uint8_t)bytes_fixed(b, 1);
}

static inline int64_t bytes_sign_extend(uint64_t value, unsigned bits)
{
    return bits >= 64 ? (int64_t)value : (int64_t)(value << (64 - bits)) >> (64 - bits);
}

/* The 7-bit groups of a LEB128 number; `*ret_bits` is how many were read. Bits
 * beyond 64 are dropped: no table that a walk can use has such numbers. */
static inline uint64_t bytes_leb(struct bytes *b, unsigned *ret_bits)
{
    uint64_t value = 0;
    unsigned bits = 0;
    uint8_t byte;
    do {
        byte = bytes_u8(b);
        if (bits < 64)
            value |= (uint64_t)(byte & 0x7f) << bits;
        bits += 7;
    } while ((byte & 0x80) && !b->bad);
    *ret_bits = bits;
    return value;
}

static inline uint64_t bytes_uleb(struct bytes *b)
{
    unsigned bits;
    return bytes_leb(b, &bits);
}

static inline int64_t bytes_sleb(struct bytes *b)
{
    unsigned bits;
    uint64_t value = bytes_leb(b, &bits);
    return bytes_sign_extend(value, bits);
}

#endif
