// SPDX-License-Identifier: MIT
/* Waits at sockets with a time limit of their own, and for requests in flight. */
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef BY_NUMBER
#include "by_number.h"
#endif
#include "waits.h"

static int idle_pipe[2], stuffed_pipe[2], zeros;
static int empty[2], full[2], listener;
static struct aiocb idle_read;
static struct gaicb stuck_query;

static int do_recv(void)
{
    char byte;
    return until_timeout((int)recv(empty[0], &byte, 1, 0));
}

static int do_read(void)
{
    char byte;
    return until_timeout((int)read(empty[0], &byte, 1));
}

static int do_preadv2(void)
{
    char byte;
    struct iovec part = {&byte, 1};
    return until_timeout((int)preadv2(empty[0], &part, 1, -1, 0));
}

static int do_pwritev2(void)
{
    char byte = 0;
    struct iovec part = {&byte, 1};
    return until_timeout((int)pwritev2(full[0], &part, 1, -1, 0));
}

static int do_recvmsg(void)
{
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return until_timeout((int)recvmsg(empty[0], &message, 0));
}

static int do_accept(void)
{
    return until_timeout(accept(listener, NULL, NULL));
}

static int do_send(void)
{
    return until_timeout((int)send(full[0], "", 1, 0));
}

static int do_sendfile(void)
{
    return until_timeout((int)sendfile(full[0], zeros, NULL, 1));
}

static int do_splice_in(void)
{
    return until_timeout((int)splice(empty[0], NULL, idle_pipe[1], NULL, 1, 0));
}

static int do_splice_out(void)
{
    return until_timeout((int)splice(stuffed_pipe[0], NULL, full[0], NULL, 1, 0));
}

static int do_aio_suspend(void)
{
    const struct aiocb *list[] = {&idle_read};
    return until_timeout(aio_suspend(list, 1, &wait_time));
}

/* So many that libc's entries for them take more room than a signal frame. */
static int do_aio_suspend_many(void)
{
    const struct aiocb *list[50] = {&idle_read};
    return until_timeout(aio_suspend(list, sizeof list / sizeof *list, &wait_time));
}

static int do_gai_suspend(void)
{
    const struct gaicb *list[] = {&stuck_query};
    int result = gai_suspend(list, 1, &wait_time);
    /* The manual says EAI_AGAIN when the time is over, libc EAI_SYSTEM. */
    return result == EAI_AGAIN || result == EAI_SYSTEM ? 0 : result == EAI_INTR ? -1 : 1;
}

#ifdef BY_NUMBER
/* syscall() is no point of cancellation: neither may we be one. */
static int do_recv_doomed(void)
{
    pthread_cancel(pthread_self());
    return do_recv();
}
#endif

struct wait_case socket_waits[] = {
    {"recv", do_recv, WAIT_NS, 0},
    {"read", do_read, WAIT_NS, 0},
    {"preadv2", do_preadv2, WAIT_NS, 0},
    {"pwritev2", do_pwritev2, WAIT_NS, 0},
    {"recvmsg", do_recvmsg, WAIT_NS, 0},
    {"accept", do_accept, WAIT_NS, 0},
    {"send", do_send, WAIT_NS, 0},
    {"sendfile", do_sendfile, WAIT_NS, 0},
    {"splice from a socket", do_splice_in, WAIT_NS, 0},
    {"splice into a socket", do_splice_out, WAIT_NS, 0},
    {"aio_suspend", do_aio_suspend, WAIT_NS, 0},
    {"aio_suspend of many", do_aio_suspend_many, WAIT_NS, 0},
    {"gai_suspend", do_gai_suspend, WAIT_NS, 0},
#ifdef BY_NUMBER
    {"recv of a cancelled thread", do_recv_doomed, WAIT_NS, 0},
#endif
    {0},
};

static void sockets_make(void)
{
    const struct timeval limit = {0, WAIT_NS / 1000};
    char bytes[4096] = {0};
    socketpair(AF_UNIX, SOCK_STREAM, 0, empty);
    socketpair(AF_UNIX, SOCK_STREAM, 0, full);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(listener, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t));
    listen(listener, 1);
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(empty[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(full[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    while (send(full[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

/* A read that nothing comes for, and a look-up that opens a FIFO which nobody
 * writes: neither ends before the process. */
static void requests_make(const char *fifo)
{
    static char byte;
    struct gaicb *list[] = {&stuck_query};
    idle_read =
        (struct aiocb){.aio_fildes = idle_pipe[0], .aio_buf = &byte, .aio_nbytes = sizeof byte};
    aio_read(&idle_read);
    mkfifo(fifo, 0600);
    setenv("HOSTALIASES", fifo, 1);
    stuck_query.ar_name = "nowhere";
    getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
}

void socket_waits_begin(const char *fifo)
{
    if (pipe(idle_pipe) < 0 || pipe(stuffed_pipe) < 0 || write(stuffed_pipe[1], "", 1) != 1)
        abort();
    zeros = open("/dev/zero", O_RDONLY);
    sockets_make();
    requests_make(fifo);
}

void socket_waits_end(void)
{
    close(zeros);
    for (int end = 0; end < 2; end++) {
        close(idle_pipe[end]);
        close(stuffed_pipe[end]);
        close(empty[end]);
        close(full[end]);
    }
    close(listener);
}
