/* SPDX-License-Identifier: MIT */
/*
 * Hazards of the data itself: numbers and addresses used again, descriptors closed or
 * received unseen, realloc against free, streams that take descriptors over. The cases
 * release all that they acquire: the tracker has to stay silent.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cases.h"

enum { THREADS = 4, ROUNDS = 20000, BUSY_THREADS = 50 };

/* hazard: E1, 0.7: closed numbers are somebody else's at once. */
static void *open_and_close(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        close(fd);
    }
    return unused;
}

static int run_threads(void *(*work)(void *))
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    puts("joined");
    return 0;
}

static int run_reused_numbers(void)
{
    return run_threads(open_and_close);
}

/* hazard: E2: the old address is another thread's before realloc has returned. */
static void *resize_and_free(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        void *block = malloc((size_t)(i % 400 + 1));
        void *moved = realloc(block, (size_t)(i % 7000 + 1));

        free(moved);
    }
    return unused;
}

static int run_realloc_race(void)
{
    return run_threads(resize_and_free);
}

/* hazard: E4: closed without close(). */
static int run_implicit_closes(void)
{
    int one = open("/etc/passwd", O_RDONLY), other = open("/dev/null", O_RDONLY);

    dup2(one, other);
    dup3(one, 50, O_CLOEXEC);
    syscall(SYS_close, one);
    one = open("/dev/zero", O_RDONLY);
    close_range(50, 60, 0);
    closefrom(3);
    printf("%d\n", open("/dev/null", O_RDONLY));
    close(3);
    return 0;
}

/* hazard: E5, F7: a descriptor that came through a socket, and the close of a number
 * never opened, as daemons do it for a whole range: neither is a mishap. */
static int run_received(void)
{
    char room[CMSG_SPACE(sizeof(int))] = {0}, byte = 'x';
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int pair[2], fd = open("/etc/passwd", O_RDONLY), received;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return 1;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    if (sendmsg(pair[0], &message, 0) != 1 || recvmsg(pair[1], &message, 0) != 1)
        return 1;
    memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(received));
    printf("%d\n", (int)read(received, &byte, 1));
    close(received);
    close(fd);
    close(pair[0]);
    close(pair[1]);
    close(200);
    return 0;
}

/* hazard: E6: one resource, though two handles name it. */
static int run_taken_over(void)
{
    FILE *stream = fdopen(open("/etc/passwd", O_RDONLY), "r");
    DIR *folder = fdopendir(open("/etc", O_RDONLY | O_DIRECTORY));

    printf("%d %d\n", stream != NULL, folder != NULL);
    stream = freopen("/dev/null", "r", stream);
    closedir(folder);
    fclose(stream);
    stream = popen("exit 3", "r");
    printf("%d\n", pclose(stream) >> 8);
    return 0;
}

/* hazard: E10: what libc keeps for itself is nobody's leak. */
static int run_libc_keeps(void)
{
    setenv("CASE", "value", 1);
    setlinebuf(stdout);
    printf("%d %s\n", getenv("CASE") != NULL, strerror(2));
    fprintf(stderr, "%s", "");
    return 0;
}

static void *stay_busy(void *unused)
{
    for (;;) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        free(realloc(malloc(100), 1000));
        close(fd);
    }
    return unused;
}

/* hazard: E17: main returns while fifty threads acquire and release. */
static int run_busy_exit(void)
{
    for (int i = 0; i < BUSY_THREADS; i++) {
        pthread_t thread;

        pthread_create(&thread, NULL, stay_busy, NULL);
        pthread_detach(thread);
    }
    puts("returning");
    return 0;
}

/* hazard: E19: a limit of zero bytes a file: SIGXFSZ must not come from us. */
static int run_no_file_size(void)
{
    struct rlimit limit = {0, 0};
    FILE *forgotten = fopen("/etc/passwd", "re");

    printf("%d\n", forgotten != NULL);
    fflush(stdout);
    return setrlimit(RLIMIT_FSIZE, &limit);
}

static const struct hazard_case cases[] = {
    {"reused_numbers", run_reused_numbers},
    {"realloc_race", run_realloc_race},
    {"implicit_closes", run_implicit_closes},
    {"received", run_received},
    {"taken_over", run_taken_over},
    {"libc_keeps", run_libc_keeps},
    {"busy_exit", run_busy_exit},
    {"no_file_size", run_no_file_size},
};

int main(int argc, char **argv)
{
    return RUN_CASES(cases, argc, argv);
}
