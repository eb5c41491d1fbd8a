/* SPDX-License-Identifier: MIT */
#include "preload/outlets/announce.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "preload/facts/signals.h"
#include "preload/ground/sys.h"
#include "preload/outlets/dump.h"
#include "preload/outlets/folder.h"
#include "preload/outlets/sequence.h"
#include "preload/outlets/switched_off.h"

#define START_FIELD 22

static int listens[2];
static _Atomic uint64_t marked_ns = CTT_NEVER;
static _Atomic bool published;
static char published_in[FOLDER_PATH];

void announce_signals(int first, int second)
{
    listens[0] = first;
    listens[1] = second;
}

void announce_set_mark(uint64_t mark_ns)
{
    atomic_store(&marked_ns, mark_ns);
}

uint64_t announce_mark_ns(void)
{
    return atomic_load(&marked_ns);
}

void announce_forked(void)
{
    atomic_store(&published, false);
    atomic_store(&marked_ns, CTT_NEVER);
}

uint64_t announce_start_ticks(void)
{
    char line[1024];
    if (sys_slurp("/proc/self/stat", line, sizeof line) <= 0)
        return 0;
    const char *at = strrchr(line, ')'); /* the name may hold spaces */
    if (!at)
        return 0;
    for (int field = 2; field < START_FIELD && *at; at++)
        field += *at == ' ';
    return text_read_u64(&at);
}

/* ---- the file ---- */

static void name_of(struct text *name, const char *suffix)
{
    text_add(name, ".ctxtrace.");
    text_add_u64(name, (uint64_t)sys_getpid());
    text_add(name, suffix);
}

static void line_u64(struct text *text, const char *key, uint64_t value)
{
    text_add(text, key);
    text_add(text, "=");
    text_add_u64(text, value);
    text_add(text, "\n");
}

/* A signal that the program has taken makes no snapshot any more. */
static uint64_t signal_held(int number)
{
    return number && signals_ours(number) ? (uint64_t)number : 0;
}

static void compose(struct text *text)
{
    text_add(text, "version=" CTXTRACE_VERSION "\n");
    line_u64(text, "pid", (uint64_t)sys_getpid());
    line_u64(text, "start", announce_start_ticks());
    line_u64(text, "signal", signal_held(listens[0]));
    line_u64(text, "signal2", signal_held(listens[1]));
    line_u64(text, "sequence", sequence_last());
    text_add(text, "file=");
    text_add(text, dump_path());
    text_add(text, "\n");
    if (announce_mark_ns() != CTT_NEVER)
        line_u64(text, "mark_ns", announce_mark_ns());
    if (is_switched_off())
        line_u64(text, "off_ns", switched_off_ns());
}

static int write_file(int folder)
{
    static char content[FOLDER_PATH + FOLDER_NAME + 512];
    char name[64], temporary[64];
    struct text text = TEXT_OF(content), final = TEXT_OF(name), draft = TEXT_OF(temporary);
    compose(&text);
    name_of(&final, "");
    name_of(&draft, ".tmp");
    int fd = folder_create(folder, temporary);
    if (fd < 0)
        return fd;
    int result = sys_write_all(fd, content, text.used);
    sys_close(fd);
    if (result == 0)
        result = folder_replace(folder, temporary, name);
    if (result < 0)
        folder_remove(folder, temporary);
    return result;
}

int announce_publish(void)
{
    int folder = folder_open();
    if (folder < 0)
        return folder;
    int result = write_file(folder);
    sys_close(folder);
    if (result == 0) {
        memcpy(published_in, folder_path(), sizeof published_in);
        atomic_store(&published, true);
    }
    return result;
}

void announce_withdraw(void)
{
    if (!atomic_exchange(&published, false))
        return;
    char path[FOLDER_PATH + 64];
    struct text text = TEXT_OF(path);
    text_add(&text, published_in);
    text_add(&text, "/");
    name_of(&text, "");
    folder_remove(-1, path);
}
