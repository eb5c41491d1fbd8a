/* SPDX-License-Identifier: MIT */
/*
 * What failed calls give, used all the same: one way by argument. The twin looks at the
 * result, and does what sound programs do with such values.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static char room[16];
static const char missing[] = "/nonexistent/file";

/* ---- -1 as a descriptor ---- */

__attribute__((noinline, unused)) static void clean_up(int fd)
{
    int set = epoll_create1(EPOLL_CLOEXEC);

    epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL);
    shutdown(fd, SHUT_RDWR);
    if (fcntl(fd, F_GETFD) < 0 && !fdopen(fd, "r"))
        close(fd);
    close(set);
}

__attribute__((noinline, unused)) static void use_descriptor(int fd)
{
    struct sockaddr address = {.sa_family = AF_UNIX};
    struct iovec part = {room, sizeof room};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(EPOLL_CLOEXEC);

    (void)!read(fd, room, sizeof room);
    (void)!write(fd, room, sizeof room);
    (void)!readv(fd, &part, 1);
    (void)!sendfile(1, fd, NULL, 1);
    sendmsg(fd, &message, 0);
    recvmsg(fd, &message, 0);
    bind(fd, &address, sizeof address);
    listen(fd, 1);
    connect(fd, &address, sizeof address);
    accept(fd, NULL, NULL);
    epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
    mmap(NULL, sizeof room, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)!dup(fd);
    dup2(fd, 0);
    close(set);
}

static int ignore_descriptor(void)
{
    int fd = open(missing, O_RDONLY | O_CLOEXEC);

#ifdef FIXED
    clean_up(fd);
#else
    use_descriptor(fd);
    use_descriptor(socket(-1, SOCK_STREAM | SOCK_CLOEXEC, 0));
#endif
    return 0;
}

/* One that expects its file to be missing, and another that was closed already: what it
 * reads tells it so. */
__attribute__((noinline)) static void open_optional(void)
{
    int fd = open(missing, O_RDONLY | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
}

__attribute__((noinline, unused)) static void read_closed(void)
{
    volatile int fd = -1;

    (void)!read(fd, room, sizeof room);
}

__attribute__((noinline)) static void each_handler(void (*const *handlers)(void))
{
    while (*handlers)
        (*handlers++)();
}

/* Somewhere far inside, where it is dealt with. */
__attribute__((noinline)) static int open_inside(int depth)
{
    volatile int fd = depth > 0 ? open_inside(depth - 1) : open(missing, O_RDONLY | O_CLOEXEC);

    return fd;
}

static int ignore_deep(void)
{
    open_inside(5);
#ifndef FIXED
    read_closed();
#endif
    return 0;
}

static int ignore_other(void)
{
#ifdef FIXED
    each_handler((void (*const[])(void)){open_optional, NULL});
#else
    each_handler((void (*const[])(void)){open_optional, read_closed, NULL});
#endif
    return 0;
}

/* ---- -1 as a count ---- */

__attribute__((noinline)) static void copy_out(int to, ssize_t count)
{
#ifdef FIXED
    if (count < 0)
        return;
#endif
    (void)!write(to, room, (size_t)count);
}

static int ignore_count(void)
{
    int from = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int to = open("/dev/null", O_WRONLY | O_CLOEXEC);

    copy_out(to, read(from, room, sizeof room));
    close(from);
    close(to);
    return 0;
}

/* ---- NULL ---- */

struct large {
    char head[1000];
    volatile int member;
};

__attribute__((noinline)) static struct large *get_large(void)
{
    volatile size_t bytes = SIZE_MAX / 2; /* what no allocator has */

    return malloc(bytes);
}

__attribute__((noinline)) static void set_member(struct large *large)
{
#ifdef FIXED
    if (!large)
        abort();
#endif
    large->member = 1;
}

__attribute__((noinline)) static void set_member_of_mapping(struct large *large)
{
#ifdef FIXED
    if (large == MAP_FAILED)
        abort();
#endif
    large->member = 1;
}

static int ignore_memory(void)
{
    set_member(get_large());
    return 0;
}

__attribute__((noinline)) static int first_byte(FILE *file)
{
#ifdef FIXED
    if (!file)
        abort();
#endif
    return fgetc(file);
}

static int ignore_stream(void)
{
    return first_byte(fopen(missing, "re"));
}

static int ignore_directory(void)
{
    DIR *directory = opendir(missing);

#ifdef FIXED
    if (!directory)
        abort();
#endif
    return readdir(directory) != NULL;
}

/* A fault near 0 of another sort: an optional file is not there, and rightly so. */
static int ignore_nothing(void)
{
    struct large *volatile nothing = NULL;
    FILE *file = fopen(missing, "re");

    if (file)
        fclose(file);
#ifdef FIXED
    abort();
#endif
    nothing->member = 1;
    return 0;
}

/* More than there is address space. */
__attribute__((noinline)) static struct large *map_large(void)
{
    return mmap(NULL, (size_t)1 << 60, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int ignore_mapping(void)
{
    set_member_of_mapping(map_large());
    return 0;
}

/* One that was not given, and rightly not; what is at NULL is of something else. */
static int ignore_probe(void)
{
    struct large *volatile nothing = NULL;

    if (map_large() != MAP_FAILED)
        return 1;
#ifdef FIXED
    abort();
#endif
    nothing->member = 1;
    return 0;
}

/* No member is so far from the beginning. */
static int ignore_far(void)
{
    volatile char *far = (volatile char *)get_large() + (64 << 10);

#ifdef FIXED
    abort();
#endif
    *far = 1;
    return 0;
}

/* With no stack left to look at. */
__attribute__((noinline)) static void fault_off_stack(void)
{
#ifdef FIXED
    abort();
#endif
    __asm__ volatile("mov $8, %rsp\n\tpush %rax\n\tud2");
}

static int ignore_off_stack(void)
{
    if (!get_large())
        fault_off_stack();
    return 0;
}

/* ---- the handle of no thread ---- */

static void *nothing(void *unused)
{
    return unused;
}

/* A guard of this size is refused. */
__attribute__((noinline)) static int start_guarded(pthread_t *thread)
{
    pthread_attr_t attributes;
    int error;

    pthread_attr_init(&attributes);
    pthread_attr_setguardsize(&attributes, SIZE_MAX);
    error = pthread_create(thread, &attributes, nothing, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

static int ignore_thread(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, nothing, NULL);
    pthread_join(thread, NULL);
#ifdef FIXED
    if (start_guarded(&thread) != 0)
        return 0;
#else
    start_guarded(&thread);
#endif
    return pthread_join(thread, NULL) != 0;
}

static const struct way {
    const char *name;
    int (*run)(void);
} ways[] = {
    {"descriptor", ignore_descriptor},
    {"other", ignore_other},
    {"deep", ignore_deep},
    {"count", ignore_count},
    {"memory", ignore_memory},
    {"stream", ignore_stream},
    {"directory", ignore_directory},
    {"nothing", ignore_nothing},
    {"thread", ignore_thread},
    {"far", ignore_far},
    {"mapping", ignore_mapping},
    {"probe", ignore_probe},
    {"off_stack", ignore_off_stack},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (argc > 1 && strcmp(argv[1], ways[i].name) == 0)
            return ways[i].run();
    }
    return 64;
}
