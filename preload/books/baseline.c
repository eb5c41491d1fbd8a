/* SPDX-License-Identifier: MIT */
#include "preload/books/baseline.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "preload/books/fdtable.h"
#include "preload/facts/stack.h"
#include "preload/ground/sys.h"

#define FDS_WITHOUT_PROC 256

static void fd_inherited(int fd)
{
    struct holding_copy known;
    if (fd_read(fd, &known))
        return; /* opened by a library's constructor, seen by a hook */
    /* The listing's own descriptor is closed by now, and is none. */
    if (sys_call(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) < 0)
        return;
    struct holding_copy h = holding_now(CTT_KIND_FD, DETAIL_NONE, (uint64_t)fd, STACK_NONE);
    h.acquired_ns = 0;
    h.flags = CTT_HOLDING_INHERITED | (fd <= 2 ? CTT_HOLDING_STDIO : 0);
    fd_enter(fd, &h);
}

#define LISTED_MAX 4096
struct listing {
    int count;
    int fds[LISTED_MAX];
};

static bool list_one(const char *name, void *arg)
{
    struct listing *listing = arg;
    listing->fds[listing->count++] = (int)text_read_u64(&name);
    return listing->count < LISTED_MAX;
}

void baseline_fds(void)
{
    static struct listing listing;
    listing.count = 0;
    if (sys_list("/proc/self/fd", list_one, &listing) < 0)
        for (int fd = 0; fd < FDS_WITHOUT_PROC; fd++)
            listing.fds[listing.count++] = fd;
    for (int i = 0; i < listing.count; i++)
        fd_inherited(listing.fds[i]);
}
