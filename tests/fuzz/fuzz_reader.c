/* SPDX-License-Identifier: MIT */
/*
 * The whole way of a dump through the command, for libFuzzer: reader, model,
 * detectors, both renderers. Names come from the fake symbolizer, so that an
 * input cannot make us open the paths that it names.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "report/render.h"
#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static FILE *sink(void)
{
    static FILE *out;

    if (!out)
        out = fopen("/dev/null", "w");
    if (!out)
        abort();
    return out;
}

static void model_show(struct model *model, const struct report_request *request)
{
    struct report *report = report_new(model, request);

    renderer_find("text", 4)->render(report, sink());
    renderer_find("json", 4)->render(report, sink());
    report_free(report);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct report_request request = {.path = "x.ctt", .all = true, .tasks = true};
    struct model *model;

    if (model_load(&model, bytes, size) != 0)
        return 0;
    model_symbolize(model, NULL);
    model_show(model, &request);
    model_free(model);
    return 0;
}
