/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets do with a dump that was loaded: everything that the command does
 * with it, down to the last line of text and JSON.
 */
#ifndef TESTS_FUZZ_SHOW_H
#define TESTS_FUZZ_SHOW_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/render.h"
#include "report/report.h"

static inline FILE *sink(void)
{
    static FILE *out;

    if (!out)
        out = fopen("/dev/null", "w");
    if (!out)
        abort();
    return out;
}

static inline void model_show_with(struct model *model, const char *path,
                                   const struct rule_text *rules)
{
    const struct report_request request = {
        .path = path, .all = true, .tasks = true, .contexts = true, .rules = rules};
    static const char *const formats[] = {"text", "json", "dot", "mermaid"};
    struct report *report;

    model_symbolize(model, NULL);
    report = report_new(model, &request);
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        renderer_find(formats[i], strlen(formats[i]))->render(report, sink());
    report_free(report);
    model_free(model);
}

static inline void model_show(struct model *model, const char *path)
{
    model_show_with(model, path, NULL);
}

#endif
