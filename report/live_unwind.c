/* SPDX-License-Identifier: MIT */
/*
 * See live_unwind.h. The accessors are those that libunwind asks for; it finds frames'
 * descriptions by dwarf_search_unwind_table, which libunwind exports for such callers.
 */
#include "live_unwind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libunwind.h>

#include "live_module.h"
#include "live_prologue.h"
#include "pool.h"

enum { FRAMES_MAX = 20000, FRAMES_FIRST = 64 };

extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t ip,
                                              unw_dyn_info_t *table, unw_proc_info_t *ret,
                                              int need_unwind_info, void *arg);

struct live_unwinder {
    unw_addr_space_t space;
    struct live_memory *memory;
    const struct live_picture *picture;
    bool stands_still;
    bool register_missed, memory_missed;
    uint64_t missed;
    bool rbp_found; /* of a thread that was not stopped: by rbp_find() */
    uint64_t rbp;
};

static int no_dynamic_info(unw_addr_space_t space, unw_word_t *ret, void *arg)
{
    return -UNW_ENOINFO;
}

static void unwind_info_keep(unw_addr_space_t space, unw_proc_info_t *info, void *arg) {}

static int no_float(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write,
                    void *arg)
{
    return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *arg)
{
    return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t space, unw_word_t address, char *name, size_t room,
                   unw_word_t *offset, void *arg)
{
    return -UNW_ENOINFO;
}

static int rule_find(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *ret,
                     int need_unwind_info, void *arg)
{
    struct live_unwinder *unwinder = arg;
    const struct live_module *module = live_module_find(unwinder->memory, ip);
    unw_dyn_info_t table = {.format = UNW_INFO_FORMAT_REMOTE_TABLE};

    if (!module || !module->table)
        return -UNW_ENOINFO;
    table.start_ip = module->start;
    table.end_ip = module->end;
    table.u.rti.segbase = module->segment;
    table.u.rti.table_data = module->table;
    table.u.rti.table_len =
        module->table_entries * sizeof(struct live_table_entry) / sizeof(unw_word_t);
    return UNW_OBJ(dwarf_search_unwind_table)(space, ip, &table, ret, need_unwind_info, arg);
}

/* False: the address is not in any of the tables that we have made. */
static bool built_read(const struct live_unwinder *unwinder, uint64_t address, void *ret)
{
    for (const struct live_module *m = unwinder->memory->modules; m; m = m->next) {
        size_t bytes = m->table_entries * sizeof(*m->built);

        if (!m->built || address < m->table || address - m->table + sizeof(unw_word_t) > bytes)
            continue;
        memcpy(ret, (const char *)m->built + (address - m->table), sizeof(unw_word_t));
        return true;
    }
    return false;
}

static bool copies_read(const struct live_picture *picture, uint64_t address, void *ret)
{
    for (size_t i = 0; i < LIVE_COPIES; i++) {
        const struct live_copy *copy = &picture->copies[i];

        if (copy->bytes < sizeof(unw_word_t) || address < copy->start ||
            address - copy->start > copy->bytes - sizeof(unw_word_t))
            continue;
        memcpy(ret, copy->data + (address - copy->start), sizeof(unw_word_t));
        return true;
    }
    return false;
}

static int memory_access(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write,
                         void *arg)
{
    struct live_unwinder *unwinder = arg;

    if (write)
        return -UNW_EREADONLYREG;
    if (copies_read(unwinder->picture, address, value) ||
        (address >= LIVE_TABLE_AT && built_read(unwinder, address, value)) ||
        live_memory_read_constant(unwinder->memory, address, value, sizeof(*value)))
        return 0;
    if (unwinder->stands_still &&
        live_memory_read(unwinder->memory, address, value, sizeof(*value)) == sizeof(*value))
        return 0;
    unwinder->memory_missed = true;
    unwinder->missed = address;
    return -UNW_EINVAL;
}

static int register_access(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value,
                           int write, void *arg)
{
    struct live_unwinder *unwinder = arg;
    const struct user_regs_struct *r = &unwinder->picture->registers;
    const unw_word_t values[] = {
        [UNW_X86_64_RAX] = r->rax, [UNW_X86_64_RDX] = r->rdx, [UNW_X86_64_RCX] = r->rcx,
        [UNW_X86_64_RBX] = r->rbx, [UNW_X86_64_RSI] = r->rsi, [UNW_X86_64_RDI] = r->rdi,
        [UNW_X86_64_RBP] = r->rbp, [UNW_X86_64_RSP] = r->rsp, [UNW_X86_64_R8] = r->r8,
        [UNW_X86_64_R9] = r->r9,   [UNW_X86_64_R10] = r->r10, [UNW_X86_64_R11] = r->r11,
        [UNW_X86_64_R12] = r->r12, [UNW_X86_64_R13] = r->r13, [UNW_X86_64_R14] = r->r14,
        [UNW_X86_64_R15] = r->r15, [UNW_X86_64_RIP] = r->rip,
    };

    if (write)
        return -UNW_EREADONLYREG;
    if (number < 0 || (size_t)number >= sizeof(values) / sizeof(values[0]))
        return -UNW_EBADREG;
    if (number == UNW_X86_64_RBP && unwinder->rbp_found) {
        *value = unwinder->rbp;
        return 0;
    }
    if (unwinder->picture->partial && number != UNW_X86_64_RSP && number != UNW_X86_64_RIP) {
        unwinder->register_missed = true;
        return -UNW_EBADREG;
    }
    *value = values[number];
    return 0;
}

struct live_unwinder *live_unwinder_new(struct live_memory *memory)
{
    static unw_accessors_t accessors = {
        .find_proc_info = rule_find,
        .put_unwind_info = unwind_info_keep,
        .get_dyn_info_list_addr = no_dynamic_info,
        .access_mem = memory_access,
        .access_reg = register_access,
        .access_fpreg = no_float,
        .resume = no_resume,
        .get_proc_name = no_name,
    };
    struct live_unwinder *unwinder = xalloc(sizeof(*unwinder));

    unwinder->memory = memory;
    unwinder->space = unw_create_addr_space(&accessors, 0);
    if (!unwinder->space)
        return live_unwinder_free(unwinder);
    unw_set_caching_policy(unwinder->space, UNW_CACHE_GLOBAL);
    return unwinder;
}

struct live_unwinder *live_unwinder_free(struct live_unwinder *unwinder)
{
    if (unwinder && unwinder->space)
        unw_destroy_addr_space(unwinder->space);
    free(unwinder);
    return NULL;
}

static void frame_add(struct live_frames *frames, uint64_t address, bool exact)
{
    if (frames->count == frames->room) {
        frames->room = frames->room ? frames->room * 2 : FRAMES_FIRST;
        frames->items = xrealloc(frames->items, frames->room, sizeof(*frames->items));
    }
    frames->items[frames->count++] = (struct live_pc){.address = address, .exact = exact};
}

static enum live_cut cut_of(const struct live_unwinder *unwinder)
{
    if (unwinder->register_missed)
        return LIVE_CUT_REGISTER;
    return unwinder->memory_missed ? LIVE_CUT_MEMORY : LIVE_CUT_NO_RULE;
}

/*
 * The frame depends on rbp, and nobody further in has kept it on the stack: the register still
 * has what this function has put there. That is told by how the function begins, and is
 * believed if a return address lies where there must be one then.
 */
static bool rbp_find(struct live_unwinder *unwinder, unw_cursor_t *cursor)
{
    unw_proc_info_t function;
    unw_word_t sp, back;
    uint64_t bytes;

    if (unwinder->rbp_found || unw_get_proc_info(cursor, &function) < 0 ||
        unw_get_reg(cursor, UNW_REG_SP, &sp) < 0 ||
        !live_prologue_read(unwinder->memory, function.start_ip, &bytes) ||
        memory_access(unwinder->space, sp + bytes + sizeof(back), &back, 0, unwinder) < 0 ||
        !live_is_after_call(unwinder->memory, back))
        return false;
    unwinder->rbp = sp + bytes;
    unwinder->rbp_found = true;
    return true;
}

/* unw_step; and once more if it lacks a register that can be found. */
static int cursor_step(struct live_unwinder *unwinder, unw_cursor_t *cursor)
{
    unw_cursor_t before = *cursor;
    int stepped;

    unwinder->register_missed = unwinder->memory_missed = false;
    stepped = unw_step(cursor);
    if (stepped >= 0 || !unwinder->register_missed || !rbp_find(unwinder, &before))
        return stepped;
    *cursor = before;
    unwinder->register_missed = unwinder->memory_missed = false;
    return unw_step(cursor);
}

/* Steps once. Returns false at the end, with the reason if it is not the outermost frame. */
static bool frame_step(struct live_unwinder *unwinder, unw_cursor_t *cursor,
                       struct live_frames *frames)
{
    bool interrupted = unw_is_signal_frame(cursor) > 0;
    unw_word_t sp, pc, sp_before;
    int stepped;

    unw_get_reg(cursor, UNW_REG_SP, &sp_before);
    stepped = cursor_step(unwinder, cursor);
    if (stepped < 0)
        frames->cut = cut_of(unwinder);
    if (stepped <= 0 || unw_get_reg(cursor, UNW_REG_IP, &pc) < 0 || !pc)
        return false;
    unw_get_reg(cursor, UNW_REG_SP, &sp);
    /* Without rules libunwind guesses by rbp: what it comes to must be code at least. */
    if (!live_map_find(unwinder->memory, pc) || !live_map_find(unwinder->memory, pc)->executable) {
        frames->cut = LIVE_CUT_NO_CODE;
        return false;
    }
    if (sp <= sp_before && !interrupted) {
        frames->cut = LIVE_CUT_NO_RULE;
        return false;
    }
    /* What the kernel has made a handler return to was never called either. */
    frame_add(frames, pc, interrupted || unw_is_signal_frame(cursor) > 0);
    return true;
}

void live_unwind(struct live_unwinder *unwinder, const struct live_picture *picture,
                 bool stands_still, struct live_frames *ret)
{
    unw_cursor_t cursor;

    unwinder->picture = picture;
    unwinder->stands_still = stands_still;
    unwinder->missed = 0;
    unwinder->rbp_found = false;
    ret->count = 0;
    ret->cut = LIVE_CUT_NONE;
    ret->missed = 0;
    frame_add(ret, picture->registers.rip, true);
    if (unw_init_remote(&cursor, unwinder->space, unwinder) < 0) {
        ret->cut = LIVE_CUT_NO_RULE;
        return;
    }
    while (ret->count < FRAMES_MAX && frame_step(unwinder, &cursor, ret))
        ;
    if (ret->count == FRAMES_MAX)
        ret->cut = LIVE_CUT_DEPTH;
    if (ret->cut == LIVE_CUT_MEMORY)
        ret->missed = unwinder->missed;
}
