/* SPDX-License-Identifier: MIT */
/*
 * A plugin is loaded, leaks, and is unloaded before the program ends: the code that leaked is not
 * mapped any more when somebody asks which function it was. And what only the plugin's own globals
 * pointed to is lost with them.
 *
 * lsan, valgrind: the blocks, but no function of the plugin any more
 * expect: unreachable memory 3 "plugin_work < use_plugin < main" bytes=168
 * expect: unreachable memory 1 "plugin_start < use_plugin < main" bytes=56
 */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "../leaks.h"

typedef int plugin_function(void);

static plugin_function *find(void *plugin, const char *name)
{
    plugin_function *function;

    *(void **)&function = dlsym(plugin, name);
    return function;
}

NOINLINE static int use_plugin(const char *path)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int sum;

    if (!plugin) {
        puts(dlerror());
        return -1;
    }
    sum = find(plugin, "plugin_start")();
    sum += find(plugin, "plugin_work")();
    sum += find(plugin, "plugin_stop")();
    dlclose(plugin);
    return sum;
}

int main(void)
{
    char program[4096] = "", path[4200];

    /* It lies beside the program, and begins with its name. */
    if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
        return 1;
    snprintf(path, sizeof(path), "%s_library.so", program);
    printf("%d\n", use_plugin(path));
    return 0;
}
