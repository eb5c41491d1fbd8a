/* SPDX-License-Identifier: MIT */
/* Gives back some of what it acquires, of each kind, and in several places and late; and
 * keeps a descriptor that has been through much. Each place is a function: its name is
 * what the test looks for. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEP __attribute__((noinline)) /* a frame of its own */

enum { TIMES = 12, LATE_US = 300000 };

/* ---- places that acquire ---- */

static KEEP int acquire_fd(void)
{
    int fd = open("/dev/null", O_RDONLY);
    return fd;
}

static KEEP void *acquire_mapping(void)
{
    void *pages = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages;
}

static KEEP pid_t acquire_child(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid;
}

static KEEP FILE *acquire_stream(const char *path, const char *mode)
{
    FILE *stream = fopen(path, mode);
    return stream;
}

static KEEP DIR *acquire_directory(void)
{
    DIR *directory = opendir("/");
    return directory;
}

static void *returns(void *argument)
{
    return argument;
}

static KEEP pthread_t acquire_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, returns, NULL);
    return thread;
}

static KEEP pthread_key_t acquire_key(void)
{
    pthread_key_t key;
    pthread_key_create(&key, NULL);
    return key;
}

static KEEP void acquire_regex(regex_t *regex)
{
    regcomp(regex, "a", 0);
}

static KEEP void *acquire_memory(void)
{
    void *block = malloc(100);
    return block;
}

/* ---- places that release ---- */

static KEEP void orderly(int fd)
{
    close(fd);
}

static KEEP void on_error(int fd)
{
    close(fd);
}

static KEEP void release_mapping(char *pages)
{
    munmap(pages, 4096);
    munmap(pages + 4096, 4096);
}

static KEEP void release_child(pid_t pid)
{
    int status;
    waitpid(pid, &status, 0);
}

static KEEP int release_stream(FILE *stream)
{
    return fclose(stream);
}

static KEEP void release_directory(DIR *directory)
{
    closedir(directory);
}

static KEEP void release_thread(pthread_t thread)
{
    pthread_join(thread, NULL);
}

static KEEP void release_key(pthread_key_t key)
{
    pthread_key_delete(key);
}

static KEEP void release_regex(regex_t *regex)
{
    regfree(regex);
}

static KEEP void release_memory(void *block)
{
    free(block);
}

/* ---- what happens ---- */

static int late_fds[3];

/* The context of what it acquires is its own, and ends with it. */
static void *acquires_and_ends(void *argument)
{
    for (int i = 0; i < 3; i++)
        late_fds[i] = acquire_fd();
    return argument;
}

static void descriptors(void)
{
    pthread_t thread;
    for (int i = 0; i < TIMES; i++) {
        int fd = acquire_fd();
        if (i == 0)
            on_error(fd);
        else if (i < TIMES - 1)
            orderly(fd);
    }
    pthread_create(&thread, NULL, acquires_and_ends, NULL);
    pthread_join(thread, NULL);
    usleep(LATE_US);
    for (int i = 0; i < 2; i++)
        orderly(late_fds[i]);
}

static void *uses(void *fd)
{
    char byte;
    return (void *)read(*(int *)fd, &byte, 1);
}

static KEEP int duplicate(int fd)
{
    int copy = dup(fd);
    return copy;
}

/* Nobody takes it out of the message: the copy goes with the socket. */
static void send_away(int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec content = {"x", 1};
    struct msghdr message = {.msg_iov = &content,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int ends[2];
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || sendmsg(ends[0], &message, 0) != 1)
        abort();
    close(ends[0]);
    close(ends[1]);
}

/* A copy that is kept, that another thread uses, and that is sent to somebody. */
static void copies(void)
{
    static int copy;
    pthread_t thread;
    int fd = acquire_fd();
    copy = duplicate(fd);
    orderly(fd);
    pthread_create(&thread, NULL, uses, &copy);
    pthread_join(thread, NULL);
    send_away(copy);
}

/* Flushed into what is full: it is closed all the same. */
static void fills(void)
{
    FILE *full = acquire_stream("/dev/full", "w");
    fputs("text", full);
    printf("fclose gives %d\n", release_stream(full));
}

/* With an argument: only that a close fails. */
int main(int count, char **words)
{
    regex_t regexes[3];
    setvbuf(stdout, NULL, _IONBF, 0);
    if (count > 1) {
        fills();
        return 0;
    }
    descriptors();
    copies();
    fills();
    for (int i = 0; i < 3; i++) {
        void *pages = acquire_mapping();
        pid_t child = acquire_child();
        DIR *directory = acquire_directory();
        FILE *stream = acquire_stream("/dev/null", "r");
        pthread_t thread = acquire_thread();
        pthread_key_t key = acquire_key();
        void *block = acquire_memory();
        acquire_regex(&regexes[i]);
        if (i == 2)
            break; /* these are kept */
        release_mapping(pages);
        release_child(child);
        release_directory(directory);
        release_stream(stream);
        release_thread(thread);
        release_key(key);
        release_regex(&regexes[i]);
        release_memory(block);
    }
    puts("ready");
    pause();
    return 0;
}
