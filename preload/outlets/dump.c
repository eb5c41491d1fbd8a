/* SPDX-License-Identifier: MIT */
#include "preload/outlets/dump.h"

#include <string.h>

#include "preload/books/sweep.h"
#include "preload/facts/context.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"
#include "preload/outlets/dump_writer.h"
#include "preload/outlets/sequence.h"
#include "preload/outlets/switched_off.h"

/* What names stacks and contexts comes before the tables of those named. Some
 * are of what the books say now: not true once nobody keeps them. */
static const struct section {
    void (*write)(struct dump *);
    bool is_of_now;
} sections[] = {
    {dump_process, false}, {dump_options, false},    {dump_limits, false},  {dump_modules, false},
    {dump_kinds, false},   {dump_fds, true},         {dump_keys, true},     {dump_mappings, true},
    {dump_groups, true},   {dump_tasks, true},       {dump_jobs, true},     {dump_mishaps, false},
    {dump_holders, false}, {dump_injections, false}, {dump_contexts, true}, {dump_sites, true},
    {dump_modules, false}, {dump_reach, true},       {dump_health, false},
};

static char last_path[FOLDER_PATH + FOLDER_NAME];

const char *dump_path(void)
{
    return last_path;
}

static void path_remember(const char *name)
{
    struct text path = TEXT_OF(last_path);
    text_add(&path, folder_path());
    text_add(&path, "/");
    text_add(&path, name);
}

void dump_forget(void)
{
    if (!*last_path)
        return;
    folder_remove(-1, last_path);
    sequence_drop_last();
    last_path[0] = '\0';
}

static int dump_fill(struct dump *dump)
{
    int result = dump_begin(dump);
    if (result < 0)
        return result;
    for (size_t i = 0; i < sizeof sections / sizeof *sections && !dump->error; i++)
        if (!(sections[i].is_of_now && is_switched_off()))
            sections[i].write(dump);
    return dump_finish(dump);
}

static int dump_into(struct dump *dump)
{
    char name[FOLDER_NAME], temporary[64];
    struct text draft = TEXT_OF(temporary);
    text_add(&draft, ".ctxtrace.dump.");
    text_add_u64(&draft, (uint64_t)sys_getpid());
    dump->sequence = sequence_next(name);
    dump->fd = folder_create(dump->folder, temporary);
    if (dump->fd < 0)
        return dump->fd;
    int result = dump_fill(dump);
    dump_release(dump);
    int closed = sys_close(dump->fd);
    if (result == 0)
        result = closed; /* a quota may be noticed only here */
    if (result == 0)
        result = folder_commit(dump->folder, temporary, name);
    if (result < 0) {
        folder_remove(dump->folder, temporary);
        return result;
    }
    sequence_add(dump->folder, name, dump->bytes);
    path_remember(name);
    return 0;
}

int dump_write(const struct dump_request *request)
{
    static struct dump dump;
    memset(&dump, 0, sizeof dump);
    dump.request = request;
    dump_reconcile();
    sweep_hold();
    dump.context_ends = context_ends();
    dump.taken_ns = clock_fine_ns() - clock_begun_ns();
    dump.taken_wall_ns = clock_wall_ns();
    dump.fd = -1;
    dump_list_fds(&dump);
    dump.folder = folder_open();
    int result = dump.folder < 0 ? dump.folder : dump_into(&dump);
    if (dump.folder >= 0)
        sys_close(dump.folder);
    sweep_let_go();
    if (result < 0)
        HEALTH(snapshots_failed);
    else
        HEALTH(snapshots);
    return result;
}
