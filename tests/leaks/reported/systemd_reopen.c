/* SPDX-License-Identifier: MIT */
/*
 * A server is stopped and started again; its folder is opened again, too, and the number of the old
 * descriptor is written over.
 *
 * seen: systemd/systemd#32252 networkd left one for each restart of its DHCP server
 * expect: pile-up fd 19 "open_folder < set_lease_folder < start < main" severity=warning
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../leaks.h"

struct server {
    int folder, is_running;
};

NOINLINE static int open_folder(const char *path)
{
    return open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
}

NOINLINE static void set_lease_folder(struct server *server, const char *path)
{
    if (IS_FIXED && server->folder >= 0)
        close(server->folder);
    server->folder = open_folder(path);
}

NOINLINE static void start(struct server *server)
{
    set_lease_folder(server, "/");
    server->is_running = 1;
}

static void stop(struct server *server)
{
    server->is_running = 0;
}

int main(void)
{
    struct server server = {.folder = -1};

    for (int turn = 0; turn < 20; turn++) {
        start(&server);
        stop(&server);
    }
    close(server.folder);
    puts("started 20 times");
    return 0;
}
