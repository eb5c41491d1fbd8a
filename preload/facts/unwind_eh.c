/* SPDX-License-Identifier: MIT */
/* Finding and reading .eh_frame entries: the layout is that of the Linux
 * Standard Base, "Exception Frames", with what gcc, clang and ld make of it. */
#include "preload/facts/unwind_eh.h"

#include "preload/facts/unwind_bytes.h"

/* DW_EH_PE_*: how a pointer is written. The low nibble says how wide, the next
 * bits what it is relative to. */
#define PE_OMIT     0xffu
#define PE_WIDTH    0x0fu
#define PE_BASE     0x70u
#define PE_INDIRECT 0x80u
#define PE_PCREL    0x10u
#define PE_DATAREL  0x30u
#define PE_ULEB     0x01u
#define PE_SLEB     0x09u
#define PE_SDATA4   0x0bu

#define HDR_VERSION 1u

static const struct {
    uint8_t bytes; /* 0: none such */
    bool is_signed;
} pe_widths[16] = {
    [0x0] = {8, false}, [0x2] = {2, false}, [0x3] = {4, false}, [0x4] = {8, false},
    [0xa] = {2, true},  [0xb] = {4, true},  [0xc] = {8, true},
};

/* A pointer's bare number, without its base. */
static uint64_t pe_number(struct bytes *b, uint8_t encoding)
{
    unsigned width = encoding & PE_WIDTH;
    if (width == PE_ULEB)
        return bytes_uleb(b);
    if (width == PE_SLEB)
        return (uint64_t)bytes_sleb(b);
    unsigned count = pe_widths[width].bytes;
    if (count == 0) {
        b->bad = true;
        return 0;
    }
    uint64_t value = bytes_fixed(b, count);
    return pe_widths[width].is_signed ? (uint64_t)bytes_sign_extend(value, count * 8) : value;
}

/* Indirect pointers (personality routines) are never followed, and the bases
 * that no x86-64 toolchain uses are not guessed. */
static uintptr_t pe_pointer(struct bytes *b, uint8_t encoding, const uint8_t *data_base)
{
    uintptr_t base = 0;
    switch (encoding & (PE_BASE | PE_INDIRECT)) {
    case 0:
        break;
    case PE_PCREL:
        base = (uintptr_t)b->at;
        break;
    case PE_DATAREL:
        base = (uintptr_t)data_base;
        break;
    default:
        b->bad = true;
        return 0;
    }
    return base + pe_number(b, encoding);
}

struct eh_table {
    const uint8_t *rows; /* sorted pairs {code, entry} of 4 bytes each, relative to hdr */
    uint64_t count;
    bool has_rows;
    uintptr_t frames;
};
#define ROW_BYTES 8u

static bool table_read(const struct eh_view *view, struct eh_table *ret_table)
{
    if (!view->hdr)
        return false;
    struct bytes b = {view->hdr, view->hdr_end, false};
    uint8_t version = bytes_u8(&b);
    uint8_t frames_encoding = bytes_u8(&b);
    uint8_t count_encoding = bytes_u8(&b);
    uint8_t rows_encoding = bytes_u8(&b);
    if (b.bad || version != HDR_VERSION || frames_encoding == PE_OMIT)
        return false;
    ret_table->frames = pe_pointer(&b, frames_encoding, view->hdr);
    ret_table->count = 0;
    ret_table->has_rows = count_encoding != PE_OMIT && rows_encoding == (PE_DATAREL | PE_SDATA4);
    if (ret_table->has_rows)
        ret_table->count = pe_pointer(&b, count_encoding, view->hdr);
    ret_table->rows = b.at;
    /* A table that claims more rows than there are bytes is cut to fit: what
     * is there is sorted all the same. */
    if (ret_table->count > bytes_left(&b) / ROW_BYTES)
        ret_table->count = bytes_left(&b) / ROW_BYTES;
    return !b.bad;
}

const uint8_t *eh_frames(const struct eh_view *view)
{
    struct eh_table table;
    return table_read(view, &table) ? (const uint8_t *)table.frames : NULL;
}

static uintptr_t row_word(const struct eh_view *view, const uint8_t *at)
{
    int32_t offset;
    __builtin_memcpy(&offset, at, sizeof offset);
    return (uintptr_t)view->hdr + (uintptr_t)(intptr_t)offset;
}

/* The last row whose code begins at or before pc; NULL when there is none. */
static const uint8_t *row_find(const struct eh_view *view, const struct eh_table *table,
                               uintptr_t pc)
{
    uint64_t low = 0, high = table->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (row_word(view, table->rows + middle * ROW_BYTES) <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? table->rows + (low - 1) * ROW_BYTES : NULL;
}

/* The body of the entry at `at`, its length field taken off. (In .eh_frame the
 * long form has a short id all the same.) */
static bool entry_open(const struct eh_view *view, const uint8_t *at, struct bytes *ret_body)
{
    if (at < view->low || at >= view->high)
        return false;
    struct bytes b = {at, view->high, false};
    uint64_t length = bytes_fixed(&b, 4);
    if (length == UINT32_MAX)
        length = bytes_fixed(&b, 8);
    if (b.bad || length == 0 || length > bytes_left(&b))
        return false;
    *ret_body = (struct bytes){b.at, b.at + length, false};
    return true;
}

/* The CIE's augmentation: what its letters say, and how much of their data
 * there is. Letters we do not know end it; its length ('z') leads past them. */
static void augmentation_read(struct bytes *b, const uint8_t *letters, struct eh_entry *entry)
{
    uint64_t length = bytes_uleb(b);
    struct bytes data = {b->at, b->at, false};
    bytes_skip(b, length);
    data.end = b->at;
    for (const uint8_t *letter = letters + 1; *letter; letter++) {
        if (*letter == 'R') {
            entry->encoding = bytes_u8(&data);
        } else if (*letter == 'L') {
            bytes_u8(&data);
        } else if (*letter == 'P') {
            uint8_t encoding = bytes_u8(&data);
            pe_number(&data, encoding);
        } else if (*letter == 'S') {
            entry->signal_frame = true;
        } else {
            break;
        }
    }
    b->bad |= data.bad;
}

static bool cie_read(const struct eh_view *view, const uint8_t *at, struct eh_entry *entry,
                     bool *ret_augmented)
{
    struct bytes b;
    if (!entry_open(view, at, &b))
        return false;
    uint64_t id = bytes_fixed(&b, 4);
    uint8_t version = bytes_u8(&b);
    if (b.bad || id != 0 || (version != 1 && version != 3))
        return false;
    const uint8_t *letters = b.at;
    while (bytes_u8(&b) != 0 && !b.bad)
        ;
    if (b.bad)
        return false;
    entry->code_align = bytes_uleb(&b);
    entry->data_align = bytes_sleb(&b);
    entry->return_register = version == 1 ? bytes_u8(&b) : bytes_uleb(&b);
    *ret_augmented = letters[0] == 'z';
    if (*ret_augmented)
        augmentation_read(&b, letters, entry);
    else if (letters[0] != '\0')
        return false;
    entry->initial = b.at;
    entry->initial_end = b.end;
    return !b.bad;
}

enum ctt_cut eh_entry_read(const struct eh_view *view, const uint8_t *at,
                           struct eh_entry *ret_entry)
{
    struct bytes b;
    if (!entry_open(view, at, &b))
        return CTT_CUT_NO_CFI;
    const uint8_t *id_at = b.at;
    uint64_t id = bytes_fixed(&b, 4);
    if (b.bad || id == 0 || id > (uint64_t)(id_at - view->low))
        return CTT_CUT_NO_CFI;
    struct eh_entry entry = {.encoding = 0};
    bool augmented;
    if (!cie_read(view, id_at - id, &entry, &augmented))
        return CTT_CUT_NO_CFI;
    entry.start = pe_pointer(&b, entry.encoding, view->hdr);
    entry.end = entry.start + pe_number(&b, entry.encoding & PE_WIDTH);
    if (augmented)
        bytes_skip(&b, bytes_uleb(&b));
    entry.program = b.at;
    entry.program_end = b.end;
    if (b.bad)
        return CTT_CUT_NO_CFI;
    *ret_entry = entry;
    return CTT_CUT_NONE;
}

const uint8_t *eh_next(const struct eh_view *view, const uint8_t *at)
{
    struct bytes body;
    return entry_open(view, at, &body) ? body.end : NULL;
}

/* A linker that could not read some of its input writes a header without a
 * table. Then all entries are gone through, once for each pc: recipes are kept. */
static enum ctt_cut entry_search(const struct eh_view *view, const uint8_t *at, uintptr_t pc,
                                 struct eh_entry *ret_entry)
{
    for (; at; at = eh_next(view, at))
        if (eh_entry_read(view, at, ret_entry) == CTT_CUT_NONE && pc >= ret_entry->start &&
            pc < ret_entry->end)
            return CTT_CUT_NONE;
    return CTT_CUT_NO_CFI;
}

enum ctt_cut eh_entry_find(const struct eh_view *view, uintptr_t pc, struct eh_entry *ret_entry)
{
    struct eh_table table;
    if (!table_read(view, &table))
        return CTT_CUT_NO_CFI;
    if (!table.has_rows)
        return entry_search(view, (const uint8_t *)table.frames, pc, ret_entry);
    const uint8_t *row = row_find(view, &table, pc);
    if (!row)
        return CTT_CUT_NO_CFI;
    const uint8_t *at = (const uint8_t *)row_word(view, row + ROW_BYTES / 2);
    if (eh_entry_read(view, at, ret_entry) != CTT_CUT_NONE)
        return CTT_CUT_NO_CFI;
    if (pc < ret_entry->start || pc >= ret_entry->end)
        return CTT_CUT_NO_CFI;
    return CTT_CUT_NONE;
}
