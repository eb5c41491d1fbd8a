/* SPDX-License-Identifier: MIT */
/*
 * A program that exports its libctx, and needs little of it, with a plugin that has its own
 * (unloaded_plugin.c): the plugin calls the program's, so that has to be there as a whole.
 * Argument: the plugin.
 */
#include "unit.h"

#include <dlfcn.h>

static const char *path;

static void count_up(void *count)
{
    ++*(int *)count;
}

static void cleanups_run_where_it_fails(void **state)
{
    (void)state;
    int count = 0;
    {
        ctx_defer(count_up, &count);
    }
    void *plugin = dlopen(path, RTLD_NOW);
    assert_non_null(plugin);
    void *found = dlsym(plugin, "plugin_that_fails");
    int (*call)(int *) = NULL;
    memcpy(&call, &found, sizeof call);
    assert_non_null(call);
    assert_int_equal(call(&count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_CLEANUPS_SKIPPED), 0);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    path = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(cleanups_run_where_it_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
