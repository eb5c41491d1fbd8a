/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that wait for something: epoll sets, counters, timers, signals,
 * file system watches, processes.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "preload/hooks/family.h"

FD_FAMILY(epoll, CTT_KIND_EVENT, DETAIL_EPOLL)
FD_FAMILY(eventfd, CTT_KIND_EVENT, DETAIL_EVENTFD)
FD_FAMILY(timerfd, CTT_KIND_EVENT, DETAIL_TIMERFD)
FD_FAMILY(inotify, CTT_KIND_EVENT, DETAIL_INOTIFY)
FD_FAMILY(fanotify, CTT_KIND_EVENT, DETAIL_FANOTIFY)
FD_FAMILY(pidfd, CTT_KIND_EVENT, DETAIL_PIDFD)
FD_FAMILY(fetched, CTT_KIND_FD, DETAIL_NONE)

ACQUIRES(epoll, int, epoll_create, (int size), (size))
ACQUIRES(epoll, int, epoll_create1, (int flags), (flags))
ACQUIRES(eventfd, int, eventfd, (unsigned count, int flags), (count, flags))
ACQUIRES(timerfd, int, timerfd_create, (clockid_t clock, int flags), (clock, flags))
ACQUIRES(inotify, int, inotify_init, (void), ())
ACQUIRES(inotify, int, inotify_init1, (int flags), (flags))
ACQUIRES(fanotify, int, fanotify_init, (unsigned flags, unsigned event_flags), (flags, event_flags))
ACQUIRES(pidfd, int, pidfd_open, (pid_t pid, unsigned flags), (pid, flags))
ACQUIRES(fetched, int, pidfd_getfd, (int pidfd, int fd, unsigned flags), (pidfd, fd, flags))

/* With a descriptor given it changes that one's mask and returns it. */
HOOK(signalfd);
HOOK_EXPORT int signalfd(int fd, const sigset_t *mask, int flags)
{
    int result = REAL(signalfd)(fd, mask, flags);
    if (fd == -1 && guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        descriptor_acquired(&hook_signalfd, &site, result, CTT_KIND_EVENT, DETAIL_SIGNALFD);
    }
    return result;
}
