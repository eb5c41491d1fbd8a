/* SPDX-License-Identifier: MIT */
/*
 * A device is opened and asked for its version. When that is not the one that the library was made
 * for, the handle is freed, and the descriptor in it is not closed.
 *
 * seen: NVIDIA/gdrcopy#125 gdr_open() left its descriptor when the versions did not match
 * expect: pile-up fd 20 "open_device < open_driver < main" severity=warning
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../leaks.h"

struct driver {
    int fd, version;
};

NOINLINE static int open_device(void)
{
    return open("/dev/zero", O_RDONLY | O_CLOEXEC);
}

NOINLINE static struct driver *open_driver(void)
{
    struct driver *driver = calloc(1, sizeof(*driver));

    if (!driver)
        exit(1);
    driver->fd = open_device();
    read(driver->fd, &driver->version, sizeof(driver->version));
    if (driver->version == 2)
        return driver;
    if (IS_FIXED)
        close(driver->fd);
    free(driver);
    return NULL;
}

int main(void)
{
    int opened = 0;

    for (int turn = 0; turn < 20; turn++)
        opened += open_driver() != NULL;
    printf("%d opened\n", opened);
    return 0;
}
