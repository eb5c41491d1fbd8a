/* SPDX-License-Identifier: MIT */
/*
 * Programs that confine themselves: the kernel kills them for a system call that they
 * did not expect, whoever makes it. Each case acquires, releases, changes stacks and
 * ends in a child, and tells how the child ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "cases.h"

enum { BLOCKS = 2000, LEAKED = 20, STACK_BYTES = 65536, CHILD_STATUS = 0 };

static ucontext_t outside, inside;

static void work(void)
{
    for (int i = 0; i < BLOCKS; i++)
        free(malloc((size_t)i * 10));
    close(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static int print_end(pid_t child)
{
    int status = 0;

    waitpid(child, &status, 0);
    printf("status %d signal %d\n", WEXITSTATUS(status),
           WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return 0;
}

/* hazard: D15: strict mode: read, write, exit. */
static int run_strict(void)
{
    pid_t child = fork();

    if (child == 0) {
        work();
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
        free(malloc(100));

        syscall(SYS_exit, CHILD_STATUS);
    }
    return print_end(child);
}

#define ALLOW(name)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* What the children do after this, and no more; to open is to open for reading. */
static struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(read),
    ALLOW(write),
    ALLOW(close),
    ALLOW(mmap),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(mprotect),
    ALLOW(brk),
    ALLOW(futex),
    ALLOW(getrandom),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigreturn),
    ALLOW(exit_group),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_ACCMODE, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
enum { LAST = sizeof(filter) / sizeof(filter[0]) - 1 };

static void work_and_return(void)
{
    work();
}

static void work_on_other_stack(void)
{
    getcontext(&inside);
    inside.uc_stack.ss_sp =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    inside.uc_stack.ss_size = STACK_BYTES;
    inside.uc_link = &outside;
    makecontext(&inside, work_and_return, 0);
    swapcontext(&outside, &inside);
}

static int run_filter(int through_syscall, unsigned action)
{
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    pid_t child = fork();

    if (child == 0) {
        filter[LAST].k = action;
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        /* The way to ask whether there are filters. */
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == 0 || errno != EFAULT)
            _exit(1);
        if (through_syscall ? syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)
                            : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
            _exit(2);
        work();
        work_on_other_stack();
        for (int i = 0; i < LEAKED; i++)
            (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
        exit(CHILD_STATUS);
    }
    return print_end(child);
}

/* hazard: D15: a filter that kills for everything that the program does not do. */
static int run_killing(void)
{
    return run_filter(0, SECCOMP_RET_KILL_PROCESS);
}

static int run_killing_by_syscall(void)
{
    return run_filter(1, SECCOMP_RET_KILL_PROCESS);
}

/* hazard: D15: one that sends SIGSYS. */
static int run_trapping(void)
{
    return run_filter(1, SECCOMP_RET_TRAP);
}

/* hazard: D15: a signal ends a program that may neither change its handlers nor send. */
static int run_terminated(void)
{
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    int ready[2], never[2], status = 0;
    char byte = 0;
    pid_t child;

    (void)!pipe(ready);
    (void)!pipe(never);
    child = fork();
    if (child == 0) {
        filter[LAST].k = SECCOMP_RET_ERRNO | EPERM;
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
        (void)!write(ready[1], &byte, 1);
        for (;;)
            (void)!read(never[0], &byte, 1);
    }
    (void)!read(ready[0], &byte, 1);
    kill(child, SIGTERM);
    waitpid(child, &status, 0);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(never[i]);
    }
    /* By the signal or, where nobody can have it sent again, as a shell tells it. */
    printf("ended by %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) - 128);
    return 0;
}

static const struct hazard_case cases[] = {
    {"strict", run_strict},
    {"killing_filter", run_killing},
    {"killing_filter_by_syscall", run_killing_by_syscall},
    {"trapping_filter", run_trapping},
    {"terminated", run_terminated},
};

int main(int argc, char **argv)
{
    return RUN_CASES(cases, argc, argv);
}
