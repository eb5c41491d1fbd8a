/* SPDX-License-Identifier: MIT */
/*
 * hazard: B6, D1, F2
 * Prints everything that a program can learn about itself at start. Run with and
 * without the tracker, the two outputs must be equal to the byte.
 */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* The variables that turn the tracker on differ by nature. */
static int is_ours(const char *variable)
{
    return !strncmp(variable, "LD_PRELOAD=", 11) || !strncmp(variable, "CTXTRACE_", 9) ||
           !strncmp(variable, "LD_LIBRARY_PATH=", 16);
}

static void print_words(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        printf("argv[%d] %s\n", i, argv[i]);
    for (char **variable = environ; *variable; variable++)
        if (!is_ours(*variable))
            printf("env %s\n", *variable);
    printf("names %s %s\n", program_invocation_name, program_invocation_short_name);
    printf("HOME %s\n", getenv("HOME") ? getenv("HOME") : "(none)");
    fflush(stdout);
    error(0, ENOENT, "a message of error(%d)", 3);
}

static void print_descriptors(void)
{
    int file = open("/dev/null", O_RDONLY);
    int network = socket(AF_UNIX, SOCK_STREAM, 0);
    int ends[2] = {-1, -1};
    int failed = pipe(ends);
    int copy = dup(0);
    FILE *stream = fopen("/dev/null", "r");

    printf("open %d socket %d pipe %d %d %d dup %d fopen %d\n", file, network, failed, ends[0],
           ends[1], copy, stream ? fileno(stream) : -1);
    for (int fd = 0; fd < 64; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("fd %d flags %d\n", fd, fcntl(fd, F_GETFD));
    if (stream)
        fclose(stream);
    close(copy);
    close(ends[0]);
    close(ends[1]);
    close(network);
    close(file);
}

static void print_signals(void)
{
    sigset_t blocked;
    stack_t alternate;

    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction action;

        if (sigaction(number, NULL, &action))
            continue;
        printf("signal %d %s flags %x blocked %d\n", number,
               action.sa_handler == SIG_DFL   ? "default"
               : action.sa_handler == SIG_IGN ? "ignored"
                                              : "handled",
               (unsigned)action.sa_flags, sigismember(&blocked, number));
    }
    sigaltstack(NULL, &alternate);
    printf("alternate stack %s\n", alternate.ss_flags & SS_DISABLE ? "none" : "set");
    printf("signal() %d\n", signal(SIGUSR1, SIG_DFL) == SIG_DFL);
}

static void print_limits(void)
{
    for (int resource = 0; resource < (int)RLIM_NLIMITS; resource++) {
        struct rlimit limit;

        if (!getrlimit((__rlimit_resource_t)resource, &limit))
            printf("limit %d %lld %lld\n", resource, (long long)limit.rlim_cur,
                   (long long)limit.rlim_max);
    }
    printf("umask %o\n", (unsigned)umask(022));
}

int main(int argc, char **argv)
{
    printf("errno %d\n", errno);
    print_words(argc, argv);
    print_descriptors();
    print_signals();
    print_limits();
    return 0;
}
