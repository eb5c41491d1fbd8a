/* SPDX-License-Identifier: MIT */
/* What the process is, and under which limits and options it runs. */
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "preload/books/ledger.h"
#include "preload/facts/start_trace.h"
#include "preload/facts/suppressions.h"
#include "preload/ground/arena.h"
#include "preload/ground/config.h"
#include "preload/ground/sample.h"
#include "preload/ground/sys.h"
#include "preload/outlets/announce.h"
#include "preload/outlets/dump_writer.h"

#define ARGV_BYTES 4096u
#define PATH_BYTES 4096u

static const char *libc_version;

void dump_process_start(const char *version)
{
    libc_version = version;
}

static uint32_t link_string(struct dump *dump, const char *path)
{
    static char target[PATH_BYTES];
    ssize_t n = sys_readlink(path, target, sizeof target);
    return n > 0 ? dump_string_bytes(dump, target, (size_t)n) : 0;
}

static uint32_t argv_string(struct dump *dump)
{
    static char argv[ARGV_BYTES];
    ssize_t n = sys_slurp("/proc/thread-self/cmdline", argv, sizeof argv);
    if (n > 0 && argv[n - 1] == '\0')
        n--;
    return n > 0 ? dump_string_bytes(dump, argv, (size_t)n) : 0;
}

static uint32_t name_string(struct dump *dump)
{
    char name[32];
    ssize_t n = sys_slurp("/proc/self/comm", name, sizeof name);
    if (n > 0 && name[n - 1] == '\n')
        n--;
    return n > 0 ? dump_string_bytes(dump, name, (size_t)n) : 0;
}

static void kernel_strings(struct dump *dump, struct ctt_process *process)
{
    static struct utsname host;
    char buffer[2 * sizeof host.release];
    if (sys_call(SYS_uname, (long)&host, 0, 0, 0, 0, 0) < 0)
        return;
    struct text kernel = TEXT_OF(buffer);
    text_add(&kernel, host.sysname);
    text_add(&kernel, " ");
    text_add(&kernel, host.release);
    process->host = dump_string(dump, host.nodename);
    process->kernel = dump_string(dump, buffer);
    process->arch = dump_string(dump, host.machine);
}

void dump_process(struct dump *dump)
{
    const struct dump_request *request = dump->request;
    struct ctt_process process = {
        .pid = (uint32_t)sys_getpid(),
        .ppid = (uint32_t)sys_call(SYS_getppid, 0, 0, 0, 0, 0, 0),
        .uid = (uint32_t)sys_getuid(),
        .sequence = dump->sequence,
        .trigger = request->trigger,
        .exit_code = request->trigger == CTT_TRIGGER_EXIT ? request->exit_code : -1,
        .signal = (uint32_t)request->signal,
        .granule = 1u << ledger_granule(),
        .start_wall_ns = dump->taken_wall_ns - dump->taken_ns,
        .start_ticks = announce_start_ticks(),
        .taken_wall_ns = dump->taken_wall_ns,
        .uptime_ns = dump->taken_ns,
        .mark_ns = announce_mark_ns(),
        .tracker_bytes = arena_mapped(),
        .sample_bytes = sample_bytes(),
    };
    char libc[32];
    struct text text = TEXT_OF(libc);
    text_add(&text, "glibc ");
    text_add(&text, libc_version ? libc_version : "?");
    process.exe = link_string(dump, "/proc/thread-self/exe");
    process.name = name_string(dump);
    process.argv = argv_string(dump);
    process.cwd = link_string(dump, "/proc/thread-self/cwd");
    kernel_strings(dump, &process);
    process.cause = dump_string(dump, request->cause);
    process.suppressions = dump_string(dump, suppressions_text());
    process.libc = dump_string(dump, libc);
    process.trace_id = dump_string(dump, start_trace_id());
    process.tool_version = dump_string(dump, CTXTRACE_VERSION);
    dump_record(dump, CTT_PROCESS, &process, sizeof process);
}

/* ---- options ---- */

static void option_one(const char *key, const char *value, enum ctt_origin origin, void *arg)
{
    struct dump *dump = arg;
    struct ctt_option option = {.key = dump_string(dump, key), .origin = origin};
    option.value = dump_string(dump, value);
    dump_record(dump, CTT_OPTION, &option, sizeof option);
}

void dump_options(struct dump *dump)
{
    config_each(option_one, dump);
}

/* ---- limits ---- */

/* /proc/self/statm: pages of address space, then of resident memory. */
static void memory_used(uint64_t *ret_address_space, uint64_t *ret_resident)
{
    const uint64_t page = 4096;
    char statm[128];
    *ret_address_space = *ret_resident = CTT_NEVER;
    if (sys_slurp("/proc/thread-self/statm", statm, sizeof statm) <= 0)
        return;
    const char *at = statm;
    *ret_address_space = text_read_u64(&at) * page;
    at += *at == ' ';
    *ret_resident = text_read_u64(&at) * page;
}

static void limit_one(struct dump *dump, const char *name, const char *unit, uint64_t used,
                      struct rlimit bounds)
{
    struct ctt_limit limit = {.name = dump_string(dump, name),
                              .unit = dump_string(dump, unit),
                              .used = used,
                              .soft = bounds.rlim_cur,
                              .hard = bounds.rlim_max};
    dump_record(dump, CTT_LIMIT, &limit, sizeof limit);
}

/* The tracker's own, as a part of what the process uses: what it has mapped,
 * against max_memory=, and what of that is in memory. */
static void dump_own_limits(struct dump *dump)
{
    const struct rlimit cap = {arena_cap(), arena_cap()};
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    limit_one(dump, "tracker", "bytes", arena_mapped(), cap);
    limit_one(dump, "tracker_rss", "bytes", arena_resident(), none);
}

void dump_limits(struct dump *dump)
{
    uint64_t address_space, resident;
    memory_used(&address_space, &resident);
    const struct row {
        const char *name, *unit;
        int resource;
        uint64_t used;
    } rows[] = {
        {"nofile", "fds", RLIMIT_NOFILE, dump->fd_count},
        {"as", "bytes", RLIMIT_AS, address_space},
        {"rss", "bytes", RLIMIT_RSS, resident},
        {"stack", "bytes", RLIMIT_STACK, CTT_NEVER},
        {"data", "bytes", RLIMIT_DATA, CTT_NEVER},
        {"nproc", "tasks", RLIMIT_NPROC, CTT_NEVER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rlimit kernel = {RLIM_INFINITY, RLIM_INFINITY}; /* that is CTT_NEVER */
        sys_call(SYS_prlimit64, 0, rows[i].resource, 0, (long)&kernel, 0, 0);
        limit_one(dump, rows[i].name, rows[i].unit, rows[i].used, kernel);
    }
    dump_own_limits(dump);
}
