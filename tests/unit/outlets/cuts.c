// SPDX-License-Identifier: MIT
/*
 * Every transfer that blocks until all is through, each in a thread of its own,
 * over and over while the snapshot's signal comes to each thread: all of it must
 * be through, each byte once and in its place. hazard: D4
 *
 *     cuts SECONDS
 *
 * Prints the transfers that came back with a part, and bytes out of place; then
 * how many of both, and of transfers that never ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifdef BY_NUMBER
#include "by_number.h"
#endif

#define BYTES        (1u << 18) /* more than a pipe or a socket takes at once */
#define CHUNK        4096u
#define CHUNK_NS     100000
#define BUFFERS      5
#define MESSAGES     64 /* more than a socket queues */
#define DEVICE_BYTES (16u << 20)
#define FILE_BYTES   (16u << 20)
#define NS_PER_S     1000000000L

static atomic_bool over;
static atomic_int cut, misplaced;
static unsigned char pattern[BYTES];
static int device, sink, source;

/* One end is the transfer's, the other its slow peer's. */
struct channel {
    int near, far;
    unsigned char *bytes;
};

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){0, CHUNK_NS}, NULL);
}

static struct iovec *split(unsigned char *bytes, struct iovec parts[BUFFERS])
{
    size_t at = 0;
    for (size_t i = 0; i < BUFFERS; i++) {
        size_t length = i == BUFFERS - 1 ? BYTES - at : (i + 1) * (BYTES / 20) + i;
        parts[i] = (struct iovec){bytes + at, length};
        at += length;
    }
    return parts;
}

/* ---- out: the bytes are the pattern's ---- */

static ssize_t by_write(struct channel *to)
{
    return write(to->near, to->bytes, BYTES);
}

static ssize_t by_writev(struct channel *to)
{
    struct iovec parts[BUFFERS];
    return writev(to->near, split(to->bytes, parts), BUFFERS);
}

static ssize_t by_pwritev2(struct channel *to)
{
    struct iovec parts[BUFFERS];
    return pwritev2(to->near, split(to->bytes, parts), BUFFERS, -1, 0);
}

static ssize_t by_send(struct channel *to)
{
    return send(to->near, to->bytes, BYTES, 0);
}

static ssize_t by_sendto(struct channel *to)
{
    return sendto(to->near, to->bytes, BYTES, 0, NULL, 0);
}

static ssize_t by_sendmsg(struct channel *to)
{
    struct iovec parts[BUFFERS];
    struct msghdr message = {.msg_iov = split(to->bytes, parts), .msg_iovlen = BUFFERS};
    return sendmsg(to->near, &message, 0);
}

static ssize_t by_sendfile(struct channel *to)
{
    off_t from = 0;
    return sendfile(to->near, source, &from, BYTES);
}

/* ---- in ---- */

static ssize_t by_recv(struct channel *from)
{
    return recv(from->near, from->bytes, BYTES, MSG_WAITALL);
}

static ssize_t by_recvfrom(struct channel *from)
{
    return recvfrom(from->near, from->bytes, BYTES, MSG_WAITALL, NULL, NULL);
}

static ssize_t by_recvmsg(struct channel *from)
{
    struct iovec parts[BUFFERS];
    struct msghdr message = {.msg_iov = split(from->bytes, parts), .msg_iovlen = BUFFERS};
    return recvmsg(from->near, &message, MSG_WAITALL);
}

/* ---- whole messages: the first byte of each is its number ---- */

static struct mmsghdr *enumerate(unsigned char *bytes, struct iovec parts[MESSAGES],
                                 struct mmsghdr messages[MESSAGES])
{
    for (size_t i = 0; i < MESSAGES; i++) {
        parts[i] = (struct iovec){bytes + i, 1};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
    }
    return messages;
}

static ssize_t by_sendmmsg(struct channel *to)
{
    struct iovec parts[MESSAGES];
    struct mmsghdr messages[MESSAGES];
    return sendmmsg(to->near, enumerate(to->bytes, parts, messages), MESSAGES, 0);
}

static ssize_t by_recvmmsg(struct channel *from)
{
    struct iovec parts[MESSAGES];
    struct mmsghdr messages[MESSAGES];
    return recvmmsg(from->near, enumerate(from->bytes, parts, messages), MESSAGES, 0, NULL);
}

/* ---- without a peer ---- */

static ssize_t by_read(struct channel *none)
{
    return read(device, none->bytes, DEVICE_BYTES);
}

static struct iovec *split_evenly(unsigned char *bytes, struct iovec parts[BUFFERS])
{
    for (size_t i = 0; i < BUFFERS; i++)
        parts[i] = (struct iovec){bytes + i * (DEVICE_BYTES / BUFFERS),
                                  DEVICE_BYTES / BUFFERS +
                                      (i == BUFFERS - 1 ? DEVICE_BYTES % BUFFERS : 0)};
    return parts;
}

static ssize_t by_readv(struct channel *none)
{
    struct iovec parts[BUFFERS];
    return readv(device, split_evenly(none->bytes, parts), BUFFERS);
}

static ssize_t by_pread(struct channel *none)
{
    return pread(device, none->bytes, DEVICE_BYTES, BYTES);
}

static ssize_t by_preadv(struct channel *none)
{
    struct iovec parts[BUFFERS];
    return preadv(device, split_evenly(none->bytes, parts), BUFFERS, 0);
}

static ssize_t by_preadv2(struct channel *none)
{
    struct iovec parts[BUFFERS];
    return preadv2(device, split_evenly(none->bytes, parts), BUFFERS, -1, 0);
}

static ssize_t by_pwrite(struct channel *none)
{
    return pwrite(sink, none->bytes, DEVICE_BYTES, BYTES);
}

static ssize_t by_pwritev(struct channel *none)
{
    struct iovec parts[BUFFERS];
    return pwritev(sink, split_evenly(none->bytes, parts), BUFFERS, 0);
}

static ssize_t by_getrandom(struct channel *none)
{
    return getrandom(none->bytes, DEVICE_BYTES, 0);
}

static ssize_t by_copy_file_range(struct channel *none)
{
    off64_t from = 0, to = 0;
    return copy_file_range(source, &from, none->near, &to, FILE_BYTES, 0);
}

static ssize_t by_sendfile_to_file(struct channel *none)
{
    off_t from = 0;
    lseek(none->near, 0, SEEK_SET);
    return sendfile(none->near, source, &from, FILE_BYTES);
}

enum peer { NONE, DRAINS, FEEDS };
enum sort { PIPE, STREAM, DATAGRAM, DEVICE, COPY };

static struct cut_case {
    const char *name;
    ssize_t (*transfer)(struct channel *);
    ssize_t whole;
    enum sort sort;
    enum peer peer;
    struct channel channel;
    atomic_int rounds;
} cases[] = {
    {"write", by_write, BYTES, PIPE, DRAINS, {0}, 0},
    {"write into a socket", by_write, BYTES, STREAM, DRAINS, {0}, 0},
    {"writev", by_writev, BYTES, PIPE, DRAINS, {0}, 0},
    {"pwritev2", by_pwritev2, BYTES, PIPE, DRAINS, {0}, 0},
    {"send", by_send, BYTES, STREAM, DRAINS, {0}, 0},
    {"sendto", by_sendto, BYTES, STREAM, DRAINS, {0}, 0},
    {"sendmsg", by_sendmsg, BYTES, STREAM, DRAINS, {0}, 0},
    {"sendfile", by_sendfile, BYTES, STREAM, DRAINS, {0}, 0},
    {"recv", by_recv, BYTES, STREAM, FEEDS, {0}, 0},
    {"recvfrom", by_recvfrom, BYTES, STREAM, FEEDS, {0}, 0},
    {"recvmsg", by_recvmsg, BYTES, STREAM, FEEDS, {0}, 0},
    {"sendmmsg", by_sendmmsg, MESSAGES, DATAGRAM, DRAINS, {0}, 0},
    {"recvmmsg", by_recvmmsg, MESSAGES, DATAGRAM, FEEDS, {0}, 0},
    {"read", by_read, DEVICE_BYTES, DEVICE, NONE, {0}, 0},
    {"readv", by_readv, DEVICE_BYTES, DEVICE, NONE, {0}, 0},
    {"pread", by_pread, DEVICE_BYTES, DEVICE, NONE, {0}, 0},
    {"preadv", by_preadv, DEVICE_BYTES, DEVICE, NONE, {0}, 0},
    {"preadv2", by_preadv2, DEVICE_BYTES, DEVICE, NONE, {0}, 0},
    {"pwrite", by_pwrite, DEVICE_BYTES, DEVICE, NONE, {0}, 0},
    {"pwritev", by_pwritev, DEVICE_BYTES, DEVICE, NONE, {0}, 0},
    {"getrandom", by_getrandom, DEVICE_BYTES, DEVICE, NONE, {0}, 0},
    {"copy_file_range", by_copy_file_range, FILE_BYTES, COPY, NONE, {0}, 0},
    {"sendfile into a file", by_sendfile_to_file, FILE_BYTES, COPY, NONE, {0}, 0},
};
#define CASES (sizeof cases / sizeof *cases)

static void *transfer_often(void *arg)
{
    struct cut_case *self = arg;
    while (!over) {
        ssize_t result = self->transfer(&self->channel);
        if (result != self->whole) {
            cut++;
            printf("cut %s: %zd, %s\n", self->name, result, result < 0 ? strerror(errno) : "");
            break; /* its peer counts on whole ones */
        }
        if (self->peer == FEEDS && memcmp(self->channel.bytes, pattern, (size_t)self->whole) != 0) {
            misplaced++;
            printf("misplaced %s\n", self->name);
        }
        self->rounds++;
    }
    if (self->peer != NONE)
        close(self->channel.near);
    return NULL;
}

/* The bytes go round in the pattern; each message is one of them. */
static void *drain(void *arg)
{
    struct cut_case *self = arg;
    unsigned char bytes[CHUNK];
    size_t at = 0, round = (size_t)self->whole;
    for (;;) {
        size_t room = round - at < CHUNK ? round - at : CHUNK;
        ssize_t result = read(self->channel.far, bytes, room);
        if (result <= 0)
            break;
        if (memcmp(bytes, pattern + at, (size_t)result) != 0) {
            misplaced++;
            printf("misplaced %s at %zu\n", self->name, at);
            break;
        }
        at = (at + (size_t)result) % round;
        pause_shortly();
    }
    close(self->channel.far);
    return NULL;
}

static void *feed(void *arg)
{
    struct cut_case *self = arg;
    size_t at = 0, round = (size_t)self->whole;
    size_t chunk = self->sort == DATAGRAM ? 1 : CHUNK;
    ssize_t result;
    while ((result = send(self->channel.far, pattern + at, chunk, MSG_NOSIGNAL)) > 0) {
        at = (at + (size_t)result) % round;
        pause_shortly();
    }
    close(self->channel.far);
    return NULL;
}

static bool channel_make(struct cut_case *self)
{
    int ends[2] = {-1, -1};
    self->channel.bytes = self->peer == DRAINS ? pattern : malloc(DEVICE_BYTES);
    if (self->sort == PIPE && pipe(ends) < 0)
        return false;
    if ((self->sort == STREAM || self->sort == DATAGRAM) &&
        socketpair(AF_UNIX, self->sort == STREAM ? SOCK_STREAM : SOCK_SEQPACKET, 0, ends) < 0)
        return false;
    if (self->sort == COPY)
        ends[1] = memfd_create("copy", MFD_CLOEXEC);
    self->channel.near = ends[1];
    self->channel.far = ends[0];
    return true;
}

static bool source_make(void)
{
    for (size_t i = 0; i < BYTES; i++)
        pattern[i] = (unsigned char)(i % 251 + i / 251);
    device = open("/dev/zero", O_RDONLY);
    sink = open("/dev/urandom", O_WRONLY);
    source = memfd_create("source", MFD_CLOEXEC);
    for (size_t at = 0; at < FILE_BYTES; at += BYTES)
        if (write(source, pattern, BYTES) != BYTES)
            return false;
    return device >= 0 && sink >= 0;
}

static void run_for(long seconds)
{
    struct timespec now, begun;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    do {
        pause_shortly();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - begun.tv_sec) * NS_PER_S + now.tv_nsec - begun.tv_nsec <
             seconds * NS_PER_S);
    over = true;
}

int main(int argc, char **argv)
{
    pthread_t threads[CASES], peers[CASES];
    int idle = 0;
    if (argc != 2 || !source_make())
        return 1;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < CASES; i++) {
        if (!channel_make(&cases[i]))
            return 1;
        pthread_create(&threads[i], NULL, transfer_often, &cases[i]);
        if (cases[i].peer != NONE)
            pthread_create(&peers[i], NULL, cases[i].peer == DRAINS ? drain : feed, &cases[i]);
    }
    puts("ready");
    fflush(stdout);
    run_for(atoi(argv[1]));
    for (size_t i = 0; i < CASES; i++) {
        pthread_join(threads[i], NULL);
        if (cases[i].peer != NONE)
            pthread_join(peers[i], NULL);
        idle += cases[i].rounds == 0;
    }
    printf("cut %d misplaced %d idle %d\n", cut, misplaced, idle);
    return cut || misplaced || idle;
}
