/* SPDX-License-Identifier: MIT */
/*
 * The table readers on hand-made tables: what each instruction does, and that
 * a table cut or damaged anywhere gives an answer and not a fault. Built with
 * the address and undefined-behaviour sanitizers where the compiler has them.
 */
#include "unit.h"

#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>

#include "preload/facts/module.h"
#include "preload/facts/unwind_eh.h"
#include "preload/facts/unwind_expr.h"

#define CODE_BYTES  256
#define IMAGE_BYTES 512
#define FUZZ_PCS    60000
#define FUZZ_FLIPS  24
#define HDR_EVERY   64

/* An .eh_frame_hdr, a CIE and one FDE in one piece, as ld lays them out. */
struct image {
    uint8_t bytes[IMAGE_BYTES];
    size_t used;
    struct eh_view view;
    uintptr_t code;
};

static void put(struct image *i, const void *bytes, size_t count)
{
    assert_true(i->used + count <= IMAGE_BYTES);
    memcpy(i->bytes + i->used, bytes, count);
    i->used += count;
}

static void put_u32(struct image *i, uint32_t value)
{
    put(i, &value, sizeof value);
}

static void put_u8(struct image *i, uint8_t value)
{
    put(i, &value, sizeof value);
}

static void put_offset(struct image *i, uintptr_t to)
{
    put_u32(i, (uint32_t)(to - (uintptr_t)(i->bytes + i->used)));
}

static void length_set(struct image *i, size_t at)
{
    uint32_t length = (uint32_t)(i->used - at - 4);
    memcpy(i->bytes + at, &length, sizeof length);
}

/* version 1, "zR", code 1, data -8, ra 16; CFA = rsp + 8, ra at CFA - 8 */
static const uint8_t cie_body[] = {1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1};

static void image_make(struct image *i, const uint8_t *program, size_t count)
{
    memset(i, 0, sizeof *i);
    i->code = (uintptr_t)i->bytes + IMAGE_BYTES;
    put(i, (const uint8_t[]){1, 0x1b, 0x03, 0x3b}, 4);
    size_t frames = i->used + 4 + 4 + 8; /* after frames pointer, count, one row */
    put_offset(i, (uintptr_t)i->bytes + frames);
    put_u32(i, 1);
    put_u32(i, (uint32_t)(i->code - (uintptr_t)i->bytes));
    size_t row = i->used;
    put_u32(i, 0);
    size_t cie = i->used;
    put_u32(i, 0);
    put_u32(i, 0);
    put(i, cie_body, sizeof cie_body);
    length_set(i, cie);
    size_t fde = i->used;
    put_u32(i, 0);
    put_u32(i, (uint32_t)(fde + 4 - cie));
    put_offset(i, i->code);
    put_u32(i, CODE_BYTES);
    put_u8(i, 0);
    put(i, program, count);
    length_set(i, fde);
    memcpy(i->bytes + row, &(uint32_t){(uint32_t)fde}, 4);
    i->view = (struct eh_view){i->bytes, i->bytes + frames, i->bytes, i->bytes + i->used};
}

static enum ctt_cut row_at(const struct image *i, uintptr_t offset, struct cfi_row *row)
{
    struct eh_entry entry;
    enum ctt_cut cut = eh_entry_find(&i->view, i->code + offset, &entry);
    return cut == CTT_CUT_NONE ? eh_row_at(&i->view, &entry, i->code + offset, row) : cut;
}

#define IMAGE(i, ...)                                                                              \
    struct image i;                                                                                \
    image_make(&i, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void usual_prologue(void **state)
{
    /* push rbp; mov rsp, rbp; ...; leave */
    IMAGE(i, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x02, 0x40, 0x0c, 7, 8, 0xc6);
    struct cfi_row row;
    assert_int_equal(row_at(&i, 0, &row), CTT_CUT_NONE);
    assert_int_equal(row.cfa.reg, 7);
    assert_int_equal(row.cfa.offset, 8);
    assert_int_equal(row.saved[CFI_RA].offset, -8);
    assert_int_equal(row.saved[CFI_FP].how, CFI_UNSPECIFIED);
    assert_int_equal(row_at(&i, 1, &row), CTT_CUT_NONE);
    assert_int_equal(row.cfa.offset, 16);
    assert_int_equal(row.saved[CFI_FP].how, CFI_OFFSET);
    assert_int_equal(row.saved[CFI_FP].offset, -16);
    assert_int_equal(row_at(&i, 10, &row), CTT_CUT_NONE);
    assert_int_equal(row.cfa.reg, 6);
    assert_int_equal(row_at(&i, 0x44, &row), CTT_CUT_NONE);
    assert_int_equal(row.cfa.reg, 7);
    assert_int_equal(row.saved[CFI_FP].how, CFI_UNSPECIFIED);
}

static void remember_and_restore(void **state)
{
    IMAGE(i, 0x0e, 32, 0x0a, 0x41, 0x0e, 64, 0x86, 3, 0x0a, 0x41, 0x07, 16, 0x41, 0x0b, 0x41, 0x0b);
    struct cfi_row row;
    assert_int_equal(row_at(&i, 2, &row), CTT_CUT_NONE);
    assert_int_equal(row.saved[CFI_RA].how, CFI_UNDEFINED);
    assert_int_equal(row_at(&i, 3, &row), CTT_CUT_NONE);
    assert_int_equal(row.saved[CFI_RA].how, CFI_OFFSET);
    assert_int_equal(row.cfa.offset, 64);
    assert_int_equal(row_at(&i, 4, &row), CTT_CUT_NONE);
    assert_int_equal(row.cfa.offset, 32);
    assert_int_equal(row.saved[CFI_FP].how, CFI_UNSPECIFIED);
}

static void every_other_instruction(void **state)
{
    IMAGE(i, 0x03, 1, 0,                         /* advance_loc2 1 */
          0x05, 6, 2, 0x2e, 16, 0x00,            /* offset_extended, args_size, nop */
          0x04, 1, 0, 0, 0, 0x06, 6, 0x08, 6,    /* advance_loc4; restore_extended, same_value */
          0x41, 0x09, 6, 12, 0x11, 7, 0x7e,      /* register; offset_extended_sf */
          0x41, 0x14, 7, 1, 0x2f, 6, 2,          /* val_offset; negative_offset */
          0x41, 0x12, 6, 0x7e, 0x41, 0x13, 0x7d, /* def_cfa_sf, def_cfa_offset_sf */
          0x41, 0x10, 6, 2, 0x76, 0, 0x16, 16, 1, 0x30, 0x0f, 3, 0x76, 0x78, 0x06);
    struct cfi_row row;
    assert_int_equal(row_at(&i, 1, &row), CTT_CUT_NONE);
    assert_int_equal(row.saved[CFI_FP].offset, -16);
    assert_int_equal(row_at(&i, 2, &row), CTT_CUT_NONE);
    assert_int_equal(row.saved[CFI_FP].how, CFI_SAME);
    assert_int_equal(row_at(&i, 3, &row), CTT_CUT_NONE);
    assert_int_equal(row.saved[CFI_FP].how, CFI_REGISTER);
    assert_int_equal(row.saved[CFI_SP].offset, 16);
    assert_int_equal(row_at(&i, 4, &row), CTT_CUT_NONE);
    assert_int_equal(row.saved[CFI_SP].how, CFI_VAL_OFFSET);
    assert_int_equal(row.saved[CFI_FP].offset, 16);
    assert_int_equal(row_at(&i, 6, &row), CTT_CUT_NONE);
    assert_int_equal(row.cfa.reg, 6);
    assert_int_equal(row.cfa.offset, 24);
    assert_int_equal(row_at(&i, 7, &row), CTT_CUT_NONE);
    assert_int_equal(row.cfa.how, CFI_EXPRESSION);
    assert_int_equal(row.cfa.length, 3);
    assert_int_equal(row.saved[CFI_RA].how, CFI_VAL_EXPRESSION);
}

/* The table is taken away, or the entries get lengths of 64 bits: the same row. */
static void without_table(void **state)
{
    IMAGE(i, 0x41, 0x0e, 16, 0x86, 2);
    struct cfi_row row;
    i.bytes[2] = i.bytes[3] = 0xff; /* no count, no rows */
    assert_int_equal(row_at(&i, 1, &row), CTT_CUT_NONE);
    assert_int_equal(row.cfa.offset, 16);
    assert_int_equal(row_at(&i, CODE_BYTES, &row), CTT_CUT_NO_CFI);
    i.bytes[2] = 0x03; /* rows of a kind that is not sorted pairs */
    i.bytes[3] = 0x1b;
    assert_int_equal(row_at(&i, 1, &row), CTT_CUT_NONE);
}

static void long_entries(void **state)
{
    uint8_t bytes[128] = {0}, *at = bytes;
    uint64_t lengths[2] = {4 + sizeof cie_body, 4 + 4 + 4 + 1 + 2};
    for (unsigned n = 0; n < 2; n++) {
        memset(at, 0xff, 4);
        memcpy(at + 4, &lengths[n], 8);
        at += 12;
        uint32_t back = n ? (uint32_t)(at - bytes) : 0;
        memcpy(at, &back, 4);
        if (n == 0)
            memcpy(at + 4, cie_body, sizeof cie_body);
        else
            memcpy(at + 8, &(uint32_t){CODE_BYTES}, 4);
        if (n == 1)
            memcpy(at + 13, (const uint8_t[]){0x0e, 24}, 2);
        at += lengths[n];
    }
    struct eh_view view = {NULL, NULL, bytes, bytes + sizeof bytes};
    const uint8_t *second = eh_next(&view, bytes);
    assert_ptr_equal(second, bytes + 12 + lengths[0]);
    struct eh_entry entry;
    struct cfi_row row;
    assert_int_equal(eh_entry_read(&view, second, &entry), CTT_CUT_NONE);
    assert_int_equal(entry.end - entry.start, CODE_BYTES);
    assert_int_equal(eh_row_at(&view, &entry, entry.start, &row), CTT_CUT_NONE);
    assert_int_equal(row.cfa.offset, 24);
    assert_int_equal(row.end, entry.end);
    assert_null(eh_next(&view, eh_next(&view, second)));
    memset(bytes + (second - bytes) + 4, 0xff, 8);
    assert_int_equal(eh_entry_read(&view, second, &entry), CTT_CUT_NO_CFI);
}

static void refused_programs(void **state)
{
    struct cfi_row row;
    IMAGE(unknown, 0x3f);
    assert_int_equal(row_at(&unknown, 1, &row), CTT_CUT_RULE);
    IMAGE(recall, 0x0b);
    assert_int_equal(row_at(&recall, 1, &row), CTT_CUT_RULE);
    IMAGE(remember, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a);
    assert_int_equal(row_at(&remember, 1, &row), CTT_CUT_RULE);
    IMAGE(absolute, 0x01, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(row_at(&absolute, 1, &row), CTT_CUT_RULE);
    IMAGE(operand, 0x0c, 0x87);
    assert_int_equal(row_at(&operand, 1, &row), CTT_CUT_RULE);
    IMAGE(huge, 0x0e, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20);
    assert_int_equal(row_at(&huge, 1, &row), CTT_CUT_RULE);
    IMAGE(block, 0x0f, 0x50, 0x06);
    assert_int_equal(row_at(&block, 1, &row), CTT_CUT_RULE);
    IMAGE(empty, 0x00);
    assert_int_equal(row_at(&empty, CODE_BYTES, &row), CTT_CUT_NO_CFI);
    assert_int_equal(row_at(&empty, (uintptr_t)-1, &row), CTT_CUT_NO_CFI);
}

/* Cut at every byte, in memory that ends there. */
static void truncated(void **state)
{
    IMAGE(whole, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x0a, 0x02, 0x40, 0x0c, 7, 8, 0xc6, 0x0b);
    for (size_t left = 0; left < whole.used; left++) {
        uint8_t *copy = malloc(left ? left : 1);
        memcpy(copy, whole.bytes, left);
        size_t hdr = (size_t)(whole.view.hdr_end - whole.view.hdr);
        struct eh_view view = {copy, copy + (hdr < left ? hdr : left), copy, copy + left};
        struct eh_entry entry;
        struct cfi_row row;
        uintptr_t pc = whole.code - (uintptr_t)whole.bytes + (uintptr_t)copy + 0x45;
        if (eh_entry_find(&view, pc, &entry) == CTT_CUT_NONE)
            eh_row_at(&view, &entry, pc, &row);
        free(copy);
    }
}

static void expressions(void **state)
{
    static const uint8_t realigned[] = {0x76, 0x78, 0x06};
    static const uint8_t plt[] = {0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22};
    struct expr_value v;
    assert_true(expr_solve(realigned, sizeof realigned, 0, false, &v));
    assert_int_equal(v.base, EXPR_AT);
    assert_int_equal(v.reg, 6);
    assert_int_equal(v.offset, -8);
    assert_int_equal(v.addend, 0);
    assert_true(expr_solve((const uint8_t[]){0x77, 0x18, 0x06, 0x23, 0x40}, 5, 0, false, &v));
    assert_int_equal(v.base, EXPR_AT);
    assert_int_equal(v.reg, 7);
    assert_int_equal(v.offset, 24);
    assert_int_equal(v.addend, 64);
    for (uintptr_t pc = 0x1000; pc < 0x1010; pc++) {
        assert_true(expr_solve(plt, sizeof plt, pc, false, &v));
        assert_int_equal(v.base, EXPR_REGISTER);
        assert_int_equal(v.offset, (pc & 15) >= 11 ? 16 : 8);
    }
    assert_true(expr_solve((const uint8_t[]){0x23, 16}, 2, 0, true, &v));
    assert_int_equal(v.base, EXPR_CFA);
    assert_int_equal(v.offset, 16);
    assert_false(expr_solve((const uint8_t[]){0x06}, 1, 0, true, &v));
    assert_false(expr_solve((const uint8_t[]){0x22}, 1, 0, false, &v));
    assert_false(expr_solve((const uint8_t[]){0x77}, 1, 0, false, &v));
    assert_false(expr_solve(plt, 0, 0, false, &v));
}

static void row_use(const struct eh_view *view, const struct cfi_rule *rule)
{
    struct expr_value v;
    if (rule->how == CFI_EXPRESSION || rule->how == CFI_VAL_EXPRESSION)
        expr_solve(view->low + rule->offset, rule->length, 0, true, &v);
}

static void look_up(const struct eh_view *view, uintptr_t pc)
{
    struct eh_entry entry;
    struct cfi_row row;
    if (eh_entry_find(view, pc, &entry) != CTT_CUT_NONE ||
        eh_row_at(view, &entry, pc, &row) != CTT_CUT_NONE)
        return;
    row_use(view, &row.cfa);
    for (unsigned r = 0; r < CFI_TRACKED; r++)
        row_use(view, &row.saved[r]);
}

/* Flips bytes of what a look-up reads, looks up, puts them back. */
static void entry_damage(const struct eh_view *view, uintptr_t pc, uint8_t *from, uint8_t *to)
{
    uint8_t saved[FUZZ_FLIPS], *at[FUZZ_FLIPS];
    for (unsigned f = 0; f < FUZZ_FLIPS; f++) {
        at[f] = from + (size_t)rand() % (size_t)(to - from);
        saved[f] = *at[f];
        *at[f] = (uint8_t)(f % 2 ? *at[f] ^ (1 << rand() % 8) : rand());
        look_up(view, pc);
    }
    for (unsigned f = FUZZ_FLIPS; f-- > 0;)
        *at[f] = saved[f];
}

/* libc's own tables, in a copy with the sanitizer's fence around it. */
static void damaged(void **state)
{
    const struct module *m = module_get(module_at((uintptr_t)gnu_get_libc_version));
    assert_non_null(m);
    const struct eh_view *real = &m->eh;
    size_t bytes = (size_t)(real->high - real->low);
    uint8_t *copy = malloc(bytes);
    memcpy(copy, real->low, bytes);
    struct eh_view view = {copy + (real->hdr - real->low), copy + (real->hdr_end - real->low), copy,
                           copy + bytes};
    uintptr_t shift = (uintptr_t)copy - (uintptr_t)real->low;
    unsigned found = 0;
    srand(1);
    for (unsigned n = 0; n < FUZZ_PCS; n++) {
        uintptr_t pc = m->start + (uintptr_t)rand() % (m->end - m->start) + shift;
        struct eh_entry entry;
        if (eh_entry_find(&view, pc, &entry) != CTT_CUT_NONE)
            continue;
        found++;
        entry_damage(&view, pc, (uint8_t *)(uintptr_t)entry.program - 17,
                     (uint8_t *)(uintptr_t)entry.program_end);
        entry_damage(&view, pc, (uint8_t *)(uintptr_t)entry.initial - 17,
                     (uint8_t *)(uintptr_t)entry.initial_end);
        /* Without its table each look-up goes through all entries. */
        if (found % HDR_EVERY == 0)
            entry_damage(&view, pc, (uint8_t *)(uintptr_t)view.hdr,
                         (uint8_t *)(uintptr_t)view.hdr + 64);
    }
    assert_true(found > FUZZ_PCS / 10);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_prologue),
        cmocka_unit_test(remember_and_restore),
        cmocka_unit_test(every_other_instruction),
        cmocka_unit_test(without_table),
        cmocka_unit_test(long_entries),
        cmocka_unit_test(refused_programs),
        cmocka_unit_test(truncated),
        cmocka_unit_test(expressions),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
