/* SPDX-License-Identifier: MIT */
/*
 * Modules by identity (hazards.md E12): two plugins that take turns at one
 * address have different ids and different recipes; the same one back again
 * has its old id, and costs no memory.
 *
 *   test_module PLUGIN_A PLUGIN_B TWIN_OF_A
 */
#include "unit.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "preload/facts/module.h"
#include "preload/facts/stack.h"
#include "preload/facts/unwind.h"
#include "preload/ground/arena.h"

#define LOOPS   200
#define DEPTH   64
#define THREADS 3

static const char *plugins[3];
static uint64_t pcs[DEPTH];
static size_t count;
static enum ctt_cut cut;

static void callback(void)
{
    struct call_site site = CALL_SITE();
    count = unwind_walk(&site, pcs, DEPTH, &cut);
}

struct loaded {
    void *handle;
    uintptr_t call;
};

static struct loaded plugin_open(unsigned n)
{
    struct loaded p;
    p.handle = dlopen(plugins[n], RTLD_NOW | RTLD_LOCAL);
    assert_non_null(p.handle);
    p.call = (uintptr_t)dlsym(p.handle, "plugin_call");
    assert_int_not_equal(p.call, 0);
    return p;
}

static void plugin_close(struct loaded p)
{
    module_closing();
    assert_int_equal(dlclose(p.handle), 0);
    module_closed();
}

/* Walks through the plugin's frame; the whole stack must come out. */
static __attribute__((noinline)) uint32_t plugin_walk(struct loaded p)
{
    ((void (*)(void (*)(void)))p.call)(callback);
    assert_int_equal(cut, CTT_CUT_NONE);
    assert_true(count > 3);
    assert_in_range(CTT_PC_ADDRESS(pcs[0]), p.call, p.call + 16);
    uintptr_t here = (uintptr_t)plugin_walk;
    assert_in_range(CTT_PC_ADDRESS(pcs[1]), here, here + 512);
    return CTT_PC_MODULE(pcs[0]);
}

static void facts_of_modules(void **state)
{
    const struct module *libc = module_get(module_at((uintptr_t)getauxval));
    const struct module *own = module_get(module_at((uintptr_t)plugin_walk));
    assert_non_null(libc);
    assert_true(libc->flags & CTT_MODULE_LIBC);
    assert_int_equal(strlen(libc->build_id), 40);
    assert_true(libc->path[0] == '/');
    assert_non_null(libc->eh.hdr);
    assert_true(own->flags & CTT_MODULE_EXECUTABLE);
    assert_true(own->path[0] == '/');
    assert_true(module_is_code(own, (uintptr_t)facts_of_modules, 4));
    assert_false(module_is_code(own, (uintptr_t)plugins, 4));
    uintptr_t vdso = getauxval(AT_SYSINFO_EHDR);
    uint32_t id = vdso ? module_at(vdso) : 0;
    if (id) {
        assert_true(module_get(id)->flags & CTT_MODULE_VDSO);
        assert_string_equal(module_get(id)->path, "[vdso]");
    }
    assert_int_equal(module_at(0x1000), 0);
    assert_int_equal(module_at((uintptr_t)&id), 0);
    assert_null(module_get(MODULE_MAX));
}

static void plugins_take_turns(void **state)
{
    struct loaded a = plugin_open(0);
    uint32_t id_a = plugin_walk(a);
    assert_string_equal(module_get(id_a)->path, plugins[0]);
    plugin_close(a);
    assert_true(module_gone[id_a]);
    assert_int_not_equal(module_get(id_a)->unloaded_generation, 0);

    struct loaded b = plugin_open(1);
    if (b.call != a.call)
        skip(); /* the loader chose another place: nothing to confuse */
    uint32_t id_b = plugin_walk(b);
    assert_int_not_equal(id_b, id_a);
    plugin_close(b);

    struct loaded again = plugin_open(0);
    assert_int_equal(plugin_walk(again), id_a);
    assert_false(module_gone[id_a]);
    assert_int_equal(module_get(id_a)->unloaded_generation, 0);
    assert_true(module_gone[id_b]);
    plugin_close(again);
}

/* A module that was closed without our hook (by libc itself) and replaced. */
static void unnoticed_close(void **state)
{
    struct loaded a = plugin_open(0);
    uint32_t id_a = module_at(a.call);
    dlclose(a.handle);
    struct loaded b = plugin_open(1);
    if (b.call == a.call) {
        assert_int_not_equal(module_at(b.call), id_a);
        assert_true(module_gone[id_a]);
    }
    plugin_close(b);
}

static void loops_cost_nothing(void **state)
{
    uint32_t limit = 0;
    uint64_t mapped = 0;
    for (unsigned n = 0; n < LOOPS; n++) {
        struct loaded p = plugin_open(n % 2);
        plugin_walk(p);
        plugin_close(p);
        if (n == 4) {
            limit = module_limit();
            mapped = arena_mapped();
        }
    }
    assert_int_equal(module_limit(), limit);
    assert_int_equal(arena_mapped(), mapped);
}

static uint32_t captured;

static void capturing_callback(void)
{
    struct call_site site = CALL_SITE();
    captured = stack_capture(&site, (const void *)plugin_open);
}

/* Called from one place, a plugin and its twin make stacks of the very same
 * words: what is remembered of the one must not be told of the other. */
static void twins_are_told_apart(void **state)
{
    uint32_t ids[2], modules[2];
    uintptr_t places[2];
    for (volatile unsigned n = 0; n < 2; n++) {
        struct loaded p = plugin_open(n ? 2 : 0);
        places[n] = p.call;
        /* With another stack in between, so that it is kept whole as well. */
        for (volatile unsigned again = 0; again < 4; again++) {
            capturing_callback();
            ((void (*)(void (*)(void)))p.call)(capturing_callback);
        }
        assert_true(stack_pcs(captured, pcs, DEPTH, &cut) > 3);
        ids[n] = captured;
        modules[n] = CTT_PC_MODULE(pcs[1]);
        plugin_close(p);
    }
    if (places[0] != places[1])
        skip();
    assert_int_not_equal(ids[0], ids[1]);
    assert_int_not_equal(modules[0], modules[1]);
    assert_string_equal(module_get(modules[1])->path, plugins[2]);
}

/* While a dlclose is under way walks go on, without the table. */
static void walk_while_closing(void **state)
{
    struct loaded p = plugin_open(0);
    module_closing();
    assert_true(module_closings());
    plugin_walk(p);
    module_closed();
    assert_false(module_closings());
    plugin_walk(p);
    plugin_close(p);
}

/* Threads that capture all the time, through frames of libc as well, while others
 * come and go: each capture is what a walk of the whole stack says. */
static _Atomic unsigned long captures, differences;
static atomic_bool loading;

static int capture_order(const void *a, const void *b)
{
    uint64_t walked[DEPTH];
    enum ctt_cut why;
    struct call_site site = CALL_SITE();
    uint32_t id = stack_capture(&site, (const void *)plugin_open);
    size_t frames = unwind_walk(&site, walked, DEPTH, &why);
    atomic_fetch_add(&captures, 1);
    if (id != stack_intern(walked, frames, why, (const void *)plugin_open))
        atomic_fetch_add(&differences, 1);
    return *(const int *)a - *(const int *)b;
}

static __attribute__((noinline)) void capture_deep(unsigned depth)
{
    int values[] = {3, 1, 2, 5};
    if (depth)
        capture_deep(depth - 1);
    else
        qsort(values, COUNT_OF(values), sizeof values[0], capture_order);
    __asm__ volatile("" ::: "memory");
}

static void *capturing_thread(void *arg)
{
    for (unsigned n = 0; atomic_load(&loading); n++)
        capture_deep(n % 20);
    return arg;
}

static void threads_beside_loading(void **state)
{
    pthread_t threads[THREADS];
    atomic_store(&loading, true);
    for (unsigned n = 0; n < THREADS; n++)
        pthread_create(&threads[n], NULL, capturing_thread, NULL);
    for (unsigned n = 0; n < 5 * LOOPS || atomic_load(&captures) < 1000; n++) {
        struct loaded p = plugin_open(n % 3);
        plugin_walk(p);
        ((void (*)(void (*)(void)))p.call)(capturing_callback);
        assert_true(stack_pcs(captured, pcs, DEPTH, &cut) > 3);
        assert_string_equal(module_get(CTT_PC_MODULE(pcs[1]))->path, plugins[n % 3]);
        plugin_close(p);
    }
    atomic_store(&loading, false);
    for (unsigned n = 0; n < THREADS; n++)
        pthread_join(threads[n], NULL);
    assert_int_equal(differences, 0);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    plugins[0] = realpath(argv[1], NULL);
    plugins[1] = realpath(argv[2], NULL);
    plugins[2] = realpath(argv[3], NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_of_modules),       cmocka_unit_test(plugins_take_turns),
        cmocka_unit_test(unnoticed_close),        cmocka_unit_test(loops_cost_nothing),
        cmocka_unit_test(walk_while_closing),     cmocka_unit_test(twins_are_told_apart),
        cmocka_unit_test(threads_beside_loading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
