/* SPDX-License-Identifier: MIT */
/*
 * Rules of whatever text, for libFuzzer: read, matched with names, and put to work on a
 * dump with something of all sorts, as its own and as a file's.
 */
#include <stddef.h>
#include <stdint.h>

#include "dump_builder.h"
#include "report/suppress.h"
#include "show.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void patterns_match(const struct rule *rules)
{
    const struct rule *rule, *other;

    /* The lines themselves are as good as any names. */
    DL_FOREACH (rules, rule) {
        DL_FOREACH (rules, other) {
            if (!rule->bad)
                pattern_matches(rule->pattern, other->text);
        }
    }
}

static struct model *scene_load(void)
{
    static struct dump_builder *b;
    struct model *model;

    if (!b) {
        b = builder_new();
        builder_reach_scene(b, CTT_TRIGGER_EXIT);
    }
    if (model_load(&model, b->bytes, b->size) != 0)
        abort();
    return model;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct rule_text text = {.name = "f", .bytes = (const char *)bytes, .size = size},
                     *texts = NULL;
    struct model *model = scene_load();
    struct rule *rules = NULL;

    DL_APPEND(texts, &text);
    rules_read(model->pool, &rules, &text);
    patterns_match(rules);
    model->process.suppressions = (const char *)bytes;
    model->process.suppressions_bytes = size;
    model_show_with(model, "x.ctt", texts);
    return 0;
}
