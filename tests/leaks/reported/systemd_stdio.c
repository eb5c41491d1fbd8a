/* SPDX-License-Identifier: MIT */
/*
 * The three descriptors of a service are closed together, unless there is nothing to close: that
 * is asked of the first, the second, and of the second again.
 *
 * seen: systemd/systemd#32597 the check asked for stdout twice, and stderr's descriptor stayed
 * expect: pile-up fd 18 "open_error < run_service < main" severity=warning
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../leaks.h"

struct service {
    int input, output, error;
};

NOINLINE static int open_error(void)
{
    return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static void close_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

NOINLINE static void release_stdio(struct service *service)
{
    int last = IS_FIXED ? service->error : service->output;

    if (service->input < 0 && service->output < 0 && last < 0)
        return;
    close_open(service->input);
    close_open(service->output);
    close_open(service->error);
}

NOINLINE static void run_service(void)
{
    struct service service = {.input = -1, .output = -1, .error = open_error()};

    release_stdio(&service);
}

int main(void)
{
    for (int service = 0; service < 18; service++)
        run_service();
    puts("18 services");
    return 0;
}
