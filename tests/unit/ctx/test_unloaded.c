/* SPDX-License-Identifier: MIT */
/*
 * A plugin with its own libctx (unloaded_plugin.c), which is unloaded as soon as its work is done:
 * one that has made threads is still there then, for those that are on their way out of it.
 * The program itself has no libctx. Arguments: the plugin, and
 * whether it makes a "thread" or has a "helper".
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

typedef int work(int *count);

static const char *path;
static int count; /* what is on its way out may come to it later */

static bool is_loaded(void)
{
    void *plugin = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    if (plugin)
        dlclose(plugin);
    return plugin;
}

static void load_work_unload(const char *name)
{
    void *plugin = dlopen(path, RTLD_NOW);
    assert_non_null(plugin);
    void *found = dlsym(plugin, name);
    work *call = NULL;
    memcpy(&call, &found, sizeof call);
    assert_non_null(call);
    count = 0;
    assert_int_equal(call(&count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(dlclose(plugin), 0);
}

static void without_threads_it_goes(void **state)
{
    (void)state;
    load_work_unload("plugin_without_threads");
    assert_false(is_loaded());
}

static void with_a_thread_it_stays(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        load_work_unload("plugin_with_thread");
        assert_true(is_loaded());
    }
}

/* In a process of its own: the plugin stays. */
static void with_a_helper_it_stays(void **state)
{
    (void)state;
    load_work_unload("plugin_with_helper");
    assert_true(is_loaded());
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_threads_it_goes),
        cmocka_unit_test(with_a_thread_it_stays),
    };
    const struct CMUnitTest other[] = {cmocka_unit_test(with_a_helper_it_stays)};
    return strcmp(argv[2], "helper") == 0 ? cmocka_run_group_tests(other, NULL, NULL)
                                          : cmocka_run_group_tests(tests, NULL, NULL);
}
