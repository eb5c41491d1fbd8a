/* SPDX-License-Identifier: MIT */
/*
 * See dump_builder.h.
 */
#include "dump_builder.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "fake_symbols.h"

enum { FRAMES_MAX = 64, NAME_MAX_BYTES = 64 };

static void bytes_add(struct dump_builder *b, const void *bytes, size_t size)
{
    if (b->size + size > b->capacity) {
        b->capacity = (b->size + size) * 2;
        b->bytes = realloc(b->bytes, b->capacity);
        if (!b->bytes)
            abort();
    }
    if (size)
        memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
}

struct dump_builder *builder_new(void)
{
    struct dump_builder *b = calloc(1, sizeof(*b));
    struct ctt_header header = {
        .format_major = CTT_FORMAT_MAJOR,
        .format_minor = CTT_FORMAT_MINOR,
        .header_bytes = sizeof(header),
        .byte_order = CTT_BYTE_ORDER,
    };

    if (!b)
        abort();
    memcpy(header.magic, CTT_MAGIC, sizeof(header.magic));
    b->pid = 4711;
    b->sequence = 3;
    b->mark_ns = CTT_NEVER;
    bytes_add(b, &header, sizeof(header));
    return b;
}

struct dump_builder *builder_free(struct dump_builder *b)
{
    if (b)
        free(b->bytes);
    free(b);
    return NULL;
}

void builder_record(struct dump_builder *b, uint16_t type, const void *payload, size_t bytes)
{
    static const unsigned char zeros[CTT_ALIGN];
    struct ctt_record head = {.type = type, .length = (uint32_t)bytes};

    bytes_add(b, &head, sizeof(head));
    bytes_add(b, payload, bytes);
    bytes_add(b, zeros, (CTT_ALIGN - bytes % CTT_ALIGN) % CTT_ALIGN);
    b->records++;
}

uint32_t builder_string_bytes(struct dump_builder *b, const char *text, size_t bytes)
{
    struct ctt_string head = {++b->last_id, (uint32_t)bytes};
    unsigned char *payload = malloc(sizeof(head) + bytes);

    if (!payload)
        abort();
    memcpy(payload, &head, sizeof(head));
    memcpy(payload + sizeof(head), text, bytes);
    builder_record(b, CTT_STRING, payload, sizeof(head) + bytes);
    free(payload);
    return head.id;
}

uint32_t builder_string(struct dump_builder *b, const char *text)
{
    return text ? builder_string_bytes(b, text, strlen(text)) : 0;
}

static uint64_t pc_of(const char *function, size_t length, int is_leaf)
{
    for (size_t i = 0; i < FAKE_SYMBOL_COUNT; i++) {
        const struct fake_symbol *s = &fake_symbols[i];

        if (strlen(s->function) == length && memcmp(s->function, function, length) == 0)
            return (FAKE_BIAS(s->module) + s->address + (is_leaf ? 0 : 8)) |
                   (uint64_t)s->module << 48 | (is_leaf ? CTT_PC_EXACT : 0);
    }
    return 0x1234;
}

uint32_t builder_stack_cut(struct dump_builder *b, const char *functions, uint16_t cut)
{
    struct {
        struct ctt_stack head;
        uint64_t pcs[FRAMES_MAX];
    } stack = {.head = {.flags = CTT_STACK_LEAF_ENTRY, .cut = cut}};
    uint32_t count = 0;

    while (*functions && count < FRAMES_MAX) {
        size_t length = strcspn(functions, " ");

        stack.pcs[count] = pc_of(functions, length, count == 0);
        count++;
        functions += length + (functions[length] == ' ');
    }
    stack.head.id = ++b->last_id;
    stack.head.frames = count;
    stack.head.flags |= cut ? CTT_STACK_CUT : 0;
    builder_record(b, CTT_STACK, &stack, sizeof(stack.head) + count * sizeof(uint64_t));
    return stack.head.id;
}

uint32_t builder_stack(struct dump_builder *b, const char *functions)
{
    return builder_stack_cut(b, functions, CTT_CUT_NONE);
}

static void modules_add(struct dump_builder *b, uint32_t from, uint32_t to)
{
    static const uint32_t flags[FAKE_MODULE_END] = {
        [FAKE_PROGRAM] = CTT_MODULE_EXECUTABLE,
        [FAKE_LIBC] = CTT_MODULE_LIBC,
    };

    for (uint32_t m = from; m < to; m++) {
        struct ctt_module module = {
            .id = m,
            .flags = flags[m],
            .start = FAKE_BIAS(m),
            .end = FAKE_BIAS(m) + 0x100000,
            .bias = FAKE_BIAS(m),
            .path = builder_string(b, fake_module_paths[m]),
            .build_id = builder_string(b, "19ccae8500112233"),
        };

        builder_record(b, CTT_MODULE, &module, sizeof(module));
    }
}

void builder_runtimes(struct dump_builder *b)
{
    modules_add(b, FAKE_RUNTIMES, FAKE_MODULE_END);
}

void builder_process(struct dump_builder *b, uint32_t trigger, int exit_code)
{
    static const char argv[] = "./orders\0--port\0"
                               "8080";
    struct ctt_process process = {
        .pid = b->pid,
        .ppid = 1,
        .uid = 1000,
        .sequence = b->sequence,
        .trigger = trigger,
        .exit_code = trigger == CTT_TRIGGER_EXIT ? exit_code : -1,
        .signal = trigger == CTT_TRIGGER_SIGNAL  ? 10
                  : trigger == CTT_TRIGGER_FATAL ? (b->signal ? b->signal : 6)
                                                 : 0,
        .granule = 32,
        .start_wall_ns = UINT64_C(1795312512) * SEC,
        .start_ticks = 123456,
        .taken_wall_ns = UINT64_C(1795312512) * SEC + BUILT_NOW,
        .uptime_ns = BUILT_NOW,
        .mark_ns = b->mark_ns,
        .tracker_bytes = 1 << 20,
        .sample_bytes = b->sample_bytes,
        .exe = builder_string(b, fake_module_paths[FAKE_PROGRAM]),
        .name = builder_string(b, "orders"),
        .argv = builder_string_bytes(b, argv, sizeof(argv)),
        .cwd = builder_string(b, "/srv"),
        .host = builder_string(b, "web-03"),
        .kernel = builder_string(b, "Linux 6.1.0"),
        .libc = builder_string(b, "glibc 2.36"),
        .arch = builder_string(b, "x86_64"),
        .tool_version = builder_string(b, "0.1.0"),
        .suppressions = builder_string(b, b->suppressions),
        .trace_id = builder_string(b, b->trace_id),
    };
    struct ctt_health health = {.status = CTT_HEALTH_FULL};

    builder_record(b, CTT_PROCESS, &process, sizeof(process));
    builder_record(b, CTT_HEALTH, &health, sizeof(health));
    modules_add(b, FAKE_PROGRAM, FAKE_RUNTIMES);
    builder_context(b, 1, 0, CTT_CONTEXT_PROCESS, CTT_STATE_ACTIVE, CTT_NEVER, NULL);
}

void builder_option(struct dump_builder *b, const char *key, const char *value)
{
    struct ctt_option option = {builder_string(b, key), builder_string(b, value), CTT_ORIGIN_ENV,
                                0};

    builder_record(b, CTT_OPTION, &option, sizeof(option));
}

void builder_context(struct dump_builder *b, uint32_t id, uint32_t parent, uint32_t kind,
                     uint32_t state, uint64_t ended_ns, const char *name)
{
    struct ctt_context context = {
        .id = id,
        .parent = parent,
        .kind = kind,
        .state = state,
        .created_ns = 300 * MS,
        .ended_ns = ended_ns,
        .name = builder_string(b, name),
        .flags = b->context_flags,
    };

    builder_record(b, CTT_CONTEXT, &context, sizeof(context));
}

void builder_reach(struct dump_builder *b, uint32_t state, const char *note)
{
    struct ctt_reach reach = {
        .state = state,
        .note = builder_string(b, note),
        .threads = 4,
        .threads_unread = state == CTT_REACH_DOUBTFUL,
        .blocks = 12034,
        .bytes = 3250000,
        .root_bytes = 1 << 20,
        .time_ns = 2 * MS,
    };

    builder_record(b, CTT_REACH, &reach, sizeof(reach));
}

void builder_blocks(struct dump_builder *b, const char *functions, uint32_t flags, uint32_t context,
                    uint64_t count, uint64_t parts)
{
    struct ctt_group group = {
        .kind = CTT_KIND_MEMORY,
        .flags = flags,
        .context = context,
        .stack = builder_stack(b, functions),
        .count = count,
        .bytes = 10 * count,
        .oldest_ns = 50 * MS,
        .newest_ns = 70 * MS,
        .parts = parts,
        .parts_bytes = 100 * parts,
    };

    builder_record(b, CTT_GROUP, &group, sizeof(group));
}

void builder_finish(struct dump_builder *b)
{
    struct ctt_trailer trailer = {
        .records = b->records,
        .crc = (uint32_t)crc32(crc32(0, NULL, 0), b->bytes, (uInt)b->size),
    };

    builder_record(b, CTT_TRAILER, &trailer, sizeof(trailer));
}
