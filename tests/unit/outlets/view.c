// SPDX-License-Identifier: MIT
/*
 * What a program reads of its signals, by every call that tells: the same with
 * and without the tracker. hazard: D2, D5
 *
 * Prints each answer. Also which stack a handler with SA_ONSTACK runs on while
 * the program has no alternate one, and what a vfork child sees and changes.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static uintptr_t handler_frame;

static void on_signal(int number)
{
    handler_frame = (uintptr_t)__builtin_frame_address(0);
}

static void on_info(int number, siginfo_t *info, void *context)
{
    printf("  handler %d code %d value %d\n", number, info->si_code, info->si_value.sival_int);
}

static const char *name_of(const void *handler)
{
    if (handler == (const void *)SIG_DFL)
        return "default";
    if (handler == (const void *)SIG_IGN)
        return "ignored";
    if (handler == (const void *)SIG_ERR)
        return "error";
    if (handler == (const void *)SIG_HOLD)
        return "hold";
    return handler == (const void *)on_signal || handler == (const void *)on_info ? "mine"
                                                                                  : "somebody's";
}

static void show(const char *what, int number)
{
    struct sigaction now;
    uint64_t mask;
    if (sigaction(number, NULL, &now) < 0) {
        printf("%s %d: none\n", what, number);
        return;
    }
    memcpy(&mask, &now.sa_mask, sizeof mask);
    printf("%s %d: %s flags %x mask %llx restorer %d\n", what, number,
           name_of((const void *)now.sa_handler), (unsigned)now.sa_flags, (unsigned long long)mask,
           now.sa_restorer != NULL);
}

static void set_and_show(int number, void (*handler)(int), int flags, int masked)
{
    struct sigaction set = {.sa_handler = handler, .sa_flags = flags}, old;
    if (masked)
        sigaddset(&set.sa_mask, masked);
    int result = sigaction(number, &set, &old);
    printf("set %d: %d, was %s flags %x\n", number, result,
           result == 0 ? name_of((const void *)old.sa_handler) : "-",
           result == 0 ? (unsigned)old.sa_flags : 0);
    show("now", number);
}

static void use_older_calls(int number)
{
    printf("signal: %s\n", name_of((void *)signal(number, on_signal)));
    show("  signal", number);
    printf("signal: %s\n", name_of((void *)signal(number, SIG_DFL)));
    show("  signal", number);
    siginterrupt(number, 1);
    show("  siginterrupt", number);
    printf("signal: %s\n", name_of((void *)signal(number, SIG_IGN)));
    show("  signal", number);
    siginterrupt(number, 0);
    printf("sysv_signal: %s\n", name_of((void *)sysv_signal(number, on_signal)));
    show("  sysv_signal", number);
    printf("sysv_signal: %s\n", name_of((void *)sysv_signal(number, SIG_DFL)));
    show("  sysv_signal", number);
    printf("sigset: %s\n", name_of((void *)sigset(number, SIG_HOLD)));
    printf("sigset: %s\n", name_of((void *)sigset(number, on_signal)));
    show("  sigset", number);
    printf("sigset: %s\n", name_of((void *)sigset(number, SIG_DFL)));
    show("  sigset", number);
    printf("sigignore: %d\n", sigignore(number));
    show("  sigignore", number);
    printf("signal: %s\n", name_of((void *)signal(number, SIG_ERR)));
    printf("signal: %s\n", name_of((void *)signal(number, SIG_DFL)));
    show("  signal", number);
}

static void show_stack(const char *what)
{
    stack_t now;
    memset(&now, 0x55, sizeof now);
    printf("%s: %d, base %d size %zu flags %x\n", what, sigaltstack(NULL, &now), now.ss_sp != NULL,
           now.ss_size, (unsigned)now.ss_flags);
}

static void use_stacks(void)
{
    static char mine[1 << 16];
    stack_t set = {.ss_sp = mine, .ss_size = sizeof mine}, none = {.ss_flags = SS_DISABLE};
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    show_stack("at first");
    set_and_show(SIGUSR2, on_signal, SA_ONSTACK, 0);
    raise(SIGUSR2);
    printf("handler near us: %d\n", here - handler_frame < (1 << 16));
    printf("set: %d\n", sigaltstack(&set, NULL));
    show_stack("mine");
    raise(SIGUSR2);
    printf("handler on mine: %d\n", handler_frame - (uintptr_t)mine < sizeof mine);
    show("onstack", SIGUSR2);
    printf("disable: %d\n", sigaltstack(&none, NULL));
    show_stack("disabled");
    set_and_show(SIGUSR2, SIG_DFL, 0, 0);
}

static void *in_thread(void *unused)
{
    use_stacks();
    return NULL;
}

/* Its own signal table, our memory. */
static void use_vfork(void)
{
    pid_t child = vfork();
    if (child == 0) {
        show("vfork child", SIGTERM);
        set_and_show(SIGTERM, SIG_IGN, 0, 0);
        set_and_show(SIGINT, SIG_DFL, 0, 0);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    show("parent", SIGTERM);
    child = vfork();
    if (child == 0) {
        kill(getpid(), SIGTERM);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    printf("killed by %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

int main(void)
{
    pthread_t thread;
    for (int number = 1; number <= 64; number++)
        show("start", number);
    const int numbers[] = {SIGUSR1, SIGTERM, SIGRTMAX - 7, SIGWINCH};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        set_and_show(numbers[i], on_signal, SA_RESTART, SIGHUP);
        set_and_show(numbers[i], SIG_DFL, SA_RESTART | SA_NODEFER, SIGHUP);
        set_and_show(numbers[i], SIG_IGN, 0, 0);
        set_and_show(numbers[i], on_signal, (int)SA_RESETHAND, 0);
        raise(numbers[i]);
        show("after one shot", numbers[i]);
        use_older_calls(numbers[i]);
    }
    set_and_show(SIGUSR1, (void (*)(int))(void *)on_info, SA_SIGINFO, 0);
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 42});
    set_and_show(SIGUSR1, SIG_DFL, 0, 0);
    set_and_show(SIGKILL, on_signal, 0, 0);
    set_and_show(99, on_signal, 0, 0);
    use_stacks();
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
    fflush(stdout);
    use_vfork();
    return 0;
}
