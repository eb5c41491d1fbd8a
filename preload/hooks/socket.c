/* SPDX-License-Identifier: MIT */
/*
 * Sockets: made, accepted, and descriptors that arrive through one (E5).
 */
#include <errno.h>
#include <sys/socket.h>

#include "preload/hooks/family.h"
#include "preload/hooks/transfer.h"

/* Exported by libc for its own libraries. */
int __socket(int domain, int type, int protocol);

static enum holding_detail socket_detail(int domain, int type)
{
    int sort = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
    switch (domain) {
    case AF_UNIX:
        return DETAIL_UNIX;
    case AF_NETLINK:
        return DETAIL_NETLINK;
    case AF_INET:
    case AF_INET6:
        return sort == SOCK_STREAM ? DETAIL_TCP : sort == SOCK_DGRAM ? DETAIL_UDP : DETAIL_SOCKET;
    default:
        return DETAIL_SOCKET;
    }
}

#define MAKES_SOCKET(function)                                                                     \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function(int domain, int type, int protocol)                                   \
    {                                                                                              \
        int fd = REAL(function)(domain, type, protocol);                                           \
        if (guard_may_record(GUARD_FRAME())) {                                                     \
            struct call_site site = CALL_SITE();                                                   \
            descriptor_acquired(&hook_##function, &site, fd, CTT_KIND_SOCKET,                      \
                                socket_detail(domain, type));                                      \
        }                                                                                          \
        return fd;                                                                                 \
    }

MAKES_SOCKET(socket)
MAKES_SOCKET(__socket)

HOOK(socketpair);
HOOK_EXPORT int socketpair(int domain, int type, int protocol, int ends[2])
{
    int result = REAL(socketpair)(domain, type, protocol, ends);
    if (guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        enum holding_detail detail = socket_detail(domain, type);
        descriptors_acquired(&hook_socketpair, &site, result, ends, CTT_KIND_SOCKET, detail,
                             detail);
    }
    return result;
}

/* ---- accepted: of the listener's sort ---- */

static void accepted(struct hook *hook, const struct call_site *site, int listener, int fd)
{
    struct holding_copy known;
    enum holding_detail detail = fd_read(listener, &known) ? known.detail : DETAIL_SOCKET;
    fd_used(listener);
    if (fd < 0)
        fd_missing(hook, site, listener);
    descriptor_acquired(hook, site, fd, CTT_KIND_SOCKET, detail);
}

#define ACCEPTS(function, params, args)                                                            \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        TRANSFER(int, function, args, listener, POLLIN);                                           \
        if (guard_may_record(GUARD_FRAME())) {                                                     \
            struct call_site site = CALL_SITE();                                                   \
            accepted(&hook_##function, &site, listener, result);                                   \
        }                                                                                          \
        return result;                                                                             \
    }

ACCEPTS(accept, (int listener, __SOCKADDR_ARG address, socklen_t *restrict length),
        (listener, address, length))
ACCEPTS(accept4, (int listener, __SOCKADDR_ARG address, socklen_t *restrict length, int flags),
        (listener, address, length, flags))

/* ---- descriptors that come and go with messages ---- */

static void rights_each(const struct msghdr *message, void (*each)(int fd, void *arg), void *arg)
{
    if (!message->msg_controllen)
        return;
    struct cmsghdr *part = CMSG_FIRSTHDR(message);
    for (; part; part = CMSG_NXTHDR((struct msghdr *)message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            __builtin_memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
            each(fd, arg);
        }
    }
}

struct receiving {
    struct hook *hook;
    const struct call_site *site;
};

static void received(int fd, void *arg)
{
    const struct receiving *receiving = arg;
    descriptor_enter(fd, CTT_KIND_FD, DETAIL_NONE, family_stack(receiving->hook, receiving->site));
}

void message_received(struct hook *hook, const struct call_site *site, const struct msghdr *message)
{
    struct receiving receiving = {hook, site};
    rights_each(message, received, &receiving);
}

static void sent(int fd, void *unused)
{
    (void)unused;
    fd_set_flags(fd, CTT_HOLDING_SENT, 0);
}

void message_sent(const struct msghdr *message)
{
    rights_each(message, sent, NULL);
}

HOOK(recvmsg);
HOOK_EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    TRANSFER_BEGIN(flags & MSG_WAITALL);
    struct buffers buffers;
    struct msghdr rest;
    ssize_t result;
    do
        result =
            REAL(recvmsg)(fd, transfer.done ? transfer_message(&buffers, &rest) : message, flags);
    while (TRANSFER_BUFFERS_ARE_DUE(result, fd, POLLIN, &buffers, message->msg_iov,
                                    message->msg_iovlen,
                                    result < 0 || transfer_receives_message(fd, flags, message)));
    result = transfer_end(&transfer, result);
    FD_USED(recvmsg, fd, result, POLLIN, 0);
    if (result >= 0 && guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        message_received(&hook_recvmsg, &site, message);
    }
    return result;
}

HOOK(recvmmsg);
HOOK_EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                         struct timespec *timeout)
{
    TRANSFER_BEGIN(!(flags & MSG_WAITFORONE));
    int result;
    do {
        struct mmsghdr *left = messages + transfer.done;
        unsigned count_left = count - (unsigned)transfer.done;
        result = REAL(recvmmsg)(fd, left, count_left, flags, timeout);
        if (messages_kept_error(&transfer, result))
            result = REAL(recvmmsg)(fd, left, count_left, flags, timeout);
    } while (TRANSFER_IS_DUE(result, fd, POLLIN, flags & MSG_WAITFORONE ? 0 : count));
    result = (int)transfer_end(&transfer, result);
    if (guard_may_record(GUARD_FRAME())) {
        fd_used(fd);
        struct call_site site = CALL_SITE();
        for (int i = 0; i < result; i++)
            message_received(&hook_recvmmsg, &site, &messages[i].msg_hdr);
    }
    return result;
}
