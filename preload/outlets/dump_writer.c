/* SPDX-License-Identifier: MIT */
#include "preload/books/injection.h"
#include "preload/outlets/dump_writer.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "preload/facts/context.h"
#include "preload/facts/stack.h"
#include "preload/ground/room.h"
#include "preload/ground/sys.h"

#define BUFFER_BYTES (64u << 10)
/* Stacks interned and contexts made while the dump is written get this much
 * room: what is acquired in the tick in which it was begun is told, too. */
#define STACK_HEADROOM   4096u
#define CONTEXT_HEADROOM 4096u
#define FRAMES_MAX       (ROOM_WALK_DEPTH + 1)

static char buffer[BUFFER_BYTES];

/* ---- CRC32, as zlib's: four tables, a word at a time ---- */

#define CRC_POLYNOMIAL 0xedb88320u
static uint32_t crc_table[4][256];

static void crc_prepare(void)
{
    if (crc_table[0][1])
        return;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? CRC_POLYNOMIAL ^ (c >> 1) : c >> 1;
        crc_table[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 4; t++)
            crc_table[t][i] = crc_table[0][crc_table[t - 1][i] & 0xff] ^ (crc_table[t - 1][i] >> 8);
}

static uint32_t crc_update(uint32_t crc, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    crc = ~crc;
    for (; bytes >= 4; bytes -= 4, at += 4) {
        uint32_t word;
        memcpy(&word, at, sizeof word);
        crc ^= word;
        crc = crc_table[3][crc & 0xff] ^ crc_table[2][crc >> 8 & 0xff] ^
              crc_table[1][crc >> 16 & 0xff] ^ crc_table[0][crc >> 24];
    }
    while (bytes-- > 0)
        crc = crc_table[0][(crc ^ *at++) & 0xff] ^ (crc >> 8);
    return ~crc;
}

/* ---- bytes ---- */

static void flush(struct dump *dump)
{
    if (!dump->error)
        dump->error = sys_write_all(dump->fd, buffer, dump->used);
    dump->crc = crc_update(dump->crc, buffer, dump->used);
    dump->bytes += dump->used;
    dump->used = 0;
}

static void put(struct dump *dump, const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes > 0 && !dump->error) {
        size_t part = BUFFER_BYTES - dump->used;
        if (part > bytes)
            part = bytes;
        memcpy(buffer + dump->used, at, part);
        dump->used += part;
        at += part;
        bytes -= part;
        if (dump->used == BUFFER_BYTES)
            flush(dump);
    }
}

void dump_record_with(struct dump *dump, enum ctt_type type, const void *payload, size_t bytes,
                      const void *rest, size_t rest_bytes)
{
    static const char zeros[CTT_ALIGN];
    size_t length = bytes + rest_bytes;
    struct ctt_record record = {.type = (uint16_t)type, .length = (uint32_t)length};
    put(dump, &record, sizeof record);
    put(dump, payload, bytes);
    put(dump, rest, rest_bytes);
    put(dump, zeros, (CTT_ALIGN - length % CTT_ALIGN) % CTT_ALIGN);
    dump->records++;
}

void dump_record(struct dump *dump, enum ctt_type type, const void *payload, size_t bytes)
{
    dump_record_with(dump, type, payload, bytes, NULL, 0);
}

/* ---- strings: the recent ones are not told twice ---- */

#define RECENT 512u
static struct recent {
    uint64_t hash;
    uint32_t id;
} recent[RECENT];

static uint64_t hash_bytes(const char *text, size_t bytes)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint32_t dump_string_bytes(struct dump *dump, const char *text, size_t bytes)
{
    if (!text || bytes == 0)
        return 0;
    uint64_t hash = hash_bytes(text, bytes);
    struct recent *slot = &recent[hash % RECENT];
    if (slot->id && slot->hash == hash)
        return slot->id;
    struct ctt_string string = {.id = ++dump->strings, .bytes = (uint32_t)bytes};
    dump_record_with(dump, CTT_STRING, &string, sizeof string, text, bytes);
    *slot = (struct recent){hash, string.id};
    return string.id;
}

uint32_t dump_string(struct dump *dump, const char *text)
{
    return text ? dump_string_bytes(dump, text, strlen(text)) : 0;
}

/* ---- stacks ---- */

uint32_t dump_stack(struct dump *dump, uint32_t id)
{
    static uint64_t pcs[FRAMES_MAX];
    if (id == STACK_NONE || id >= dump->stack_count)
        return 0;
    if (dump->stack_told[id])
        return id;
    enum ctt_cut cut = CTT_CUT_NONE;
    size_t frames = stack_pcs(id, pcs, FRAMES_MAX, &cut);
    struct ctt_stack stack = {.id = id, .cut = (uint16_t)cut, .frames = (uint32_t)frames};
    if (id == STACK_OVERFLOW)
        stack.flags |= CTT_STACK_OVERFLOW;
    if (frames > 0 && (pcs[0] & CTT_PC_EXACT))
        pcs[0] = injection_leaf(pcs[0]);
    if (frames > 0 && (pcs[0] & CTT_PC_EXACT))
        stack.flags |= CTT_STACK_LEAF_ENTRY;
    if (cut != CTT_CUT_NONE)
        stack.flags |= CTT_STACK_CUT;
    dump_record_with(dump, CTT_STACK, &stack, sizeof stack, pcs, frames * sizeof pcs[0]);
    dump->stack_told[id] = 1;
    return id;
}

uint32_t dump_context(struct dump *dump, uint32_t id)
{
    struct context_copy context;
    for (uint32_t at = id; context_read(at, &context); at = context.parent) {
        uint32_t slot = CONTEXT_SLOT(at);
        if (slot >= dump->context_count || dump->context_named[slot])
            break;
        dump->context_named[slot] = 1;
    }
    return id;
}

void dump_count_live(struct dump *dump, uint32_t stack, uint64_t count)
{
    if (stack < dump->stack_count)
        dump->stack_live[stack] += count;
}

/* ---- beginning and end ---- */

int dump_begin(struct dump *dump)
{
    crc_prepare();
    memset(recent, 0, sizeof recent);
    dump->stack_count = stack_limit() + STACK_HEADROOM;
    dump->stack_told = sys_map(dump->stack_count);
    dump->stack_live = sys_map(dump->stack_count * sizeof *dump->stack_live);
    dump->context_count = context_slots() + CONTEXT_HEADROOM;
    if (dump->context_count > CONTEXT_SLOTS)
        dump->context_count = CONTEXT_SLOTS;
    dump->context_named = sys_map(dump->context_count);
    if (!dump->stack_told || !dump->stack_live || !dump->context_named)
        return -ENOMEM;
    struct ctt_header header = {
        .magic = CTT_MAGIC,
        .format_major = CTT_FORMAT_MAJOR,
        .format_minor = CTT_FORMAT_MINOR,
        .header_bytes = sizeof header,
        .byte_order = CTT_BYTE_ORDER,
    };
    put(dump, &header, sizeof header);
    return 0;
}

int dump_flush(struct dump *dump)
{
    flush(dump);
    return dump->error;
}

int dump_finish(struct dump *dump)
{
    flush(dump);
    struct ctt_trailer trailer = {.records = dump->records, .crc = dump->crc};
    dump_record(dump, CTT_TRAILER, &trailer, sizeof trailer);
    flush(dump);
    return dump->error;
}

void dump_release(struct dump *dump)
{
    if (dump->stack_told)
        sys_unmap(dump->stack_told, dump->stack_count);
    if (dump->stack_live)
        sys_unmap(dump->stack_live, dump->stack_count * sizeof *dump->stack_live);
    if (dump->context_named)
        sys_unmap(dump->context_named, dump->context_count);
    if (dump->fd_present)
        sys_unmap(dump->fd_present, FD_PRESENT_BYTES);
}
