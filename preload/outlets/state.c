/* SPDX-License-Identifier: MIT */
#include "preload/outlets/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "preload/books/fdtable.h"
#include "preload/books/keytable.h"
#include "preload/books/ledger.h"
#include "preload/books/mishap.h"
#include "preload/books/ranges.h"
#include "preload/facts/context.h"
#include "preload/facts/module.h"
#include "preload/facts/stack.h"
#include "preload/facts/task.h"
#include "preload/ground/blind.h"
#include "preload/ground/config.h"
#include "preload/ground/mirror.h"
#include "preload/ground/sys.h"
#include "preload/outlets/announce.h"
#include "preload/outlets/dump_writer.h"
#include "preload/outlets/folder.h"
#include "preload/outlets/reporter.h"
#include "preload/outlets/sequence.h"

#define NS_PER_MS   UINT64_C(1000000)
#define PATIENCE_NS (2000 * NS_PER_MS)
#define CHILD_NS    (100 * NS_PER_MS) /* a child that has lived so long will not exec */
#define NAMES_MAX   100u              /* files of killed processes with this one's pid */

static char folder[FOLDER_PATH];
static char path[FOLDER_PATH + FOLDER_NAME]; /* "": none */
static _Atomic bool wanted;
static _Atomic uint64_t due_ns;
static char note[128];

/* ---- the file ---- */

static void path_make(uint32_t number)
{
    struct text text = TEXT_OF(path);
    path[0] = '\0';
    text_add(&text, folder);
    text_add(&text, "/");
    sequence_program(&text);
    text_add(&text, ".");
    text_add_u64(&text, (uint64_t)sys_getpid());
    if (number > 1) {
        text_add(&text, "-");
        text_add_u64(&text, number);
    }
    text_add(&text, STATE_EXTENSION);
}

/* A new one, always: what is there is somebody's last word. */
static int file_create(void)
{
    int fd = -EEXIST;
    for (uint32_t number = 1; fd == -EEXIST && number <= NAMES_MAX; number++) {
        path_make(number);
        fd = sys_open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    return fd;
}

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

static void header_write(char *base, int facts_bytes)
{
    struct state_header *header = (struct state_header *)base;
    header->format_major = STATE_FORMAT_MAJOR;
    header->format_minor = STATE_FORMAT_MINOR;
    header->byte_order = CTT_BYTE_ORDER;
    header->facts_bytes = (uint64_t)facts_bytes;
    header->pid = (uint32_t)sys_getpid();
    header->table_count = STATE_TABLE_COUNT;
    header->start_ticks = announce_start_ticks();
    header->is_fork_child = atomic_load(&is_fork_child);
    header->inherited_before_ns = atomic_load(&inherited_before_ns);
    header->begun_ns = clock_since_ns();
    mirror_layout(header->tables);
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(header->magic, STATE_MAGIC, sizeof header->magic);
}

/* Order: rows that change meanwhile are written by who changes them, once mirror_begin
 * has been; here they may be written once more. */
static void tables_write(void)
{
    holding_mirror_details();
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

static int file_fill(int fd)
{
    struct state_table_facts tables[STATE_TABLE_COUNT];
    uint64_t bytes = mirror_layout(tables);
    if (!is_allowed(bytes))
        return -EFBIG;
    int result = (int)sys_call(SYS_ftruncate, fd, (long)bytes, 0, 0, 0, 0);
    int facts_bytes = result < 0 ? result : facts_write(fd);
    if (facts_bytes < 0)
        return facts_bytes;
    long base = sys_call(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base < 0 && base > -4096)
        return (int)base;
    result = mirror_begin((char *)base);
    if (result < 0) {
        sys_unmap((void *)base, bytes);
        return result;
    }
    header_write((char *)base, facts_bytes);
    tables_write();
    return 0;
}

static void refuse(int error)
{
    struct text text = TEXT_OF(note);
    note[0] = '\0';
    text_add(&text, "state= has no effect: ");
    text_add(&text, error == -EFBIG    ? "files may not be so large (ulimit -f)"
                    : error == -EINVAL ? "this kernel is older than Linux 5.14"
                    : error == -ENOMEM ? "no room (the folder's, or the address space's: ulimit -v)"
                    : error == -EFAULT ? "no room in the folder"
                    : error == -ENOENT ? "there is no such folder"
                    : error == -EACCES ? "the folder is not writable"
                                       : "the file could not be made");
    health_blind(0, note);
}

static void state_make(void)
{
    int fd = file_create();
    int result = fd < 0 ? fd : file_fill(fd);
    if (fd >= 0)
        sys_close(fd);
    if (result == 0)
        return;
    if (fd >= 0)
        sys_call(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0);
    path[0] = '\0';
    refuse(result);
}

/* ---- its life ---- */

void state_start(void)
{
    struct text text = TEXT_OF(folder);
    folder_absolute(&text, config.state);
    if (*folder && reporter_run(state_make, -1))
        reporter_wait(PATIENCE_NS);
}

void state_forked(void)
{
    path[0] = '\0';
    atomic_store(&due_ns, clock_coarse_ns() + CHILD_NS);
    atomic_store(&wanted, *folder != '\0');
}

bool state_is_due(void)
{
    return atomic_load_explicit(&wanted, memory_order_relaxed) &&
           clock_coarse_ns() >= atomic_load(&due_ns);
}

void state_look(bool has_own_fds)
{
    if (state_is_due() && atomic_exchange(&wanted, false) && has_own_fds)
        state_make();
}

void state_withdraw(void)
{
    mirror_end();
    atomic_store(&wanted, false);
    if (*path)
        sys_call(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0);
    path[0] = '\0';
}

void state_return(void)
{
    if (*folder && !mirror_is_on())
        state_forked();
}
