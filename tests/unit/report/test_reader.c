/* SPDX-License-Identifier: MIT */
/*
 * The reader on damaged dumps: cut at every byte, every byte flipped, structs
 * grown and shrunk, newer and foreign files. Run under ASan these find reads
 * outside the buffer, so every image is copied to a block of its exact size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dump_builder.h"
#include "report/render.h"
#include "report/report.h"

/* Returns the fault; reads, judges and renders whatever can be read. */
static int image_run(const unsigned char *bytes, size_t size, FILE *out)
{
    unsigned char *copy = malloc(size ? size : 1);
    struct report_request request = {0};
    struct model *model;
    struct report *report;
    int fault;

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    fault = model_load(&model, copy, size);
    free(copy);
    if (fault)
        return fault;
    model_symbolize(model, NULL);
    report = report_new(model, &request);
    fault = model->fault;
    renderer_find("text", 4)->render(report, out);
    renderer_find("json", 4)->render(report, out);
    report_free(report);
    model_free(model);
    return fault;
}

static struct dump_builder *scene_new(void)
{
    struct dump_builder *b = builder_new();

    builder_scene(b, CTT_TRIGGER_SIGNAL);
    return b;
}

static FILE *sink_open(void)
{
    FILE *out = fopen("/dev/null", "w");

    assert_non_null(out);
    return out;
}

static void test_whole(void **state)
{
    struct dump_builder *b = scene_new();
    FILE *out = sink_open();

    assert_int_equal(image_run(b->bytes, b->size, out), READER_WHOLE);
    fclose(out);
    builder_free(b);
}

static void test_cut_everywhere(void **state)
{
    struct dump_builder *b = scene_new();
    FILE *out = sink_open();

    for (size_t size = 0; size < b->size; size++) {
        int fault = image_run(b->bytes, size, out);

        if (size == 0)
            assert_int_equal(fault, READER_EMPTY);
        else if (size < sizeof(struct ctt_header))
            assert_int_equal(fault, READER_CUT_HEADER);
        else
            assert_int_equal(fault, READER_CUT);
    }
    fclose(out);
    builder_free(b);
}

static void test_flipped_everywhere(void **state)
{
    static const unsigned char masks[] = {0x01, 0x80, 0xff};
    struct dump_builder *b = scene_new();
    FILE *out = sink_open();

    for (size_t at = 0; at < b->size; at++) {
        for (size_t m = 0; m < sizeof(masks); m++) {
            b->bytes[at] ^= masks[m];
            image_run(b->bytes, b->size, out);
            b->bytes[at] ^= masks[m];
        }
    }
    fclose(out);
    builder_free(b);
}

static void test_checksum(void **state)
{
    struct dump_builder *b = scene_new();
    FILE *out = sink_open();

    b->bytes[b->size / 2] ^= 1;
    assert_int_equal(image_run(b->bytes, b->size, out), READER_BAD_CRC);
    fclose(out);
    builder_free(b);
}

static void test_count(void **state)
{
    struct dump_builder *b = builder_new();
    FILE *out = sink_open();

    builder_process(b, CTT_TRIGGER_EXIT, 0);
    b->records++;
    builder_finish(b);
    assert_int_equal(image_run(b->bytes, b->size, out), READER_BAD_COUNT);
    fclose(out);
    builder_free(b);
}

static int header_fault(void (*change)(struct ctt_header *header))
{
    struct dump_builder *b = scene_new();
    FILE *out = sink_open();
    int fault;

    change((struct ctt_header *)b->bytes);
    fault = image_run(b->bytes, b->size, out);
    fclose(out);
    builder_free(b);
    return fault;
}

static void make_newer(struct ctt_header *h)
{
    h->format_major++;
}
static void make_foreign(struct ctt_header *h)
{
    h->byte_order = 0x04030201;
}
static void make_other(struct ctt_header *h)
{
    memcpy(h->magic, "\177ELF\2\1\1", 8);
}
static void make_endless(struct ctt_header *h)
{
    h->header_bytes = UINT32_MAX;
}

static void test_headers(void **state)
{
    assert_int_equal(header_fault(make_newer), READER_NEWER);
    assert_int_equal(header_fault(make_foreign), READER_FOREIGN);
    assert_int_equal(header_fault(make_other), READER_NOT_A_DUMP);
    assert_int_equal(header_fault(make_endless), READER_CUT_HEADER);
    for (int fault = READER_BAD_COUNT; fault < READER_FAULT_COUNT; fault++)
        assert_non_null(reader_fault_sentence(fault));
    assert_non_null(strstr(reader_fault_sentence(READER_NEWER), "newer than this command reads"));
}

static struct model *model_of(struct dump_builder *b)
{
    struct model *model = NULL;

    builder_finish(b);
    assert_int_equal(model_load(&model, b->bytes, b->size), 0);
    builder_free(b);
    return model;
}

/* A record of a newer minor version is longer: the rest is ignored. */
static void test_grown_record(void **state)
{
    struct {
        struct ctt_counter counter;
        uint64_t unheard_of[3];
    } grown = {.counter = {.value = 42}, .unheard_of = {1, 2, 3}};
    struct dump_builder *b = builder_new();
    struct model *model;

    grown.counter.name = builder_string(b, "grown");
    builder_record(b, CTT_COUNTER, &grown, sizeof(grown));
    model = model_of(b);
    assert_int_equal(model->fault, READER_WHOLE);
    assert_string_equal(model->counters->name, "grown");
    assert_int_equal(model->counters->value, 42);
    model_free(model);
}

/* A record of an older minor version is shorter: the rest is zero. */
static void test_shrunk_record(void **state)
{
    struct ctt_process process = {.pid = 7, .sequence = 9, .taken_wall_ns = 5};
    struct dump_builder *b = builder_new();
    struct model *model;

    builder_record(b, CTT_PROCESS, &process, offsetof(struct ctt_process, trigger));
    model = model_of(b);
    assert_int_equal(model->process.facts.pid, 7);
    assert_int_equal(model->process.facts.sequence, 9);
    assert_int_equal(model->process.facts.taken_wall_ns, 0);
    model_free(model);
}

/* As before it was known what reaches memory, and after; a second word on it is none. */
static void test_reach_records(void **state)
{
    struct ctt_process process = {.pid = 7};
    struct ctt_group group = {.kind = CTT_KIND_MEMORY, .count = 3, .parts = 5, .parts_bytes = 60};
    struct ctt_context context = {.id = 2, .flags = CTT_CONTEXT_IGNORED};
    struct dump_builder *b = builder_new();
    struct model *model;

    builder_record(b, CTT_PROCESS, &process, offsetof(struct ctt_process, suppressions));
    builder_record(b, CTT_GROUP, &group, offsetof(struct ctt_group, parts));
    model = model_of(b);
    assert_null(model->process.suppressions);
    assert_int_equal(model->holdings->parts, 0);
    assert_false(model->reach.known);
    assert_int_equal(model->reach.facts.state, CTT_REACH_NONE);
    model_free(model);

    b = builder_new();
    process.suppressions = builder_string(b, "leak:x");
    builder_record(b, CTT_PROCESS, &process, sizeof(process));
    builder_record(b, CTT_CONTEXT, &context, sizeof(context));
    group.context = 2;
    builder_record(b, CTT_GROUP, &group, sizeof(group));
    builder_reach(b, CTT_REACH_DOUBTFUL, "a thread ran on");
    builder_reach(b, CTT_REACH_JUDGED, NULL);
    model = model_of(b);
    assert_string_equal(model->process.suppressions, "leak:x");
    assert_int_equal(model->process.suppressions_bytes, 6);
    assert_int_equal(model->holdings->parts, 5);
    assert_int_equal(model->holdings->parts_bytes, 60);
    assert_true(holding_is_ignored(model->holdings));
    assert_int_equal(model->reach.facts.state, CTT_REACH_DOUBTFUL);
    assert_string_equal(model->reach.note, "a thread ran on");
    assert_int_equal(model->strange_records, 1);
    model_free(model);
}

/* Parents in a circle: whoever goes outwards comes to an end. */
static void test_context_circles(void **state)
{
    struct dump_builder *b = builder_new();
    unsigned steps = 0;
    struct model *model;

    builder_process(b, CTT_TRIGGER_SIGNAL, 0);
    builder_context(b, 2, 4, CTT_CONTEXT_CTX, CTT_STATE_OK, SEC, NULL);
    builder_context(b, 3, 2, CTT_CONTEXT_CTX, CTT_STATE_OK, SEC, NULL);
    builder_context(b, 4, 3, CTT_CONTEXT_CTX, CTT_STATE_OK, SEC, NULL);
    builder_context(b, 5, 5, CTT_CONTEXT_CTX, CTT_STATE_OK, SEC, NULL);
    builder_context(b, 6, 4, CTT_CONTEXT_CTX, CTT_STATE_OK, SEC, NULL);
    model = model_of(b);
    for (uint32_t id = 2; id < 7; id++) {
        for (const struct context *c = model_context(model, id); c && steps < 99; c = c->parent)
            steps++;
        assert_null(context_label(model_context(model, id)));
        assert_null(context_trace(model_context(model, id)));
    }
    assert_true(steps < 99);
    model_free(model);
}

static void test_unknown_records(void **state)
{
    static const char payload[] = "from the future";
    struct dump_builder *b = builder_new();
    struct model *model;

    builder_record(b, 999, payload, sizeof(payload));
    builder_record(b, 0, payload, 0);
    builder_process(b, CTT_TRIGGER_EXIT, 0);
    model = model_of(b);
    assert_int_equal(model->fault, READER_WHOLE);
    assert_int_equal(model->strange_records, 2);
    assert_true(model->process.known);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_cut_everywhere),
        cmocka_unit_test(test_flipped_everywhere),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_grown_record),
        cmocka_unit_test(test_shrunk_record),
        cmocka_unit_test(test_reach_records),
        cmocka_unit_test(test_context_circles),
        cmocka_unit_test(test_unknown_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
