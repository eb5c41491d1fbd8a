/* SPDX-License-Identifier: MIT */
#include "preload/outlets/speak.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "preload/facts/signals.h"
#include "preload/ground/config.h"
#include "preload/ground/confine.h"
#include "preload/ground/machine.h"
#include "preload/ground/sys.h"
#include "preload/outlets/terminal.h"

#define PATH_BYTES     4096u
#define CHILD_STACK    (16u << 10)
#define ENVIRONMENT    1024u
#define NS_PER_S       UINT64_C(1000000000)
#define REAP_PAUSE_NS  1000000L
#define COMMAND_FAILED 127 /* not started, killed, or nobody knows */

static char named_tool[PATH_BYTES], library_folder[PATH_BYTES];

/* Beside the library: installed in lib, in lib/TRIPLET, in a build tree. */
static const char *const beside[] = {"/../bin/ctxtrace", "/../../bin/ctxtrace",
                                     "/../report/ctxtrace", "/ctxtrace"};

void speak_start(const char *named, const char *library)
{
    struct text tool = TEXT_OF(named_tool), folder = TEXT_OF(library_folder);
    if (named)
        text_add(&tool, named);
    if (!library)
        return;
    if (*library != '/') {
        long n = sys_call(SYS_getcwd, (long)library_folder, sizeof library_folder, 0, 0, 0, 0);
        folder.used = n > 0 ? (size_t)n - 1 : 0;
        text_add(&folder, "/");
    }
    text_add(&folder, library);
    char *slash = strrchr(library_folder, '/');
    if (slash)
        *slash = '\0';
}

static bool is_executable(const char *path)
{
    return *path && sys_call(SYS_faccessat, AT_FDCWD, (long)path, X_OK, 0, 0, 0) == 0;
}

static bool find_tool(char path[PATH_BYTES])
{
    const char *const given[] = {config.tool ? config.tool : "", named_tool};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        struct text text = {path, 0, PATH_BYTES};
        text_add(&text, given[i]);
        if (*given[i])
            return is_executable(path); /* named, so nothing else is meant */
    }
    for (size_t i = 0; *library_folder && i < sizeof beside / sizeof *beside; i++) {
        struct text text = {path, 0, PATH_BYTES};
        text_add(&text, library_folder);
        text_add(&text, beside[i]);
        if (is_executable(path))
            return true;
    }
    return false;
}

/* ---- the command: our memory until its exec, a stack and tables of its own ---- */

struct child {
    char *tool;
    char *arguments[4];
    char *environment[ENVIRONMENT];
    int output;
    char *stack_top;
    uint64_t deadline_ns;
};

static void environment_copy(struct child *child)
{
    size_t count = 0;
    for (char **at = environ; at && *at && count + 1 < ENVIRONMENT; at++)
        if (strncmp(*at, "LD_", 3) != 0 && strncmp(*at, "CTXTRACE_", 9) != 0)
            child->environment[count++] = *at;
    child->environment[count] = NULL;
}

/* The signal table is a copy of the program's. Handlers are reset by exec;
 * what the program ignores would stay ignored. */
static void signals_to_default(void)
{
    const struct kernel_sigaction standard = {.handler = (void *)SIG_DFL};
    struct kernel_sigaction now;
    for (int number = 1; number < SIGNALS_MAX; number++)
        if (signals_kernel(number, NULL, &now) == 0 && now.handler == (void *)SIG_IGN)
            signals_kernel(number, &standard, NULL);
}

static void command_main(void *argument)
{
    struct child *child = argument;
    sys_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
    int null = sys_open("/dev/null", O_RDWR, 0);
    sys_call(SYS_dup3, child->output, STDERR_FILENO, 0, 0, 0, 0);
    sys_call(SYS_dup3, null, STDIN_FILENO, 0, 0, 0, 0);
    sys_call(SYS_dup3, null, STDOUT_FILENO, 0, 0, 0, 0);
    sys_call(SYS_close_range, STDERR_FILENO + 1, UINT_MAX, 0, 0, 0, 0);
    signals_mask(SIG_SETMASK, 0);
    sys_call(SYS_execve, (long)child->tool, (long)child->arguments, (long)child->environment, 0, 0,
             0);
    sys_call(SYS_exit_group, COMMAND_FAILED, 0, 0, 0, 0, 0);
}

/* Killed when it is not gone by the deadline. */
static int command_reap(long pid, uint64_t deadline_ns)
{
    const struct timespec pause = {0, REAP_PAUSE_NS};
    int status = 0;
    long n;
    while ((n = sys_call(SYS_wait4, pid, (long)&status, WNOHANG | __WALL, 0, 0, 0)) == 0 &&
           clock_fine_ns() < deadline_ns)
        sys_call(SYS_nanosleep, (long)&pause, 0, 0, 0, 0, 0);
    if (n == 0) {
        sys_call(SYS_kill, pid, SIGKILL, 0, 0, 0, 0);
        n = sys_call(SYS_wait4, pid, (long)&status, __WALL, 0, 0, 0);
    }
    return n == pid && WIFEXITED(status) ? WEXITSTATUS(status) : COMMAND_FAILED;
}

/* ---- the keeper: the command's parent, all signals blocked ---- */

/* Since exec gives a process the exit signal SIGCHLD, whatever it was cloned
 * with: the program's handler would run in the midst of its end, and its waits
 * would find the command (hazards.md F3, F4). The keeper, which never calls
 * exec, takes both on itself. */
static void keeper_main(void *argument)
{
    struct child *child = argument;
    sys_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
    signals_to_default(); /* SIGCHLD ignored would leave it nothing to reap */
    /* CLONE_VFORK: it runs on the stack until its exec. */
    long pid = machine_clone(CLONE_VM | CLONE_VFORK, child->stack_top, NULL, command_main, child);
    sys_call(SYS_close_range, 0, UINT_MAX, 0, 0, 0, 0);
    int status = pid > 0 ? command_reap(pid, child->deadline_ns) : COMMAND_FAILED;
    sys_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

static void child_fill(struct child *child, const char *tool, const char *dump)
{
    static char verb[] = "at-exit", name[] = "ctxtrace";
    child->tool = (char *)(uintptr_t)tool;
    child->arguments[0] = name;
    child->arguments[1] = verb;
    child->arguments[2] = (char *)(uintptr_t)dump;
    child->arguments[3] = NULL;
    environment_copy(child);
}

/* Two stacks: the command's below, the keeper's above. */
static long keeper_start(struct child *child, char *stacks)
{
    child->stack_top = stacks + CHILD_STACK;
    /* Exit signal 0. */
    return machine_clone(CLONE_VM, stacks + 2 * CHILD_STACK, NULL, keeper_main, child);
}

/* ---- the parent ---- */

static bool wait_readable(int fd, uint64_t deadline_ns)
{
    uint64_t now = clock_fine_ns();
    uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
    struct timespec time = {(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
    struct pollfd poll = {.fd = fd, .events = POLLIN};
    return sys_call(SYS_ppoll, (long)&poll, 1, (long)&time, 0, 0, 0) > 0;
}

static bool pass_on(int from, int to, uint64_t deadline_ns)
{
    static char chunk[PATH_BYTES];
    bool any = false;
    while (wait_readable(from, deadline_ns)) {
        ssize_t n = sys_read(from, chunk, sizeof chunk);
        if (n <= 0)
            break;
        any = true;
        if (to >= 0)
            terminal_write(to, chunk, (size_t)n, deadline_ns);
    }
    return any;
}

/* The keeper ends by the deadline. A wait of the program's with __WALL may have
 * been faster (C15): then the status is not known. */
static int keeper_reap(long pid)
{
    int status = 0;
    long n;
    do {
        n = sys_call(SYS_wait4, pid, (long)&status, __WALL, 0, 0, 0);
    } while (n == -EINTR);
    return n == pid && WIFEXITED(status) ? WEXITSTATUS(status) : COMMAND_FAILED;
}

static enum speak_status speak_status(int status)
{
    switch (status) {
    case SPEAK_SILENT:
    case SPEAK_HELD:
    case SPEAK_FINDINGS:
        return (enum speak_status)status;
    default: /* it could not read the dump, or is not our command at all */
        return SPEAK_FAILED;
    }
}

enum speak_status speak_dump(const char *dump, int fd, uint64_t deadline_ns, bool *ret_spoke)
{
    static char tool[PATH_BYTES];
    static struct child child;
    int ends[2];
    *ret_spoke = false;
    if (confined() || !find_tool(tool) ||
        sys_call(SYS_pipe2, (long)ends, O_CLOEXEC, 0, 0, 0, 0) < 0)
        return SPEAK_FAILED;
    child_fill(&child, tool, dump);
    child.output = ends[1];
    child.deadline_ns = deadline_ns;
    char *stacks = sys_map(2 * CHILD_STACK);
    long pid = stacks ? keeper_start(&child, stacks) : -ENOMEM;
    sys_close(ends[1]);
    if (pid > 0)
        *ret_spoke = pass_on(ends[0], fd, deadline_ns);
    sys_close(ends[0]);
    int status = pid > 0 ? keeper_reap(pid) : COMMAND_FAILED;
    if (stacks)
        sys_unmap(stacks, 2 * CHILD_STACK);
    return speak_status(status);
}
