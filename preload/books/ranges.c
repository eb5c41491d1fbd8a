/* SPDX-License-Identifier: MIT */
#include "preload/books/ranges.h"

#include <stddef.h>

#include "preload/ground/arena.h"
#include "preload/ground/health.h"
#include "preload/ground/owned_lock.h"

#define SLOT_CHUNK    512u
#define SLOT_CHUNKS   (RANGE_MAX / SLOT_CHUNK)
#define LIST_TRIES    16
#define QUESTIONS_MAX 4096u

struct slot {
    struct holding holding;
    uint32_t next; /* under the lock: of the free ones, or of a cut */
};

static _Atomic(struct slot *) chunks[SLOT_CHUNKS];
static _Atomic uint32_t slots_used = 1; /* number 0 is none */

/* All of the following under the lock. `order` names what is held, by address. */
static struct owned_lock lock;
static uint32_t free_slots;
static uint32_t order[RANGE_MAX];
static _Atomic uint32_t count;
/* Odd while something changes. */
static _Atomic uint64_t changes;

/* ---- slots ---- */

static struct slot *slot_at(uint32_t number)
{
    struct slot *chunk = atomic_load_explicit(&chunks[number / SLOT_CHUNK], memory_order_acquire);
    return chunk ? &chunk[number % SLOT_CHUNK] : NULL;
}

static uint32_t slot_get(void)
{
    uint32_t number = free_slots;
    if (number) {
        free_slots = slot_at(number)->next;
        return number;
    }
    number = atomic_load_explicit(&slots_used, memory_order_relaxed);
    if (number == RANGE_MAX)
        return 0;
    if (!slot_at(number)) {
        struct slot *fresh = arena_map(SLOT_CHUNK * sizeof *fresh);
        if (!fresh)
            return 0;
        atomic_store_explicit(&chunks[number / SLOT_CHUNK], fresh, memory_order_release);
    }
    atomic_store_explicit(&slots_used, number + 1, memory_order_release);
    return number;
}

static void slot_put(uint32_t number)
{
    slot_at(number)->next = free_slots;
    free_slots = number;
}

static void slot_mirror(uint32_t number)
{
    holding_mirror(STATE_RANGE, number, &slot_at(number)->holding);
}

static uintptr_t start_of(uint32_t number)
{
    return (uintptr_t)slot_at(number)->holding.handle;
}

static uintptr_t end_of(uint32_t number)
{
    return start_of(number) + slot_at(number)->holding.bytes;
}

/* ---- the order ---- */

static bool book_open(void)
{
    if (!owned_lock(&lock))
        return false;
    atomic_fetch_add(&changes, 1);
    return true;
}

static void book_close(void)
{
    atomic_fetch_add(&changes, 1);
    owned_unlock(&lock);
}

/* The first that ends behind `address`. */
static uint32_t place_of(uintptr_t address)
{
    uint32_t low = 0, high = atomic_load_explicit(&count, memory_order_relaxed);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (end_of(order[middle]) > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* A snapshot may be reading them, and throws away what it read meanwhile. */
#define ORDER_SET(place, number) __atomic_store_n(&order[place], (number), __ATOMIC_RELAXED)

static void order_insert(uint32_t place, uint32_t number)
{
    uint32_t used = atomic_load_explicit(&count, memory_order_relaxed);
    for (uint32_t i = used; i > place; i--)
        ORDER_SET(i, order[i - 1]);
    ORDER_SET(place, number);
    atomic_store_explicit(&count, used + 1, memory_order_relaxed);
}

static void order_remove_run(uint32_t place, uint32_t many)
{
    uint32_t used = atomic_load_explicit(&count, memory_order_relaxed) - many;
    for (uint32_t i = place; many && i < used; i++)
        ORDER_SET(i, order[i + many]);
    atomic_store_explicit(&count, used, memory_order_relaxed);
}

static void order_remove(uint32_t place)
{
    order_remove_run(place, 1);
}

/* ---- cutting ---- */

/* Makes it [start, end), by the same facts under a new number: whoever is reading it
 * sees that. */
static void slot_resize(uint32_t number, uintptr_t start, uintptr_t end)
{
    struct holding_copy copy;
    struct slot *slot = slot_at(number);
    if (!holding_take(&slot->holding, &copy))
        return;
    copy.live = holding_number();
    copy.handle = start;
    copy.bytes = end - start;
    holding_publish(&slot->holding, &copy);
    slot_mirror(number);
}

/* A second slot with the facts of the first, for [start, end). 0: no room. */
static uint32_t slot_split(uint32_t number, uintptr_t start, uintptr_t end)
{
    struct holding_copy copy;
    uint32_t fresh = slot_get();
    if (!fresh || !holding_read(&slot_at(number)->holding, &copy)) {
        if (fresh)
            slot_put(fresh);
        HEALTH(ranges_dropped);
        return 0;
    }
    copy.live = holding_number();
    copy.handle = start;
    copy.bytes = end - start;
    holding_publish(&slot_at(fresh)->holding, &copy);
    slot_mirror(fresh);
    return fresh;
}

/* Out of sight, with its facts kept for the case that it comes back. */
static void slot_hide(uint32_t number)
{
    atomic_store(&slot_at(number)->holding.live, 0);
    slot_mirror(number);
}

static void slot_show(uint32_t number)
{
    atomic_store(&slot_at(number)->holding.live, holding_number());
    slot_mirror(number);
}

static void cut_add(struct range_cut *cut, uint32_t number)
{
    slot_hide(number);
    slot_at(number)->next = cut->first;
    cut->first = number;
}

/* One range that overlaps [start, end). Returns the place to go on at. */
static uint32_t cut_one(struct range_cut *cut, uint32_t place, uintptr_t start, uintptr_t end)
{
    uint32_t number = order[place];
    uintptr_t low = start_of(number), high = end_of(number);
    if (high > end) {
        uint32_t rest = slot_split(number, end, high);
        if (rest)
            order_insert(place + 1, rest);
    }
    if (low >= start) {
        order_remove(place);
        if (high > end)
            slot_resize(number, low, end);
        cut_add(cut, number);
        return place;
    }
    uint32_t off = slot_split(number, start, high < end ? high : end);
    slot_resize(number, low, start);
    if (off)
        cut_add(cut, off);
    return place + 1;
}

/* Whole ranges from `place` on, all moved out at once. */
static void cut_whole(struct range_cut *cut, uint32_t place, uintptr_t end)
{
    uint32_t used = atomic_load_explicit(&count, memory_order_relaxed), many = 0;
    while (place + many < used && end_of(order[place + many]) <= end)
        cut_add(cut, order[place + many++]);
    order_remove_run(place, many);
}

static bool begins_before(uint32_t place, uintptr_t end)
{
    return place < atomic_load_explicit(&count, memory_order_relaxed) &&
           start_of(order[place]) < end;
}

/* The one that `start` is in the middle of, those that are covered whole, the one that
 * `end` is in the middle of. */
static void cut_all(struct range_cut *cut, uintptr_t start, uintptr_t end)
{
    uint32_t place = place_of(start);
    if (begins_before(place, start))
        place = cut_one(cut, place, start, end);
    cut_whole(cut, place, end);
    if (begins_before(place, end))
        cut_one(cut, place, start, end);
}

void range_cut(struct range_cut *ret_cut, uintptr_t start, uintptr_t end)
{
    ret_cut->first = 0;
    if (start >= end || !atomic_load_explicit(&count, memory_order_relaxed) || !book_open())
        return;
    cut_all(ret_cut, start, end);
    book_close();
}

void range_cut_owned(struct range_cut *ret_cut, uint64_t owner)
{
    ret_cut->first = 0;
    if (!book_open())
        return;
    for (uint32_t place = 0; place < atomic_load_explicit(&count, memory_order_relaxed);) {
        uint32_t number = order[place];
        if (slot_at(number)->holding.owner != owner) {
            place++;
            continue;
        }
        order_remove(place);
        cut_add(ret_cut, number);
    }
    book_close();
}

static uint32_t cut_take(struct range_cut *cut)
{
    uint32_t number = cut->first;
    cut->first = slot_at(number)->next;
    return number;
}

static bool is_of_one(const struct holding *a, const struct holding *b)
{
    return a->handle + a->bytes == b->handle && a->acquired_ns == b->acquired_ns &&
           a->stack == b->stack && a->task == b->task && a->context == b->context &&
           a->owner == b->owner && a->detail == b->detail;
}

/* Makes one of what stands at `place` and behind it, where it was one before. */
static void join(uint32_t place)
{
    if (place + 1 >= atomic_load_explicit(&count, memory_order_relaxed))
        return;
    uint32_t first = order[place], second = order[place + 1];
    if (!is_of_one(&slot_at(first)->holding, &slot_at(second)->holding))
        return;
    slot_resize(first, start_of(first), end_of(second));
    slot_hide(second);
    order_remove(place + 1);
    slot_put(second);
}

static void put_back(uint32_t number)
{
    if (atomic_load_explicit(&count, memory_order_relaxed) == RANGE_MAX - 1) {
        HEALTH(ranges_dropped);
        slot_put(number);
        return;
    }
    uint32_t place = place_of(start_of(number));
    order_insert(place, number);
    slot_show(number);
    join(place);
    if (place > 0)
        join(place - 1);
}

void range_uncut(struct range_cut *cut)
{
    if (!cut->first || !book_open())
        return;
    while (cut->first)
        put_back(cut_take(cut));
    book_close();
}

static void cut_some(struct range_cut *cut, uintptr_t start, uintptr_t end)
{
    if (start < end)
        cut_all(cut, start, end);
}

/* Mostly all of it is mapped, which is one question: a gigabyte's pages one by one would
 * hold up every thread that maps anything. After QUESTIONS_MAX the rest is given up. */
static void take_gaps(struct range_cut *gone, bool is_mapped(uintptr_t start, uintptr_t bytes),
                      uintptr_t start, uintptr_t end, uintptr_t page_bytes)
{
    uintptr_t step = end - start, gap = start;
    for (unsigned asked = 0; start < end; asked++) {
        if (asked == QUESTIONS_MAX) {
            HEALTH(ranges_dropped);
            start = end;
        } else if (is_mapped(start, step)) {
            cut_some(gone, gap, start);
            start += step;
            gap = start;
            step *= 2;
        } else if (step > page_bytes) {
            step = step / 2 / page_bytes * page_bytes;
            step = step ? step : page_bytes;
        } else {
            start += page_bytes;
        }
        step = step < end - start ? step : end - start;
    }
    cut_some(gone, gap, start);
}

void range_uncut_if(struct range_cut *cut, bool is_mapped(uintptr_t start, uintptr_t bytes),
                    uintptr_t page_bytes)
{
    struct range_cut gone = {0};
    if (!cut->first || !book_open())
        return;
    while (cut->first) {
        uint32_t number = cut_take(cut);
        uintptr_t start = start_of(number), end = end_of(number);
        put_back(number);
        take_gaps(&gone, is_mapped, start, end, page_bytes);
    }
    while (gone.first)
        slot_put(cut_take(&gone));
    book_close();
}

void range_forget(struct range_cut *cut)
{
    if (!cut->first || !book_open())
        return;
    while (cut->first)
        slot_put(cut_take(cut));
    book_close();
}

static bool is_of_acquisition(const struct holding *a, const struct holding *b)
{
    return a->acquired_ns == b->acquired_ns && a->stack == b->stack && a->task == b->task;
}

/* Where it stood, what stands before and behind it now. */
static bool has_rest(uint32_t number)
{
    const struct holding *cut = &slot_at(number)->holding;
    uint32_t place = place_of(start_of(number));
    return (place > 0 && is_of_acquisition(&slot_at(order[place - 1])->holding, cut)) ||
           (place < atomic_load_explicit(&count, memory_order_relaxed) &&
            is_of_acquisition(&slot_at(order[place])->holding, cut));
}

void range_give_back(struct range_cut *cut, void (*gone)(const struct holding_copy *was, void *arg),
                     void *arg)
{
    if (!cut->first || !book_open())
        return;
    while (cut->first) {
        uint32_t number = cut_take(cut);
        const struct holding *was = &slot_at(number)->holding;
        /* Of several pieces in one cut the last one tells. */
        bool tells = !has_rest(number) &&
                     !(cut->first && is_of_acquisition(&slot_at(cut->first)->holding, was));
        if (tells)
            gone(&(struct holding_copy){.kind = was->kind,
                                        .flags = atomic_load(&was->flags),
                                        .context = was->context,
                                        .task = was->task,
                                        .stack = was->stack,
                                        .acquired_ns = was->acquired_ns},
                 arg);
        slot_put(number);
    }
    book_close();
}

/* ---- entering and reading ---- */

void range_enter(const struct holding_copy *holding)
{
    struct range_cut stale = {0};
    uintptr_t start = (uintptr_t)holding->handle;
    if (!holding->bytes || !book_open()) {
        HEALTH(ranges_dropped);
        return;
    }
    cut_all(&stale, start, start + holding->bytes);
    if (stale.first)
        HEALTH(ranges_replaced);
    while (stale.first)
        slot_put(cut_take(&stale));
    bool has_room = atomic_load_explicit(&count, memory_order_relaxed) < RANGE_MAX - 1;
    uint32_t number = has_room ? slot_get() : 0;
    if (number) {
        holding_publish(&slot_at(number)->holding, holding);
        slot_mirror(number);
        order_insert(place_of(start), number);
    } else {
        HEALTH(ranges_dropped);
    }
    book_close();
}

bool range_read(uintptr_t address, struct holding_copy *ret_copy)
{
    bool found = false;
    if (!book_open())
        return false;
    uint32_t place = place_of(address);
    if (place < atomic_load_explicit(&count, memory_order_relaxed) &&
        start_of(order[place]) <= address)
        found = holding_read(&slot_at(order[place])->holding, ret_copy);
    book_close();
    return found;
}

static uint32_t list_once(struct holding_copy *ret, uint32_t room)
{
    uint32_t used = atomic_load(&count), listed = 0;
    for (uint32_t i = 0; i < used && listed < room; i++) {
        struct slot *slot = slot_at(__atomic_load_n(&order[i], __ATOMIC_RELAXED));
        if (slot && holding_read(&slot->holding, &ret[listed]))
            listed++;
    }
    return listed;
}

bool range_list(struct holding_copy *ret, uint32_t room, uint32_t *ret_count)
{
    for (int i = 0; i < LIST_TRIES; i++) {
        uint64_t before = atomic_load(&changes);
        *ret_count = list_once(ret, room);
        atomic_thread_fence(memory_order_acquire);
        if (!(before & 1) && atomic_load(&changes) == before)
            return true;
    }
    return false;
}

void range_scan(void (*each)(const struct holding_copy *holding, void *arg), void *arg)
{
    uint32_t used = atomic_load_explicit(&slots_used, memory_order_acquire);
    struct holding_copy copy;
    for (uint32_t number = 1; number < used; number++) {
        struct slot *slot = slot_at(number);
        if (slot && holding_read(&slot->holding, &copy))
            each(&copy, arg);
    }
}

void ranges_mirror(void)
{
    uint32_t used = atomic_load_explicit(&slots_used, memory_order_acquire);
    for (uint32_t number = 1; number < used; number++)
        if (slot_at(number) && atomic_load(&slot_at(number)->holding.live))
            slot_mirror(number);
}

/* ---- fork ---- */

static _Thread_local bool held_over_fork __attribute__((tls_model("initial-exec")));

void ranges_before_fork(void)
{
    held_over_fork = owned_lock(&lock);
}

void ranges_after_fork(void)
{
    if (held_over_fork)
        owned_unlock(&lock);
    held_over_fork = false;
}

void ranges_inherit(void)
{
    uint32_t used = atomic_load_explicit(&slots_used, memory_order_acquire);
    for (uint32_t number = 1; number < used; number++) {
        struct slot *slot = slot_at(number);
        if (slot)
            atomic_fetch_or(&slot->holding.flags, CTT_HOLDING_INHERITED);
    }
}
