/* SPDX-License-Identifier: MIT */
/*
 * Tables in, records out. See recover.h.
 *
 * A process may be killed between any two instructions, so that rows of different tables
 * need not agree: a holding may name a stack or a context whose row was never written.
 * Then it has none.
 */
#include "recover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "process_facts.h"
#include "reader.h"
#include "recovery.h"

#define PATIENCE_NS    500000000L
#define PATIENCE_STEPS 25

/* ---- facts: records of a dump, copied ---- */

static void fact_copy(struct recovery *recovery, const struct reader_record *record)
{
    struct ctt_string string = {0};
    size_t at;

    if (record->type == CTT_TRAILER)
        return;
    at = dump_bytes_record(&recovery->dump, record->type, record->payload, record->length);
    if (record->type == CTT_PROCESS && record->length >= sizeof(recovery->process)) {
        reader_copy_fixed(record, &recovery->process, sizeof(recovery->process));
        recovery->process_at = at;
    }
    reader_copy_fixed(record, &string, sizeof(string));
    if (record->type == CTT_STRING && string.id > recovery->dump.strings)
        recovery->dump.strings = string.id;
}

static void facts_copy(struct recovery *recovery)
{
    static unsigned char facts[STATE_FACTS_MOST];
    struct reader reader;
    struct reader_record record;
    int64_t got = state_file_read(recovery->file, recovery->file->header.facts_at, facts,
                                  recovery->file->header.facts_bytes);

    if (got <= 0 || reader_start(&reader, facts, (size_t)got))
        return;
    while (reader_next(&reader, &record) > 0)
        fact_copy(recovery, &record);
}

/* ---- what it is not ---- */

static void remark(struct recovery *recovery, enum ctt_health_status status, const char *note)
{
    struct ctt_health health = {.status = status, .note = dump_bytes_string(&recovery->dump, note)};

    dump_bytes_record(&recovery->dump, CTT_HEALTH, &health, sizeof(health));
}

static void health_tell(struct recovery *recovery)
{
    remark(recovery, CTT_HEALTH_DEGRADED,
           "what was closed unseen is told as held, without names and peers");
    remark(recovery, CTT_HEALTH_FULL, "times are up to the last acquisition or release");
    remark(recovery, CTT_HEALTH_FULL,
           "limits and counters are those of the state file's beginning");
    if (recovery->file->header.is_fork_child)
        remark(recovery, CTT_HEALTH_FULL,
               "memory inherited from the process that forked is left out");
    if (recovery->file->header.over == STATE_OVER_LOST)
        remark(recovery, CTT_HEALTH_FULL, "it ended by itself, and could not write its dump");
    if (recovery->left_out_locks)
        remark(recovery, CTT_HEALTH_FULL, "locks are not in a recovered report");
}

/* Its times are those of the last thing that is told: when it was killed nobody knows. */
static void process_finish(struct recovery *recovery)
{
    struct ctt_process *process = &recovery->process;

    if (!recovery->process_at)
        return;
    recovery_note_time(recovery, process->uptime_ns);
    process->trigger = CTT_TRIGGER_RECOVERED;
    process->exit_code = -1;
    process->uptime_ns = recovery->last_ns;
    process->taken_wall_ns = process->start_wall_ns + recovery->last_ns;
    memcpy(recovery->dump.bytes + recovery->process_at, process, sizeof(*process));
}

/* What is referred to comes before what refers to it. */
static const struct step {
    enum state_table table;
    void (*each)(uint32_t index, const void *row, void *arg);
} steps[] = {
    {STATE_OWN_KIND, recovery_tell_kind},   {STATE_DETAIL, recovery_tell_detail},
    {STATE_MODULE, recovery_tell_module},   {STATE_NODE, recovery_take_node},
    {STATE_CONTEXT, recovery_take_context}, {STATE_TASK, recovery_take_task},
    {STATE_FD, recovery_tell_holding},      {STATE_KEY, recovery_tell_holding},
    {STATE_RANGE, recovery_tell_holding},   {STATE_BLOCK, recovery_add_block},
    {STATE_MISHAP, recovery_tell_mishap},
};

void recover_build(struct input *ret_input, struct state_file *file)
{
    struct recovery recovery = {.file = file};

    dump_bytes_start(&recovery.dump);
    facts_copy(&recovery);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        state_file_each(file, steps[i].table, steps[i].each, &recovery);
    recovery_tell_groups(&recovery);
    recovery_tell_tasks(&recovery);
    process_finish(&recovery);
    recovery_tell_contexts(&recovery);
    state_file_each(file, STATE_TALLY, recovery_tell_site, &recovery);
    health_tell(&recovery);
    dump_bytes_finish(&recovery.dump);
    *ret_input = (struct input){recovery.dump.bytes, recovery.dump.size};
    recovery_free(&recovery);
}

/* A pid may be another process's by now, or one of another container's. */
static bool still_runs(const struct state_header *header)
{
    struct process_facts facts;

    return header->pid && process_facts_read(&facts, (pid_t)header->pid) == 0 &&
           facts.start_ticks == header->start_ticks && facts.state != 'Z' && facts.state != 'X';
}

/* A process that was just killed takes a moment to go. */
static bool runs_on(const struct state_header *header)
{
    const struct timespec moment = {.tv_nsec = PATIENCE_NS / PATIENCE_STEPS};

    for (int i = 0; i < PATIENCE_STEPS && still_runs(header); i++)
        nanosleep(&moment, NULL);
    return still_runs(header);
}

/* Why there is nothing to recover, or NULL. */
static const char *over_sentence(const struct state_header *header)
{
    switch (header->over) {
    case STATE_OVER_ENDED:
        return "the process has ended by itself, and said then what it had to say";
    case STATE_OVER_EXEC:
        return "the process became another program (exec), and said then what it had to say";
    case STATE_OVER_OFF:
        return "the tracker was switched off in this process (ctxtrace off)";
    default:
        return runs_on(header) ? "the process still runs: ctxtrace snapshot" : NULL;
    }
}

int recover_load(struct input *ret_input, const char *path)
{
    struct state_file file;
    const char *why = NULL;
    int r = state_file_open(&file, path, &why);

    if (r == 0 && (why = over_sentence(&file.header)) != NULL) {
        fprintf(stderr, "ctxtrace: %s: process %u: %s\n", path, file.header.pid, why);
        state_file_close(&file);
        return -1;
    }
    if (r) {
        fprintf(stderr, "ctxtrace: %s: %s\n", path, r < 0 ? strerror(-r) : why);
        return -1;
    }
    recover_build(ret_input, &file);
    state_file_close(&file);
    return 0;
}
