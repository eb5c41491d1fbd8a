/* SPDX-License-Identifier: MIT */
/*
 * hazard: 0.2, 0.3, C9, F5
 * Every way out of a process, chosen by the first argument, with one FILE held
 * (-DFIXED closes it first). Whatever the way, the holding must be reported once
 * and the process must end as it would have ended without a tracker.
 * `ways_out --list` prints the ways.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS = 7 };

/* Reached by whatever way the program ends. */
static FILE *volatile kept_ledger;

__attribute__((noinline)) static FILE *open_ledger(void)
{
    FILE *ledger = fopen("/etc/passwd", "re");

    kept_ledger = ledger;
    return ledger;
}

static void *wait_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void *end_a_little_later(void *main_thread)
{
    pthread_join(*(pthread_t *)main_thread, NULL);
    return NULL;
}

static void leave_by_return(int detail) {}

static void leave_by_exit(int detail)
{
    exit(STATUS);
}

static void leave_by_underscore_exit(int detail)
{
    _exit(STATUS);
}

static void leave_by_c99_exit(int detail)
{
    _Exit(STATUS);
}

static void leave_by_quick_exit(int detail)
{
    quick_exit(STATUS);
}

static void leave_by_last_thread(int detail)
{
    static pthread_t main_thread;
    pthread_t last;

    main_thread = pthread_self();
    if (!pthread_create(&last, NULL, end_a_little_later, &main_thread)) {
        pthread_detach(last);
        pthread_exit(NULL);
    }
}

static void leave_with_threads(int detail)
{
    pthread_t busy;

    for (int i = 0; i < 4; i++)
        if (!pthread_create(&busy, NULL, wait_for_ever, NULL))
            pthread_detach(busy);
}

static void leave_by_abort(int detail)
{
    abort();
}

static void leave_by_bad_address(int detail)
{
    *(volatile int *)8 = 1;
}

static int recurse(int depth)
{
    volatile char page[4096];

    page[depth % 4096] = (char)depth;
    return recurse(depth + 1) + page[depth % 4096];
}

static void leave_by_overflow(int detail)
{
    recurse(0);
}

static void leave_by_division(int detail)
{
    volatile int hundred = 100, zero = 0; /* 1 / x would become a comparison */

    printf("%d\n", hundred / zero);
}

static void leave_by_bad_instruction(int detail)
{
    __builtin_trap();
}

static void leave_by_bus_error(int detail)
{
    FILE *empty = tmpfile();
    volatile char *page = mmap(NULL, 1, PROT_READ, MAP_SHARED, fileno(empty), 0);

    fclose(empty);
    printf("%d\n", page[0]);
}

static void leave_by_signal(int number)
{
    kill(getpid(), number);
    wait_for_ever(NULL);
}

static void leave_by_exec(int detail)
{
    execl("/bin/echo", "echo", "another program", (char *)NULL);
}

static void leave_by_failed_exec(int detail)
{
    execl("/nonexistent/program", "program", (char *)NULL);
}

/* The child dies in this process's memory: the report is not its to make. */
static void outlive_vfork_child(int number)
{
    pid_t child = vfork();

    if (child == 0) {
        kill(getpid(), number);
        _exit(STATUS);
    }
    waitpid(child, NULL, 0);
}

static const struct way {
    const char *name;
    void (*leave)(int detail);
    int detail;
} ways[] = {
    {"return", leave_by_return, 0},
    {"exit", leave_by_exit, 0},
    {"_exit", leave_by_underscore_exit, 0},
    {"_Exit", leave_by_c99_exit, 0},
    {"quick_exit", leave_by_quick_exit, 0},
    {"last_thread", leave_by_last_thread, 0},
    {"threads_running", leave_with_threads, 0},
    {"abort", leave_by_abort, 0},
    {"segv", leave_by_bad_address, 0},
    {"overflow", leave_by_overflow, 0},
    {"fpe", leave_by_division, 0},
    {"ill", leave_by_bad_instruction, 0},
    {"bus", leave_by_bus_error, 0},
    {"term", leave_by_signal, SIGTERM},
    {"int", leave_by_signal, SIGINT},
    {"hup", leave_by_signal, SIGHUP},
    {"quit", leave_by_signal, SIGQUIT},
    {"pipe", leave_by_signal, SIGPIPE},
    {"alrm", leave_by_signal, SIGALRM},
    {"xcpu", leave_by_signal, SIGXCPU},
    {"sys", leave_by_signal, SIGSYS},
    {"vfork_child_killed", outlive_vfork_child, SIGTERM},
    {"exec", leave_by_exec, 0},
    {"failed_exec", leave_by_failed_exec, 0},
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static int list_ways(void)
{
    for (int i = 0; i < WAYS; i++)
        puts(ways[i].name);
    return 0;
}

int main(int argc, char **argv)
{
    const char *wanted = argc > 1 ? argv[1] : "return";
    FILE *ledger;

    if (!strcmp(wanted, "--list"))
        return list_ways();
    setvbuf(stdout, NULL, _IONBF, 0);
    ledger = open_ledger();
#ifdef FIXED
    fclose(ledger);
#endif
    for (int i = 0; i < WAYS; i++) {
        if (strcmp(wanted, ways[i].name))
            continue;
        printf("leaving by %s%s\n", wanted, ledger ? "" : " with nothing");
        ways[i].leave(ways[i].detail);
        return STATUS;
    }
    fprintf(stderr, "ways_out: no way out is called %s\n", wanted);
    return 1;
}
