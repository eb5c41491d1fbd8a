/* SPDX-License-Identifier: MIT */
#include "preload/outlets/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "preload/books/fdtable.h"
#include "preload/books/keytable.h"
#include "preload/books/ledger.h"
#include "preload/books/mishap.h"
#include "preload/books/own_kinds.h"
#include "preload/books/ranges.h"
#include "preload/facts/context.h"
#include "preload/facts/module.h"
#include "preload/facts/stack.h"
#include "preload/facts/task.h"
#include "preload/ground/blind.h"
#include "preload/ground/config.h"
#include "preload/ground/mirror.h"
#include "preload/ground/notify.h"
#include "preload/ground/sys.h"
#include "preload/outlets/announce.h"
#include "preload/outlets/dump_writer.h"
#include "preload/outlets/folder.h"
#include "preload/outlets/reporter.h"
#include "preload/outlets/sequence.h"
#include "preload/outlets/snapshot.h"

#define NS_PER_MS   UINT64_C(1000000)
#define PATIENCE_NS (2000 * NS_PER_MS)
#define CHILD_NS    (100 * NS_PER_MS) /* a child that has lived so long will not exec */
#define NAMES_MAX   100u              /* files of killed processes with this one's pid */

static char folder[FOLDER_PATH];
static char path[FOLDER_PATH + FOLDER_NAME]; /* "": none */
static _Atomic bool wanted;
static _Atomic bool withdrawn; /* whatever is still being made is not wanted any more */
static _Atomic uint64_t due_ns;
static char note[128];

/* ---- the file ---- */

/* Of a file of this process's, number 1, 2, ... */
static void path_make(struct text *text, uint32_t number)
{
    text->used = 0;
    text->at[0] = '\0';
    text_add(text, folder);
    text_add(text, "/");
    sequence_program(text);
    text_add(text, ".");
    text_add_u64(text, (uint64_t)sys_getpid());
    if (number > 1) {
        text_add(text, "-");
        text_add_u64(text, number);
    }
    text_add(text, STATE_EXTENSION);
}

/* A new one, always: what is there is somebody's last word. */
static int file_create(struct text *text)
{
    int fd = -EEXIST;
    for (uint32_t number = 1; fd == -EEXIST && number <= NAMES_MAX; number++) {
        path_make(text, number);
        fd = sys_open(text->at, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    return fd;
}

static void file_remove(const char *name)
{
    sys_call(SYS_unlinkat, AT_FDCWD, (long)name, 0, 0, 0, 0);
}

/* ---- the file of the image that this process was before an exec ---- */

/* "PROGRAM.PID.cts" or "PROGRAM.PID-2.cts" */
static bool is_named_for_us(const char *name)
{
    char pid[32];
    struct text text = TEXT_OF(pid);
    size_t length = strlen(name), extension = strlen(STATE_EXTENSION);
    pid[0] = '\0';
    text_add(&text, ".");
    text_add_u64(&text, (uint64_t)sys_getpid());
    const char *at = name;
    for (const char *next = at; (next = strstr(next, pid)) != NULL; next++)
        at = next;
    return length > extension && strcmp(name + length - extension, STATE_EXTENSION) == 0 &&
           at != name && (at[text.used] == '.' || at[text.used] == '-');
}

static bool became_us(const char *name)
{
    struct state_header header;
    int fd = sys_open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
    ssize_t got = fd < 0 ? fd : sys_read(fd, &header, sizeof header);
    if (fd >= 0)
        sys_close(fd);
    return got == (ssize_t)sizeof header &&
           memcmp(header.magic, STATE_MAGIC, sizeof header.magic) == 0 &&
           header.pid == (uint32_t)sys_getpid() && header.start_ticks == announce_start_ticks() &&
           header.over == STATE_OVER_EXEC;
}

static bool predecessor_one(const char *name, void *unused)
{
    static char found[sizeof path];
    struct text text = TEXT_OF(found);
    (void)unused;
    if (!is_named_for_us(name))
        return true;
    found[0] = '\0';
    text_add(&text, folder);
    text_add(&text, "/");
    text_add(&text, name);
    if (became_us(found))
        file_remove(found);
    return true;
}

/* ---- what is written ---- */

/* More than the program may write to a file would be a SIGXFSZ. */
static bool is_allowed(uint64_t bytes)
{
    struct rlimit limit;
    return sys_call(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit, 0, 0) == 0 &&
           (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= bytes);
}

/* What a dump begins with, behind the header. Bytes written, or -errno. */
static int facts_write(int fd)
{
    static struct dump dump;
    static const struct dump_request request = {.trigger = CTT_TRIGGER_RECOVERED, .exit_code = -1};
    memset(&dump, 0, sizeof dump);
    dump.request = &request;
    dump.sequence = 1;
    dump.taken_ns = clock_fine_ns() - clock_begun_ns();
    dump.taken_wall_ns = clock_wall_ns();
    dump.fd = fd;
    long at = sys_call(SYS_lseek, fd, STATE_FACTS_AT, SEEK_SET, 0, 0, 0);
    int result = at < 0 ? (int)at : dump_begin(&dump);
    if (result == 0) {
        dump_process(&dump);
        dump_options(&dump);
        dump_limits(&dump);
        dump_kinds(&dump);
        dump_health(&dump);
        result = dump_flush(&dump);
    }
    dump_release(&dump);
    if (result == 0 && dump.bytes > STATE_GRANULE - STATE_FACTS_AT)
        result = -EFBIG;
    return result < 0 ? result : (int)dump.bytes;
}

static void header_write(struct state_header *header, int facts_bytes)
{
    header->format_major = STATE_FORMAT_MAJOR;
    header->format_minor = STATE_FORMAT_MINOR;
    header->byte_order = CTT_BYTE_ORDER;
    header->facts_at = STATE_FACTS_AT;
    header->facts_bytes = (uint64_t)facts_bytes;
    header->granule_bytes = STATE_GRANULE;
    header->pid = (uint32_t)sys_getpid();
    header->start_ticks = announce_start_ticks();
    header->is_fork_child = atomic_load(&is_fork_child);
    header->inherited_before_ns = atomic_load(&inherited_before_ns);
    header->begun_ns = clock_since_ns();
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(header->magic, STATE_MAGIC, sizeof header->magic);
}

/* Order: rows that change meanwhile are written by who changes them, once mirror_begin
 * has been; here they may be written once more. */
static void tables_write(void)
{
    holding_mirror_details();
    own_kinds_mirror();
    modules_mirror();
    contexts_mirror();
    tasks_mirror();
    stacks_mirror();
    fds_mirror();
    keys_mirror();
    ranges_mirror();
    mishaps_mirror();
    ledger_mirror((uint32_t)(atomic_load(&inherited_before_ns) / NS_PER_MS));
}

/* Where a page that was written once may need new room later, a store would be a SIGBUS. */
static bool keeps_room(int fd)
{
    static const long kinds[] = {TMPFS_MAGIC, RAMFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC};
    struct statfs facts;
    if (sys_call(SYS_fstatfs, fd, (long)&facts, 0, 0, 0, 0) < 0)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (facts.f_type == kinds[i])
            return true;
    return false;
}

static int file_fill(int fd)
{
    uint64_t bytes = mirror_file_bytes(), first = mirror_first_bytes();
    if (!is_allowed(bytes))
        return -EFBIG;
    if (!keeps_room(fd))
        return -EOPNOTSUPP;
    int result = (int)sys_call(SYS_ftruncate, fd, (long)bytes, 0, 0, 0, 0);
    int facts_bytes = result < 0 ? result : facts_write(fd);
    if (facts_bytes < 0)
        return facts_bytes;
    long base = sys_call(SYS_mmap, 0, (long)first, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base < 0)
        return (int)base;
    result = mirror_begin((char *)base);
    if (result < 0) {
        sys_unmap((void *)base, first);
        return result;
    }
    header_write((struct state_header *)base, facts_bytes);
    tables_write();
    return 0;
}

static void refuse(int error)
{
    struct text text = TEXT_OF(note);
    note[0] = '\0';
    text_add(&text, "state= has no effect: ");
    text_add(&text, error == -EOPNOTSUPP ? "the folder is not on tmpfs, ext4 or xfs"
                    : error == -EFBIG    ? "files may not be so large (ulimit -f)"
                    : error == -EINVAL   ? "this kernel is older than Linux 5.14"
                    : error == -ENOMEM ? "no room (the folder's, or the address space's: ulimit -v)"
                    : error == -EFAULT ? "no room in the folder"
                    : error == -ENOENT ? "there is no such folder"
                    : error == -EACCES ? "the folder is not writable"
                                       : "the file could not be made");
    health_blind(0, note);
}

/* The name is the process's only when the file is. */
static void state_make(void)
{
    static char name[sizeof path];
    struct text text = TEXT_OF(name);
    int fd = file_create(&text);
    int result = fd < 0 ? fd : file_fill(fd);
    if (fd >= 0)
        sys_close(fd);
    if (result == 0) {
        memcpy(path, name, sizeof path);
        if (atomic_load(&withdrawn))
            state_withdraw(STATE_OVER_ENDED);
        return;
    }
    if (fd >= 0)
        file_remove(name);
    refuse(result);
}

static void state_make_first(void)
{
    sys_list(folder, predecessor_one, NULL);
    state_make();
}

/* ---- its life ---- */

void state_start(void)
{
    struct text text = TEXT_OF(folder);
    folder_absolute(&text, config.state);
    if (*folder && reporter_run(state_make_first, -1))
        reporter_wait(PATIENCE_NS);
}

static void on_allocated(void)
{
    if (state_is_due() && reporter_is_at_home())
        snapshot_look();
}

void state_forked(void)
{
    path[0] = '\0';
    atomic_store(&due_ns, clock_coarse_ns() + CHILD_NS);
    atomic_store(&wanted, *folder != '\0');
    atomic_store(&withdrawn, false);
    __atomic_store_n(&notify.allocated, *folder ? on_allocated : NULL, __ATOMIC_RELAXED);
}

bool state_is_due(void)
{
    return atomic_load_explicit(&wanted, memory_order_relaxed) &&
           clock_coarse_ns() >= atomic_load(&due_ns);
}

void state_look(bool has_own_fds)
{
    if (!state_is_due() || !atomic_exchange(&wanted, false))
        return;
    __atomic_store_n(&notify.allocated, NULL, __ATOMIC_RELAXED);
    if (has_own_fds)
        state_make();
    else
        health_blind(0, "state= has no effect: no task can be started (seccomp)");
}

static void over_tell(enum state_over over)
{
    struct state_header *header = mirror_header();
    if (header)
        __atomic_store_n(&header->over, (uint32_t)over, __ATOMIC_RELEASE);
}

void state_withdraw(enum state_over over)
{
    atomic_store(&withdrawn, true);
    over_tell(over);
    mirror_end();
    atomic_store(&wanted, false);
    if (*path && over != STATE_OVER_LOST)
        file_remove(path);
    path[0] = '\0';
}

void state_before_exec(bool is_followed)
{
    if (is_followed)
        over_tell(STATE_OVER_EXEC);
    else
        state_withdraw(STATE_OVER_EXEC);
}

void state_after_exec(void)
{
    over_tell(STATE_OVER_NOT);
}
