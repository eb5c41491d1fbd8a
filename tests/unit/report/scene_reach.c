/* SPDX-License-Identifier: MIT */
/*
 * Memory that is reached in every way and in none, and rules for what is not to be told:
 * the dump behind the golden reports of both. See builder_reach_scene().
 */
#include "dump_builder.h"

enum { CACHE = 2, JOB = 3 };

static const char rules[] = "# the program's own\n"
                            "leak:^walk$\n"
                            "leak:nothing_of_the_kind ticket=T-7\n"
                            "leek:typo\n"
                            "leak:close_conf until=2026-01-31\n"
                            "leak:handle_request max=1";

static void streams_add(struct dump_builder *b)
{
    struct ctt_holding stream = {
        .kind = CTT_KIND_STREAM,
        .flags = CTT_HOLDING_LIBC_ONLY,
        .handle = 0x55550010,
        .context = 1,
        .stack = builder_stack(b, "fopen64 load_conf main"),
        .acquired_ns = 100 * MS,
        .last_used_ns = CTT_NEVER,
        .name = builder_string(b, "/etc/orders.conf"),
    };
    struct ctt_holding dir = stream;

    dir.kind = CTT_KIND_DIR;
    dir.handle = 0x55550020;
    dir.stack = builder_stack(b, "opendir main __libc_start_main");
    dir.name = builder_string(b, "/var/spool");
    builder_record(b, CTT_HOLDING, &stream, sizeof(stream));
    builder_record(b, CTT_HOLDING, &dir, sizeof(dir));
    /* Their memory is theirs. */
    builder_blocks(b, "malloc fopen64 load_conf main", CTT_HOLDING_LOST, 1, 1, 1);
    builder_blocks(b, "malloc opendir main __libc_start_main", CTT_HOLDING_LOST, 1, 1, 0);
}

static void split_add(struct dump_builder *b)
{
    uint32_t stack = builder_stack(b, "malloc load_conf handle_request");
    struct ctt_site site = {
        .stack = stack, .kind = CTT_KIND_MEMORY, .acquired = 1000, .released = 986};
    struct ctt_group group = {.kind = CTT_KIND_MEMORY, .stack = stack, .context = 1};
    static const struct {
        uint32_t flags;
        uint64_t count, parts;
    } ways[] = {
        {CTT_HOLDING_REACHED, 5, 0},   {CTT_HOLDING_INSIDE, 1, 0},
        {CTT_HOLDING_LOST, 3, 12},     {CTT_HOLDING_LOST | CTT_HOLDING_RING, 2, 0},
        {CTT_HOLDING_LOST_PART, 3, 0},
    };

    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        group.flags = ways[i].flags;
        group.count = ways[i].count;
        group.bytes = 80 * ways[i].count;
        group.parts = ways[i].parts;
        group.parts_bytes = 256 * ways[i].parts;
        builder_record(b, CTT_GROUP, &group, sizeof(group));
    }
    builder_record(b, CTT_SITE, &site, sizeof(site));
}

void builder_reach_scene(struct dump_builder *b, uint32_t trigger)
{
    b->suppressions = rules;
    builder_process(b, trigger, 0);
    builder_runtimes(b);
    builder_context(b, JOB, 1, CTT_CONTEXT_THREAD, CTT_STATE_OK, 3 * SEC, NULL);
    b->context_flags = CTT_CONTEXT_IGNORED;
    builder_context(b, CACHE, 1, CTT_CONTEXT_SCOPE, CTT_STATE_OK, 4 * SEC, "a cache");
    b->context_flags = 0;
    builder_reach(b, CTT_REACH_JUDGED, NULL);
    split_add(b);
    streams_add(b);
    builder_blocks(b, "malloc walk main", CTT_HOLDING_LOST, 1, 2, 0);
    builder_blocks(b, "malloc close_conf main", CTT_HOLDING_LOST | CTT_HOLDING_RING, JOB, 1, 0);
    builder_blocks(b, "malloc sys_helper", CTT_HOLDING_LOST, 1, 6, 0);
    builder_blocks(b, "malloc FcInitLoadConfigAndFonts main", CTT_HOLDING_LOST, 1, 1, 1);
    builder_blocks(b, "malloc main", CTT_HOLDING_LOST, CACHE, 4, 0);
    builder_blocks(b, "malloc worker_main", CTT_HOLDING_REACHED, JOB, 9, 0);
    builder_finish(b);
}
