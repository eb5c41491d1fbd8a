/* SPDX-License-Identifier: MIT */
/*
 * The graphs of the context tree against tests/golden, which check_graphs.py holds against
 * their languages; and how many contexts are drawn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dump_builder.h"
#include "golden.h"
#include "report/render.h"

static const char *const formats[] = {"dot", "mermaid"};

static void test_declared(void **state)
{
    const struct report_request plain = {.path = "x.ctt"}, all = {.all = true};

    for (size_t i = 0; i < 2; i++) {
        char name[40];

        snprintf(name, sizeof(name), "declared.%s", formats[i]);
        golden_check_declared(name, formats[i], CTT_TRIGGER_SIGNAL, &plain);
        snprintf(name, sizeof(name), "declared-all.%s", formats[i]);
        golden_check_declared(name, formats[i], CTT_TRIGGER_EXIT, &all);
    }
}

/* 300 requests, the last of which has ended and holds something. */
static void requests_build(struct dump_builder *b)
{
    struct ctt_holding fd = {.kind = CTT_KIND_FD, .handle = 9, .last_used_ns = CTT_NEVER};

    builder_process(b, CTT_TRIGGER_SIGNAL, 0);
    for (uint32_t id = 2; id < 302; id++)
        builder_context(b, id, 1, CTT_CONTEXT_CTX, id < 301 ? CTT_STATE_ACTIVE : CTT_STATE_OK,
                        id < 301 ? CTT_NEVER : SEC, "req");
    fd.context = 301;
    builder_record(b, CTT_HOLDING, &fd, sizeof(fd));
    builder_finish(b);
}

static unsigned count_of(const char *text, const char *wanted)
{
    unsigned count = 0;

    for (const char *at = text; (at = strstr(at, wanted)); at += strlen(wanted))
        count++;
    return count;
}

static char *requests_render(const char *format, const struct report_request *request)
{
    struct dump_builder *b = builder_new();
    struct model *model = NULL;
    struct report *report;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    requests_build(b);
    assert_int_equal(model_load(&model, b->bytes, b->size), 0);
    report = report_new(model, request);
    renderer_find(format, strlen(format))->render(report, out);
    fclose(out);
    report_free(report);
    model_free(model);
    builder_free(b);
    return text;
}

static void test_many(void **state)
{
    static const char *const edges[] = {" -> ", " --> "};
    const struct report_request plain = {0}, all = {.all = true};

    for (size_t i = 0; i < 2; i++) {
        char *text = requests_render(formats[i], &plain);

        /* With the process; the one that matters is among them. */
        assert_int_equal(count_of(text, edges[i]), 199);
        assert_non_null(strstr(text, "_c301"));
        assert_non_null(strstr(text, "STILL HOLDS 1 fd"));
        assert_non_null(strstr(text, "and 101 more (--all)"));
        free(text);
        text = requests_render(formats[i], &all);
        assert_int_equal(count_of(text, edges[i]), 300);
        assert_null(strstr(text, "more (--all)"));
        free(text);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_declared),
        cmocka_unit_test(test_many),
    };

    golden_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
