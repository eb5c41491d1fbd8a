/* SPDX-License-Identifier: MIT */
/*
 * The filters and a machine to run them: classic BPF as the kernel checks and
 * runs it for seccomp (kernel/seccomp.c, seccomp_check_filter). Anything that
 * is not understood forbids.
 */
#include "preload/ground/confine.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "preload/ground/blind.h"
#include "preload/ground/sys.h"

#define THIS_MACHINE AUDIT_ARCH_X86_64

struct confine_filter {
    struct confine_filter *next;
    _Atomic bool installed;
    bool strict;
    uint32_t count; /* 0: could not be kept, forbids everything */
    struct sock_filter code[];
};

_Atomic bool confine_any;
static _Atomic(struct confine_filter *) filters;
/* For what there was no memory to keep. Allowing nothing is safe. */
static struct confine_filter closed;

/* ---- the machine ---- */

struct machine {
    const struct seccomp_data *data;
    uint32_t a, x, memory[BPF_MEMWORDS];
};

static bool load(struct machine *m, const struct sock_filter *at, uint32_t *ret_value)
{
    uint32_t where = at->k;
    switch (BPF_MODE(at->code)) {
    case BPF_IMM:
        *ret_value = where;
        return true;
    case BPF_LEN:
        *ret_value = sizeof *m->data;
        return true;
    case BPF_MEM:
        if (where < BPF_MEMWORDS)
            *ret_value = m->memory[where];
        return where < BPF_MEMWORDS;
    case BPF_ABS:
        if (where > sizeof *m->data - sizeof *ret_value)
            return false;
        memcpy(ret_value, (const char *)m->data + where, sizeof *ret_value);
        return true;
    }
    return false;
}

static bool calculate(struct machine *m, const struct sock_filter *at)
{
    uint32_t by = BPF_SRC(at->code) == BPF_X ? m->x : at->k;
    switch (BPF_OP(at->code)) {
    case BPF_ADD:
        m->a += by;
        break;
    case BPF_SUB:
        m->a -= by;
        break;
    case BPF_MUL:
        m->a *= by;
        break;
    case BPF_DIV:
        m->a = by ? m->a / by : 0;
        return by != 0;
    case BPF_AND:
        m->a &= by;
        break;
    case BPF_OR:
        m->a |= by;
        break;
    case BPF_XOR:
        m->a ^= by;
        break;
    case BPF_LSH:
        m->a <<= by & 31;
        break;
    case BPF_RSH:
        m->a >>= by & 31;
        break;
    case BPF_NEG:
        m->a = -m->a;
        break;
    default:
        return false;
    }
    return true;
}

/* How far to jump. */
static uint32_t jump(const struct machine *m, const struct sock_filter *at)
{
    uint32_t with = BPF_SRC(at->code) == BPF_X ? m->x : at->k;
    switch (BPF_OP(at->code)) {
    case BPF_JA:
        return at->k;
    case BPF_JEQ:
        return m->a == with ? at->jt : at->jf;
    case BPF_JGT:
        return m->a > with ? at->jt : at->jf;
    case BPF_JGE:
        return m->a >= with ? at->jt : at->jf;
    case BPF_JSET:
        return m->a & with ? at->jt : at->jf;
    }
    return UINT32_MAX; /* past every end */
}

static bool step(struct machine *m, const struct sock_filter *at)
{
    switch (BPF_CLASS(at->code)) {
    case BPF_LD:
        return load(m, at, &m->a);
    case BPF_LDX:
        return load(m, at, &m->x);
    case BPF_ALU:
        return calculate(m, at);
    case BPF_ST:
    case BPF_STX:
        if (at->k < BPF_MEMWORDS)
            m->memory[at->k] = BPF_CLASS(at->code) == BPF_ST ? m->a : m->x;
        return at->k < BPF_MEMWORDS;
    case BPF_MISC:
        if (BPF_MISCOP(at->code) == BPF_TAX)
            m->x = m->a;
        else
            m->a = m->x;
        return true;
    }
    return false;
}

static uint32_t verdict(const struct confine_filter *filter, const struct seccomp_data *data)
{
    struct machine m = {.data = data};
    for (uint64_t pc = 0; pc < filter->count; pc++) {
        const struct sock_filter *at = &filter->code[pc];
        if (BPF_CLASS(at->code) == BPF_RET)
            return BPF_RVAL(at->code) == BPF_A ? m.a : at->k;
        if (BPF_CLASS(at->code) == BPF_JMP)
            pc += jump(&m, at);
        else if (!step(&m, at))
            break;
    }
    return SECCOMP_RET_KILL_PROCESS;
}

static bool is_fatal(uint32_t verdict)
{
    switch (verdict & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_ERRNO:
        return false;
    }
    return true;
}

static bool is_refused(uint32_t verdict)
{
    return is_fatal(verdict) || (verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
}

static bool strict_allows(long number)
{
    return number == SYS_read || number == SYS_write || number == SYS_exit;
}

/* The kernel does what the sternest filter says. One refusal may be sterner than
 * the fatal word of another (a wait for somebody's decision): then a call is
 * not made that would have come to no harm, which is the safe side. */
static bool any_says(bool (*answer)(uint32_t verdict), long number, const long arguments[6])
{
    struct seccomp_data data = {.nr = (int)number, .arch = THIS_MACHINE};
    for (int i = 0; i < 6; i++)
        data.args[i] = (uint64_t)arguments[i];
    for (const struct confine_filter *at = atomic_load(&filters); at; at = at->next) {
        if (!atomic_load(&at->installed))
            continue;
        if (at->strict ? !strict_allows(number) : answer(verdict(at, &data)))
            return true;
    }
    return false;
}

bool confine_forbids(long number, const long arguments[6])
{
    return any_says(is_fatal, number, arguments);
}

bool confine_refuses(long number, const long arguments[6])
{
    return any_says(is_refused, number, arguments);
}

/* ---- keeping them ---- */

static struct confine_filter *filter_add(const struct sock_filter *code, uint32_t count,
                                         bool strict)
{
    struct confine_filter *filter = sys_map(sizeof *filter + count * sizeof *code);
    if (!filter) {
        filter = &closed;
        if (atomic_exchange(&closed.installed, true))
            return filter;
    } else {
        if (count)
            memcpy(filter->code, code, count * sizeof *code);
        filter->count = count;
        filter->strict = strict;
        atomic_store(&filter->installed, true);
    }
    filter->next = atomic_load(&filters);
    while (!atomic_compare_exchange_weak(&filters, &filter->next, filter))
        ;
    health_blind(0, "the program has confined itself (seccomp): nothing is done that it forbids");
    atomic_store_explicit(&confine_any, true, memory_order_release);
    return filter;
}

/* Programs ask with a null pointer whether filters are to be had. Beyond that
 * the pointers are taken at their word: the kernel's own way of doubting them
 * (process_vm_readv) is what containers and filters like to forbid. */
struct confine_filter *confine_by_filter(const struct sock_fprog *program)
{
    if (!program || !program->filter || program->len == 0 || program->len > BPF_MAXINSNS)
        return NULL;
    return filter_add(program->filter, program->len, false);
}

struct confine_filter *confine_strictly(void)
{
    return filter_add(NULL, 0, true);
}

/* It stays in the list: somebody may be reading it. */
void confine_failed(struct confine_filter *filter)
{
    if (filter && filter != &closed)
        atomic_store(&filter->installed, false);
}
