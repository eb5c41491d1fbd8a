/* SPDX-License-Identifier: MIT */
#include "preload/outlets/terminal.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "preload/books/fdtable.h"
#include "preload/facts/unwind.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"
#include "preload/outlets/folder.h"
#include "preload/outlets/reporter.h"
#include "preload/outlets/switched_off.h"

#define STDERR       2
#define NS_PER_S     UINT64_C(1000000000)
#define SAVE_BELOW   16    /* from the limit: where programs do not look (B6) */
#define ATOMIC_PART  4096u /* PIPE_BUF: fits when poll says so */
#define EXIT_FRAMES  64u
#define EXIT_BYTES   64u /* exit() itself is one call */
#define COMPLAINT_NS (NS_PER_S / 4)

static struct stat at_start;
static bool known;
static uintptr_t exit_code;
static _Atomic int saved = -1;

void terminal_start(void)
{
    exit_code = (uintptr_t)dlsym(RTLD_NEXT, "exit");
    known = sys_call(SYS_fstat, STDERR, (long)&at_start, 0, 0, 0, 0) == 0;
}

static bool is_stderr(void)
{
    struct stat now;
    struct holding_copy holding;
    if (sys_call(SYS_fstat, STDERR, (long)&now, 0, 0, 0, 0) < 0)
        return false;
    if (known && now.st_dev == at_start.st_dev && now.st_ino == at_start.st_ino)
        return true;
    /* What the table says of a number is true only while closes are seen. */
    return !is_switched_off() && fd_read(STDERR, &holding) && holding.detail == DETAIL_DUP;
}

/* Whether exit() is among the callers, also when libc called it by itself (a
 * return from main, error()). It does not return, so the address that it would
 * return to may lie right behind it. */
static bool is_exiting(void)
{
    uint64_t pcs[EXIT_FRAMES];
    enum ctt_cut cut;
    struct call_site site = CALL_SITE();
    size_t count = unwind_walk(&site, pcs, EXIT_FRAMES, &cut);
    for (size_t i = 0; i < count; i++)
        if (CTT_PC_ADDRESS(pcs[i]) - exit_code <= EXIT_BYTES)
            return true;
    return false;
}

void terminal_closing(void)
{
    struct rlimit limit = {1024, 1024};
    if (atomic_load(&saved) >= 0 || !reporter_is_at_home() || !is_exiting() || !is_stderr())
        return;
    sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0);
    long lowest = limit.rlim_cur > SAVE_BELOW ? (long)limit.rlim_cur - SAVE_BELOW : 0;
    long fd = sys_call(SYS_fcntl, STDERR, F_DUPFD_CLOEXEC, lowest, 0, 0, 0);
    if (fd >= 0)
        atomic_store(&saved, (int)fd);
}

int terminal_saved(void)
{
    return atomic_load(&saved);
}

int terminal_fd(void)
{
    int fd = terminal_saved();
    if (fd >= 0)
        return fd;
    return is_stderr() ? STDERR : -1;
}

/* ---- writing ---- */

static bool wait_writable(int fd, uint64_t deadline_ns)
{
    uint64_t now = clock_fine_ns();
    uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
    struct timespec time = {(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
    struct pollfd poll = {.fd = fd, .events = POLLOUT};
    long n = sys_call(SYS_ppoll, (long)&poll, 1, (long)&time, 0, 0, 0);
    return n > 0 && (poll.revents & POLLOUT) && !(poll.revents & (POLLERR | POLLNVAL));
}

void terminal_write(int fd, const char *text, size_t bytes, uint64_t deadline_ns)
{
    while (bytes > 0 && wait_writable(fd, deadline_ns)) {
        size_t part = bytes < ATOMIC_PART ? bytes : ATOMIC_PART;
        ssize_t n = sys_write(fd, text, part);
        if (n == -EINTR || n == -EAGAIN)
            continue;
        if (n <= 0)
            break;
        text += n;
        bytes -= (size_t)n;
    }
    if (bytes > 0)
        health_add(HEALTH_output_dropped, bytes);
}

static const char *error_words(int error)
{
    static const struct row {
        int error;
        const char *words;
    } rows[] = {
        {ENOSPC, "no space left on device"}, {EDQUOT, "disk quota exceeded"},
        {EFBIG, "file too large"},           {EACCES, "permission denied"},
        {EROFS, "read-only file system"},    {ENOMEM, "out of memory"},
        {EEXIST, "every name is taken"},     {EPERM, "not permitted"},
        {ENOENT, "no such directory"},       {ENOSYS, "the program's seccomp filter forbids it"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].error == error)
            return rows[i].words;
    return "input/output error";
}

/* The program's own stderr, through a pidfd: the job's table is empty. */
static int borrow_stderr(void)
{
    long process = sys_call(SYS_pidfd_open, sys_getpid(), 0, 0, 0, 0, 0);
    if (process < 0)
        return -1;
    long fd = sys_call(SYS_pidfd_getfd, process, STDERR, 0, 0, 0, 0);
    sys_close((int)process);
    struct stat now;
    bool same = fd >= 0 && sys_call(SYS_fstat, fd, (long)&now, 0, 0, 0, 0) == 0 && known &&
                now.st_dev == at_start.st_dev && now.st_ino == at_start.st_ino;
    if (fd >= 0 && !same) {
        sys_close((int)fd);
        fd = -1;
    }
    return (int)fd;
}

void terminal_line(const char *words, int fd)
{
    char line[FOLDER_PATH * 2];
    struct text text = TEXT_OF(line);
    bool borrowed = fd < 0 && reporter_has_own_fds();
    if (fd < 0)
        fd = borrowed ? borrow_stderr() : terminal_fd();
    if (fd < 0)
        return;
    text_add(&text, "ctxtrace: ");
    text_add(&text, words);
    text_add(&text, "\n");
    terminal_write(fd, line, text.used, clock_fine_ns() + COMPLAINT_NS);
    if (borrowed)
        sys_close(fd);
}

void terminal_complain(int error, int fd)
{
    char words[FOLDER_PATH + 64];
    struct text text = TEXT_OF(words);
    text_add(&text, "no dump could be written to ");
    text_add(&text, *folder_path() ? folder_path() : "any folder");
    text_add(&text, ": ");
    text_add(&text, error_words(-error));
    terminal_line(words, fd);
}
