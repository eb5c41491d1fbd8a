/* SPDX-License-Identifier: MIT */
/*
 * Fingerprints: equal for what is the same finding in another run or build,
 * different for what is another one, weak without symbols.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dump_builder.h"
#include "report/fingerprint.h"

#define STABLE_ID "1c0b86b1675f9247"

struct id {
    char text[FINGERPRINT_CHARS + 1];
    bool weak;
};

static struct id id_in(const char *context, const char *stack, uint32_t kind)
{
    struct dump_builder *b = builder_new();
    struct report_request request = {0};
    struct ctt_holding holding = {.kind = kind, .context = 2, .last_used_ns = CTT_NEVER};
    struct model *model = NULL;
    struct report *report;
    struct id id;

    builder_process(b, CTT_TRIGGER_SIGNAL, 0);
    builder_context(b, 2, 1, CTT_CONTEXT_CTX, CTT_STATE_OK, SEC, context);
    holding.stack = stack ? builder_stack(b, stack) : 0;
    builder_record(b, CTT_HOLDING, &holding, sizeof(holding));
    builder_finish(b);
    assert_int_equal(model_load(&model, b->bytes, b->size), 0);
    model_symbolize(model, NULL);
    report = report_new(model, &request);
    assert_non_null(report->findings);
    memcpy(id.text, report->findings->id, sizeof(id.text));
    id.weak = report->findings->weak;
    report_free(report);
    model_free(model);
    builder_free(b);
    return id;
}

static struct id id_of_kind(const char *stack, uint32_t kind)
{
    return id_in("job", stack, kind);
}

static struct id id_of(const char *stack)
{
    return id_of_kind(stack, CTT_KIND_FD);
}

static void test_same(void **state)
{
    struct id id = id_of("open64 load_conf walk main");

    assert_int_equal(strlen(id.text), FINGERPRINT_CHARS);
    assert_false(id.weak);
    /* system frames between, recursion, a split-off cold part, a fourth frame */
    assert_string_equal(id.text, id_of("open64 sys_helper load_conf walk main").text);
    assert_string_equal(id.text, id_of("open64 load_conf walk walk walk main").text);
    assert_string_equal(id.text, id_of("open64 load_conf walk.cold main").text);
    assert_string_equal(id.text, id_of("open64 load_conf walk main handle_request").text);
}

static void test_different(void **state)
{
    struct id id = id_of("open64 load_conf walk main");

    assert_string_not_equal(id.text, id_of("open64 walk load_conf main").text);
    assert_string_not_equal(id.text, id_of("socket load_conf walk main").text);
    assert_string_not_equal(id.text, id_of("open64 handle_request walk main").text);
    assert_string_not_equal(id.text,
                            id_of_kind("open64 load_conf walk main", CTT_KIND_SOCKET).text);
    /* inlined functions count as frames of their own */
    assert_string_not_equal(id_of("open64 worker_main").text, id_of("open64 main").text);
}

static void test_weak(void **state)
{
    assert_true(id_of("open64 nosym main").weak);
    assert_true(id_of("").weak);
    assert_false(id_of("open64 sys_helper").weak);
}

/* An id that changes with a release breaks every baseline: this one is for
 * ever. */
/* stacks=off: kind and context are all that there is. */
static void test_without_stack(void **state)
{
    struct id id = id_in("job", NULL, CTT_KIND_FD);

    assert_true(id.weak);
    assert_string_equal(id.text, id_in("job", NULL, CTT_KIND_FD).text);
    assert_string_not_equal(id.text, id_in("other", NULL, CTT_KIND_FD).text);
    assert_string_not_equal(id.text, id_in("job", NULL, CTT_KIND_DIR).text);
    assert_string_not_equal(id.text, id_in(NULL, NULL, CTT_KIND_FD).text);
}

static void test_stable(void **state)
{
    assert_string_equal(id_of("open64 load_conf walk main").text, STABLE_ID);
}

static void test_stem(void **state)
{
    static const struct {
        const char *name;
        size_t stem;
    } names[] = {
        {"walk", 4},
        {"walk.cold", 4},
        {"walk.part.0", 4},
        {"walk.isra.0", 4},
        {"walk.llvm.991", 4},
        {"walk.constprop.0.isra.1", 4},
        {"ns::f(int) [clone .cold]", 10},
        {"a.b", 3},
        {".cold", 5},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(function_stem(names[i].name), names[i].stem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),          cmocka_unit_test(test_different),
        cmocka_unit_test(test_weak),          cmocka_unit_test(test_stable),
        cmocka_unit_test(test_without_stack), cmocka_unit_test(test_stem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
