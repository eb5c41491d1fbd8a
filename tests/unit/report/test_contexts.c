/* SPDX-License-Identifier: MIT */
/*
 * The tree of contexts: which end came of which, and what is shown of a tree that is too large
 * or damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dump_builder.h"
#include "report/context_tree.h"

enum { PARENT = 2, CHILD };

struct end {
    uint32_t kind, state, stack; /* stack: a number that tells calls apart; 0: not known */
    uint64_t created_ns, ended_ns, deadline_ns;
    const char *cause;
};

static uint32_t stack_of(struct dump_builder *b, uint32_t number)
{
    static uint32_t stacks[3];

    if (number == 1) /* the parent's comes first */
        stacks[1] = builder_stack(b, "malloc main");
    else if (number == 2)
        stacks[2] = builder_stack(b, "malloc load_conf main");
    else if (number == 3) /* the parent's again */
        return stacks[1];
    return stacks[number];
}

static void end_add(struct dump_builder *b, uint32_t id, uint32_t parent, const struct end *end)
{
    struct ctt_context context = {
        .id = id,
        .parent = parent,
        .kind = end->kind ? end->kind : CTT_CONTEXT_CTX,
        .state = end->state,
        .created_ns = end->created_ns,
        .ended_ns = end->ended_ns,
        .deadline_ns = end->deadline_ns,
        .ended_stack = stack_of(b, end->stack),
        .cause = builder_string(b, end->cause),
    };

    builder_record(b, CTT_CONTEXT, &context, sizeof(context));
}

struct scene {
    struct model *model;
    struct report *report;
    struct context_tree tree;
};

static struct scene scene_open(struct dump_builder *b, const struct report_request *request)
{
    struct scene scene = {0};

    builder_finish(b);
    assert_int_equal(model_load(&scene.model, b->bytes, b->size), 0);
    builder_free(b);
    scene.report = report_new(scene.model, request);
    scene.tree = context_tree_make(scene.report);
    return scene;
}

static void scene_close(struct scene *scene)
{
    report_free(scene->report);
    model_free(scene->model);
}

#define CANCELLED CTT_STATE_CANCELLED
#define DEADLINE  CTT_STATE_DEADLINE

static void test_inherited(void **state)
{
    static const struct {
        struct end parent, child;
        bool inherited;
    } rows[] = {
        /* One call, one cause. */
        {{0, CANCELLED, 1, 0, SEC, 0, "c"}, {0, CANCELLED, 3, 0, SEC, 0, "c"}, true},
        {{0, CANCELLED, 1, 0, SEC, 0, NULL}, {0, CANCELLED, 3, 0, SEC, 0, NULL}, true},
        /* Without stacks the cause decides. */
        {{0, CANCELLED, 0, 0, SEC, 0, "c"}, {0, CANCELLED, 0, 0, SEC + MS, 0, "c"}, true},
        {{0, CANCELLED, 0, 0, SEC, 0, NULL}, {0, CANCELLED, 0, 0, SEC, 0, NULL}, false},
        /* Two calls within one tick of the clock; another cause; before it; long after it. */
        {{0, CANCELLED, 1, 0, SEC, 0, NULL}, {0, CANCELLED, 2, 0, SEC, 0, NULL}, false},
        {{0, CANCELLED, 1, 0, SEC, 0, "c"}, {0, CANCELLED, 3, 0, SEC, 0, "d"}, false},
        {{0, CANCELLED, 0, 0, SEC, 0, "c"}, {0, CANCELLED, 0, 0, SEC - MS, 0, "c"}, false},
        {{0, CANCELLED, 0, 0, SEC, 0, "c"}, {0, CANCELLED, 0, 0, 2 * SEC, 0, "c"}, false},
        /* One deadline, whoever noticed; two of them. */
        {{0, DEADLINE, 1, 0, SEC, SEC, "c"}, {0, DEADLINE, 2, 0, SEC, SEC, "c"}, true},
        {{0, DEADLINE, 1, 0, SEC, SEC, NULL}, {0, DEADLINE, 0, 0, SEC, SEC + 1, NULL}, false},
        /* Made when it was too late. */
        {{0, CANCELLED, 1, 0, SEC, 0, NULL}, {0, CANCELLED, 2, 5 * SEC, 5 * SEC, 0, NULL}, true},
        /* A parent that ended well ends its children, too; they themselves end otherwise. */
        {{0, CTT_STATE_OK, 1, 0, SEC, 0, NULL}, {0, CANCELLED, 3, 0, SEC, 0, NULL}, true},
        {{0, CANCELLED, 1, 0, SEC, 0, NULL}, {0, CTT_STATE_OK, 3, 0, SEC, 0, NULL}, false},
        {{0, CTT_STATE_ACTIVE, 0, 0, CTT_NEVER, 0, NULL},
         {0, CANCELLED, 0, 0, SEC, 0, NULL},
         false},
        /* The tracker's own contexts pass nothing on. */
        {{CTT_CONTEXT_THREAD, CANCELLED, 1, 0, SEC, 0, "c"},
         {0, CANCELLED, 3, 0, SEC, 0, "c"},
         false},
    };
    const struct report_request plain = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dump_builder *b = builder_new();
        const struct context_node *parent, *child;
        struct scene scene;

        builder_process(b, CTT_TRIGGER_SIGNAL, 0);
        end_add(b, PARENT, 1, &rows[i].parent);
        end_add(b, CHILD, PARENT, &rows[i].child);
        scene = scene_open(b, &plain);
        parent = model_context(scene.model, PARENT)->node;
        child = model_context(scene.model, CHILD)->node;
        if (child->inherited != rows[i].inherited)
            fail_msg("row %zu: inherited %d", i, child->inherited);
        assert_int_equal(context_is_origin(parent), rows[i].inherited);
        assert_false(context_is_origin(child));
        scene_close(&scene);
    }
}

/* A chain is shown with all around it, or not at all; what matters most comes first. */
static void test_pick(void **state)
{
    const struct report_request plain = {0};
    struct ctt_holding fd = {.kind = CTT_KIND_FD, .context = 40, .last_used_ns = CTT_NEVER};
    struct dump_builder *b = builder_new();
    struct scene scene;

    builder_process(b, CTT_TRIGGER_SIGNAL, 0);
    for (uint32_t id = 2; id < 31; id++) /* a chain */
        builder_context(b, id, id - 1, CTT_CONTEXT_CTX, CTT_STATE_ACTIVE, CTT_NEVER, "link");
    builder_context(b, 40, 1, CTT_CONTEXT_CTX, CTT_STATE_OK, BUILT_NOW, "late");
    builder_context(b, 41, 1, CTT_CONTEXT_THREAD, CTT_STATE_ACTIVE, CTT_NEVER, NULL);
    builder_record(b, CTT_HOLDING, &fd, sizeof(fd));
    scene = scene_open(b, &plain);
    assert_int_equal(scene.tree.count, 32);
    assert_int_equal(scene.tree.folded, 1);
    assert_int_equal(scene.tree.late, 1);
    assert_int_equal(context_tree_pick(&scene.tree, CONTEXT_LATE, 2), 0);
    assert_true(model_context(scene.model, 40)->node->picked);
    assert_true(model_context(scene.model, 1)->node->picked);
    assert_int_equal(scene.tree.picked, 2);
    assert_int_equal(context_tree_pick(&scene.tree, CONTEXT_PLAIN, 10), 21);
    assert_int_equal(scene.tree.picked, 10);
    assert_true(model_context(scene.model, 9)->node->picked);
    assert_false(model_context(scene.model, 10)->node->picked);
    assert_int_equal(context_tree_pick(&scene.tree, CONTEXT_FOLDED, SIZE_MAX), 0);
    assert_int_equal(scene.tree.picked, 32);
    assert_int_equal(model_context(scene.model, 30)->node->depth, 29);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inherited),
        cmocka_unit_test(test_pick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
