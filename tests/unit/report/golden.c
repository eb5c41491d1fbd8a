/* SPDX-License-Identifier: MIT */
/*
 * See golden.h.
 */
#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dump_builder.h"
#include "report/input.h"
#include "report/render.h"

static bool blessing;

void golden_start(int argc, char **argv)
{
    blessing = getenv("BLESS") || (argc > 1 && strcmp(argv[1], "--bless") == 0);
}

typedef void scene_builder(struct dump_builder *b, uint32_t trigger);

/* Frees the builder, whose dump is finished. */
static char *dump_render(struct dump_builder *b, const char *format,
                         const struct report_request *request, size_t *ret_size)
{
    struct model *model = NULL;
    const struct renderer *renderer = renderer_find(format, strlen(format));
    struct report *report;
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_size);

    assert_non_null(out);
    assert_int_equal(model_load(&model, b->bytes, b->size), 0);
    model_symbolize(model, NULL);
    report = report_new(model, request);
    if (renderer->begin)
        renderer->begin(out);
    renderer->render(report, out);
    if (renderer->end)
        fputs(renderer->end, out);
    fclose(out);
    report_free(report);
    model_free(model);
    builder_free(b);
    return text;
}

static char *scene_render(struct dump_builder *b, scene_builder *scene, const char *format,
                          uint32_t trigger, const struct report_request *request, size_t *ret_size)
{
    scene(b, trigger);
    return dump_render(b, format, request, ret_size);
}

char *golden_render_state(uint32_t state, const char *note, const struct report_request *request)
{
    struct dump_builder *b = builder_new();
    size_t size;

    builder_process(b, CTT_TRIGGER_EXIT, 0);
    builder_reach(b, state, note);
    builder_finish(b);
    return dump_render(b, "text", request, &size);
}

static void golden_write(const char *path, const char *text, size_t size)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

/* Frees the text. */
static void text_check(const char *name, char *text, size_t size)
{
    struct input wanted = {0};
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", GOLDEN_DIR, name);
    if (blessing)
        golden_write(path, text, size);
    else if (input_load(&wanted, path) < 0)
        fail_msg("%s is missing: run with --bless", path);
    else if (wanted.size != size || memcmp(wanted.bytes, text, size) != 0)
        fail_msg("%s differs; the report is now:\n%s", path, text);
    input_drop(&wanted);
    free(text);
}

void golden_check(const char *name, const char *format, uint32_t trigger,
                  const struct report_request *request)
{
    size_t size;
    char *text = scene_render(builder_new(), builder_scene, format, trigger, request, &size);

    text_check(name, text, size);
}

void golden_check_reach(const char *name, const char *format, uint32_t trigger,
                        const struct report_request *request)
{
    size_t size;
    char *text = scene_render(builder_new(), builder_reach_scene, format, trigger, request, &size);

    text_check(name, text, size);
}

void golden_check_declared(const char *name, const char *format, uint32_t trigger,
                           const struct report_request *request)
{
    size_t size;
    char *text =
        scene_render(builder_new(), builder_declared_scene, format, trigger, request, &size);

    text_check(name, text, size);
}

void golden_check_sampled(const char *name, const char *format,
                          const struct report_request *request)
{
    struct dump_builder *b = builder_new();
    size_t size;
    char *text;

    b->sample_bytes = 512 << 10;
    text = scene_render(b, builder_scene, format, CTT_TRIGGER_SIGNAL, request, &size);
    text_check(name, text, size);
}

void golden_check_built(const char *name, struct dump_builder *b,
                        const struct report_request *request)
{
    size_t size;
    char *text;

    builder_finish(b);
    text = dump_render(b, "text", request, &size);
    text_check(name, text, size);
}
