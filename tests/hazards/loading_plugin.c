/* SPDX-License-Identifier: MIT */
/* Acquires and releases in its constructor and destructor, under the loader's lock. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void acquire_and_release(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    free(realloc(malloc(50), 5000));
    close(fd);
}

__attribute__((constructor)) static void plugin_begin(void)
{
    acquire_and_release();
}

__attribute__((destructor)) static void plugin_end(void)
{
    acquire_and_release();
}

/* Calls back from an address that is somebody else's after the next dlclose. */
void plugin_call(void (*function)(void));
void plugin_call(void (*function)(void))
{
    function();
    acquire_and_release();
}
