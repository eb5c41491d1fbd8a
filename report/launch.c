/* SPDX-License-Identifier: MIT */
/*
 * The child shares our process group and terminal: what the terminal sends
 * reaches it without us, what somebody sends to the launcher alone is passed
 * on. In between we only wait.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_facts.h"

#define STATUS_SIGNAL_BASE 128 /* as shells count */

/* Where a library may lie, seen from the command: a build tree and the usual
 * prefixes, Debian's architecture folders included. */
static const char *const library_patterns[] = {
    "../preload/" TRACKER_SONAME,
    "../lib/*/" TRACKER_SONAME,
    "../lib/" TRACKER_SONAME,
    "../lib64/" TRACKER_SONAME,
    TRACKER_SONAME,
};

static const int forwarded[] = {SIGTERM, SIGHUP,  SIGINT,   SIGQUIT,
                                SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct signal_state {
    struct sigaction forwarded[COUNT(forwarded)];
    sigset_t mask;
};

static volatile pid_t child_pid; /* for the handler; set with signals blocked */

bool library_find(char ret_path[PATH_MAX])
{
    const char *wanted = getenv("CTXTRACE_LIB");
    char self[PATH_MAX];
    bool found = false;

    if (wanted && *wanted) {
        snprintf(ret_path, PATH_MAX, "%s", wanted);
        return true;
    }
    snprintf(ret_path, PATH_MAX, "%s", TRACKER_SONAME);
    if (!realpath("/proc/self/exe", self))
        return false;
    dirname(self);
    for (size_t i = 0; !found && i < COUNT(library_patterns); i++) {
        char pattern[2 * PATH_MAX];
        glob_t matches;

        snprintf(pattern, sizeof(pattern), "%s/%s", self, library_patterns[i]);
        if (glob(pattern, 0, NULL, &matches) == 0)
            found = realpath(matches.gl_pathv[0], ret_path) != NULL;
        globfree(&matches);
    }
    return found;
}

/* What the terminal sends reaches the whole group: the child has it already. */
static void signal_forward(int number, siginfo_t *info, void *frame)
{
    int saved = errno;

    (void)frame;
    if (child_pid > 0 && info->si_code != SI_KERNEL)
        kill(child_pid, number);
    errno = saved;
}

static void signals_take(struct signal_state *state)
{
    struct sigaction forward = {.sa_sigaction = signal_forward,
                                .sa_flags = SA_RESTART | SA_SIGINFO};
    sigset_t all;

    /* Blocked until the child's pid is known: nothing is lost in between. */
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &state->mask);
    for (size_t i = 0; i < COUNT(forwarded); i++) {
        sigaction(forwarded[i], NULL, &state->forwarded[i]);
        if (state->forwarded[i].sa_handler != SIG_IGN) /* nohup stays nohup */
            sigaction(forwarded[i], &forward, NULL);
    }
}

static void signals_give_back(const struct signal_state *state, const sigset_t *mask)
{
    for (size_t i = 0; i < COUNT(forwarded); i++)
        sigaction(forwarded[i], &state->forwarded[i], NULL);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

/*
 * A snapshot asked for before the tracker is ready must be neither fatal nor
 * lost: its signals start blocked, so that they stay pending over exec.
 * CTXTRACE_UNBLOCK tells the tracker which to unblock when its handlers are in
 * place; it takes the variable out of the environment again. Signals that our
 * own caller blocked stay as they are, and then nothing is promised.
 */
static void triggers_add(const struct launch *launch, sigset_t *mask)
{
    int number = launch->trigger ? signal_parse(launch->trigger) : 0;
    const int signals[] = {number ? number : TRACKER_SIGNAL_FIRST,
                           number ? number : TRACKER_SIGNAL_SECOND};
    uint64_t set = 0;
    char value[24];

    for (size_t i = 0; i < COUNT(signals); i++) {
        if (sigismember(mask, signals[i]))
            return;
        set |= UINT64_C(1) << (signals[i] - 1);
    }
    for (size_t i = 0; i < COUNT(signals); i++)
        sigaddset(mask, signals[i]);
    snprintf(value, sizeof(value), "%" PRIx64, set);
    setenv("CTXTRACE_UNBLOCK", value, 1);
}

/* Ours goes last, the sanitizer's runtime first (hazards.md C17), what was
 * there before stays in between. */
static int preload_set(const struct launch *launch)
{
    const char *old = getenv("LD_PRELOAD");
    char *value;
    int result;

    if (old && strstr(old, TRACKER_SONAME))
        return 0;
    if (asprintf(&value, "%s%s%s%s%s", launch->first ? launch->first : "", launch->first ? ":" : "",
                 old ? old : "", old && *old ? ":" : "", launch->library) < 0)
        return -ENOMEM;
    result = setenv("LD_PRELOAD", value, 1) < 0 ? -errno : 0;
    free(value);
    return result;
}

static int environment_set(const struct launch *launch)
{
    char self[PATH_MAX];

    if (setenv("CTXTRACE_OPTIONS", launch->options, 1) < 0)
        return -errno;
    unsetenv("CTXTRACE_FAIL");
    if (launch->faults) {
        char *faults;
        int result;

        /* With our pid: it is for our child and for nobody further down. */
        if (asprintf(&faults, "%d:%s", getppid(), launch->faults) < 0)
            return -ENOMEM;
        result = setenv("CTXTRACE_FAIL", faults, 1) < 0 ? -errno : 0;
        free(faults);
        if (result < 0)
            return result;
    }
    /* So that the exit report is made by this very command. */
    if (realpath("/proc/self/exe", self) && setenv("CTXTRACE_TOOL", self, 0) < 0)
        return -errno;
    return preload_set(launch);
}

/* What it prints is nobody's to read, and it waits for nobody's input. */
static void terminal_leave(void)
{
    int null = open("/dev/null", O_RDWR);

    setpgid(0, 0);
    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
}

static _Noreturn void child_run(const struct launch *launch, const struct signal_state *state,
                                int complain)
{
    int error = launch->library ? environment_set(launch) : 0;
    sigset_t mask = state->mask;

    if (launch->certain)
        triggers_add(launch, &mask);
    if (launch->quiet)
        terminal_leave();
    /* Until here everything is blocked: no moment in which a request kills. */
    signals_give_back(state, &mask);
    if (!error) {
        execvp(launch->argv[0], launch->argv);
        error = -errno;
    }
    if (write(complain, &error, sizeof(error)) < 0)
        _exit(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
}

/* Returns what the child said before exec: 0 when it got there. */
static int child_complaint(int fd)
{
    int error = 0;
    ssize_t bytes;

    do {
        bytes = read(fd, &error, sizeof(error));
    } while (bytes < 0 && errno == EINTR);
    return bytes == (ssize_t)sizeof(error) ? error : 0;
}

/* False: it has not ended within `limit_ns`. */
static bool child_ends_within(pid_t pid, uint64_t limit_ns)
{
    struct timespec limit = {(time_t)(limit_ns / 1000000000), (long)(limit_ns % 1000000000)};
    struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    bool ends = end.fd < 0 || ppoll(&end, 1, &limit, NULL) != 0;

    if (end.fd >= 0)
        close(end.fd);
    return ends;
}

static int child_await(pid_t pid, int *ret_status)
{
    while (waitpid(pid, ret_status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int launch_and_wait(const struct launch *launch, pid_t *ret_pid, int *ret_status)
{
    struct signal_state state;
    int complaint[2];
    int error;
    pid_t pid;

    if (pipe2(complaint, O_CLOEXEC) < 0)
        return -errno;
    signals_take(&state);
    pid = fork();
    if (pid == 0)
        child_run(launch, &state, complaint[1]);
    error = pid < 0 ? -errno : 0;
    child_pid = pid;
    sigprocmask(SIG_SETMASK, &state.mask, NULL);
    close(complaint[1]);
    if (!error)
        error = child_complaint(complaint[0]);
    close(complaint[0]);
    if (pid > 0) {
        bool hangs = !error && launch->limit_ns && !child_ends_within(pid, launch->limit_ns);
        int waited;

        if (hangs)
            kill(launch->quiet ? -pid : pid, SIGKILL);
        waited = child_await(pid, ret_status);
        error = error ? error : hangs ? -ETIME : waited;
    }
    child_pid = 0; /* the pid may be another's from now on */
    signals_give_back(&state, &state.mask);
    *ret_pid = pid;
    return error;
}

int launch_status(int wait_status)
{
    struct rlimit none = {0};
    sigset_t set;
    int number;

    if (WIFEXITED(wait_status))
        return WEXITSTATUS(wait_status);
    number = WTERMSIG(wait_status);
    /* The core, if any, is the program's: ours would say nothing. */
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    fflush(NULL);
    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
    return STATUS_SIGNAL_BASE + number;
}
