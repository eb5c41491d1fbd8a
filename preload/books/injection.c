/* SPDX-License-Identifier: MIT */
#include "preload/books/injection.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "preload/facts/module.h"
#include "preload/facts/stack.h"
#include "preload/ground/arena.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#define PLACES_MAX 8192u /* a power of two */
#define POINTS_MAX 128u
#define CHANCE_ONE UINT64_C(1000000000)

enum choice { CHOOSE_ALL, CHOOSE_EVERY, CHOOSE_AT, CHOOSE_BY_CHANCE, CHOOSE_NONE };

static struct rule {
    const char *function;
    int error; /* 0: the point's own */
    enum choice choice;
    uint64_t number; /* of every=, at=; parts of CHANCE_ONE */
    uint64_t seed, times;
    const char *file; /* of site=; NULL: any */
    uint64_t offset;
    _Atomic uint64_t calls, failed;
} rules[INJECTION_RULES];
static uint32_t rules_used;
static const char *asked;

/* ---- reading rules ---- */

#define ERRORS(X)                                                                                  \
    X(EMFILE)                                                                                      \
    X(ENFILE)                                                                                      \
    X(ENOMEM)                                                                                      \
    X(EAGAIN)                                                                                      \
    X(ENOSPC)                                                                                      \
    X(EIO)                                                                                         \
    X(EINTR)                                                                                       \
    X(EACCES)                                                                                      \
    X(ENOENT)                                                                                      \
    X(EPERM)                                                                                       \
    X(EPIPE)                                                                                       \
    X(ECONNREFUSED)                                                                                \
    X(ECONNRESET)                                                                                  \
    X(ETIMEDOUT)                                                                                   \
    X(EDQUOT)                                                                                      \
    X(ENOBUFS)                                                                                     \
    X(EROFS)                                                                                       \
    X(EBUSY)                                                                                       \
    X(EFBIG)                                                                                       \
    X(EINVAL)                                                                                      \
    X(ENOTCONN)                                                                                    \
    X(EADDRINUSE)                                                                                  \
    X(ENETUNREACH)                                                                                 \
    X(EHOSTUNREACH)                                                                                \
    X(ELOOP)                                                                                       \
    X(ESTALE)

static const struct error_name {
    const char *name;
    int error;
} error_names[] = {
#define X(error) {#error, error},
    ERRORS(X)
#undef X
};

static int error_of(const char *name)
{
    for (size_t i = 0; i < sizeof error_names / sizeof *error_names; i++)
        if (strcmp(error_names[i].name, name) == 0)
            return error_names[i].error;
    return 0;
}

static bool read_count(const char *text, uint64_t *ret)
{
    if (*text < '0' || *text > '9' || strlen(text) > 18)
        return false;
    *ret = text_read_u64(&text);
    return *text == '\0';
}

/* "0.01", "1". */
static bool read_chance(const char *text, uint64_t *ret)
{
    uint64_t part = CHANCE_ONE, sum = 0;
    bool has_point = false;
    for (; *text; text++) {
        if (*text == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (*text < '0' || *text > '9' || part == 0)
            return false;
        if (has_point)
            sum += (uint64_t)(*text - '0') * (part /= 10);
        else
            sum = sum * 10 + (uint64_t)(*text - '0') * CHANCE_ONE;
        if (sum > CHANCE_ONE)
            return false;
    }
    *ret = sum;
    return sum > 0;
}

static bool read_site(struct rule *rule, char *text)
{
    char *plus = strrchr(text, '+');
    if (!plus || plus == text || strncmp(plus, "+0x", 3) != 0 || !plus[3])
        return false;
    const char *at = plus + 3;
    *plus = '\0';
    rule->file = text;
    rule->offset = text_read_hex(&at);
    return *at == '\0';
}

/* Once only. */
static bool choose(struct rule *rule, enum choice choice)
{
    bool is_first = rule->choice == CHOOSE_ALL;
    rule->choice = choice;
    return is_first;
}

static bool read_key(struct rule *rule, char *key)
{
    char *value = strchr(key, '=');
    if (!value)
        return choose(rule, CHOOSE_NONE) && strcmp(key, "list") == 0;
    *value++ = '\0';
    if (strcmp(key, "every") == 0 || strcmp(key, "at") == 0)
        return choose(rule, *key == 'e' ? CHOOSE_EVERY : CHOOSE_AT) &&
               read_count(value, &rule->number) && rule->number > 0;
    if (strcmp(key, "p") == 0)
        return choose(rule, CHOOSE_BY_CHANCE) && read_chance(value, &rule->number);
    if (strcmp(key, "seed") == 0)
        return read_count(value, &rule->seed);
    if (strcmp(key, "times") == 0)
        return read_count(value, &rule->times) && rule->times > 0;
    return strcmp(key, "site") == 0 && read_site(rule, value);
}

/* The part up to `end`, which is cut off; *at moves behind it, to NULL at last. */
static char *part_take(char **at, char end)
{
    char *part = *at;
    char *stop = part ? strchr(part, end) : NULL;
    if (stop)
        *stop++ = '\0';
    *at = stop;
    return part;
}

static bool read_rule(struct rule *rule, char *text)
{
    rule->function = part_take(&text, ':');
    if (!*rule->function)
        return false;
    while (text) {
        char *part = part_take(&text, ':');
        if (!rule->error && (rule->error = error_of(part)) != 0)
            continue;
        while (part)
            if (!read_key(rule, part_take(&part, ',')))
                return false;
    }
    return true;
}

/* ---- places ---- */

static struct place {
    _Atomic uint64_t key; /* return address and point, mixed; 0: free */
    _Atomic(const struct injection_point *) point;
    uint64_t pc;
    _Atomic uint64_t calls, failed;
    _Atomic uint32_t stack; /* of the last failure */
    _Atomic int error;
} places[PLACES_MAX];

/* With those of the children that a fork has made, which often end without a dump. (Not
 * the places: a child's modules and stacks have numbers of its own.) */
struct totals {
    _Atomic uint64_t calls, failed;
};
static struct totals *totals;

bool injection_parse(const char *text)
{
    char *copy = arena_copy(text, strlen(text));
    asked = text = copy ? arena_copy(text, strlen(text)) : NULL;
    uint32_t used = 0;
    while (copy) {
        if (used == INJECTION_RULES || !read_rule(&rules[used], part_take(&copy, ';')))
            return false;
        used++;
    }
    totals = sys_map_shared(sizeof *totals);
    rules_used = totals ? used : 0;
    return rules_used > 0;
}

const char *injection_text(void)
{
    return rules_used ? asked : NULL;
}

/* A program that says open calls open64 where its offsets are large. */
static bool is_named(const char *name, const char *function)
{
    size_t length = strlen(name);
    return strncmp(name, function, length) == 0 &&
           (!function[length] || strcmp(function + length, "64") == 0);
}

uint32_t injection_rules_all(void)
{
    return (uint32_t)((UINT64_C(1) << rules_used) - 1);
}

uint32_t injection_rules_for(const char *function, const char *group)
{
    uint32_t set = 0;
    for (uint32_t i = 0; i < rules_used; i++)
        if (is_named(rules[i].function, function) || strcmp(rules[i].function, group) == 0)
            set |= UINT32_C(1) << i;
    return set;
}

static struct place *place_of(const struct injection_point *point, uintptr_t pc)
{
    uint64_t mixed =
        ((uint64_t)pc + ((uint64_t)(uintptr_t)point << 20)) * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t key = mixed ? mixed : 1;
    for (uint32_t tries = 0; tries < PLACES_MAX; tries++) {
        struct place *place = &places[((mixed >> 40) + tries) & (PLACES_MAX - 1)];
        uint64_t none = 0;
        if (atomic_compare_exchange_strong(&place->key, &none, key)) {
            place->pc = (uint64_t)module_at(pc) << 48 | pc;
            atomic_store_explicit(&place->point, point, memory_order_release);
            return place;
        }
        if (none == key)
            return place;
    }
    HEALTH(injections_unlisted);
    return NULL;
}

void injection_totals(struct ctt_injection *ret_fact)
{
    ret_fact->calls = totals ? atomic_load(&totals->calls) : 0;
    ret_fact->failed = totals ? atomic_load(&totals->failed) : 0;
}

bool injection_read(uint32_t i, struct ctt_injection *ret_fact, const char **ret_function)
{
    if (i >= PLACES_MAX)
        return false;
    struct place *place = &places[i];
    const struct injection_point *point = atomic_load_explicit(&place->point, memory_order_acquire);
    *ret_fact = (struct ctt_injection){.pc = 0};
    *ret_function = point ? point->function : NULL;
    if (!point)
        return true;
    ret_fact->pc = place->pc;
    ret_fact->calls = atomic_load(&place->calls);
    ret_fact->failed = atomic_load(&place->failed);
    ret_fact->stack = atomic_load(&place->stack);
    ret_fact->error = (uint32_t)atomic_load(&place->error);
    return true;
}

/* ---- deciding ---- */

static bool is_at(const struct rule *rule, uintptr_t pc)
{
    if (!rule->file)
        return true;
    const struct module *module = module_get(module_at(pc));
    const char *slash = module && module->path ? strrchr(module->path, '/') : NULL;
    const char *name = slash ? slash + 1 : module ? module->path : NULL;
    return name && pc - module->bias == rule->offset && strcmp(name, rule->file) == 0;
}

/* Of the call's number and the seed alone (Vigna, splitmix64). */
static uint64_t dice(uint64_t seed, uint64_t call)
{
    uint64_t z = seed * UINT64_C(0x9e3779b97f4a7c15) + call * UINT64_C(0xd1342543de82ef95);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % CHANCE_ONE;
}

static bool is_chosen(struct rule *rule)
{
    uint64_t call = atomic_fetch_add(&rule->calls, 1) + 1;
    switch (rule->choice) {
    case CHOOSE_ALL:
        return true;
    case CHOOSE_EVERY:
        return call % rule->number == 0;
    case CHOOSE_AT:
        return call == rule->number;
    case CHOOSE_BY_CHANCE:
        return dice(rule->seed, call) < rule->number;
    case CHOOSE_NONE:
        break;
    }
    return false;
}

/* Not the last of so many: another thread may have it. */
static bool has_times_left(struct rule *rule)
{
    return !rule->times || atomic_fetch_add(&rule->failed, 1) < rule->times;
}

int injection_due(const struct injection_point *point, const struct call_site *site)
{
    struct place *place = place_of(point, site->pc);
    int error = 0;
    atomic_fetch_add(&totals->calls, 1);
    if (place)
        atomic_fetch_add(&place->calls, 1);
    for (uint32_t left = point->rules; left && !error; left &= left - 1) {
        struct rule *rule = &rules[__builtin_ctz(left)];
        if (is_at(rule, site->pc) && is_chosen(rule) && has_times_left(rule))
            error = rule->error ? rule->error : point->error;
    }
    if (error)
        atomic_fetch_add(&totals->failed, 1);
    if (error && place) {
        atomic_fetch_add(&place->failed, 1);
        atomic_store(&place->error, error);
        atomic_store(&place->stack, stack_capture(site, point->stub));
    }
    return error;
}

/* ---- stacks ---- */

static const struct injection_point *points[POINTS_MAX];
static uint32_t points_used;

void injection_point_add(struct injection_point *point)
{
    uint64_t real = (uint64_t)(uintptr_t)point->real;
    point->entry_pc = (uint64_t)module_at((uintptr_t)point->real) << 48 | real | CTT_PC_EXACT;
    if (points_used < POINTS_MAX)
        points[points_used++] = point;
}

uint64_t injection_leaf(uint64_t pc)
{
    for (uint32_t i = 0; i < points_used; i++)
        if (CTT_PC_ADDRESS(pc) == (uint64_t)(uintptr_t)points[i]->stub)
            return points[i]->entry_pc;
    return pc;
}
