/* SPDX-License-Identifier: MIT */
#include "findings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "report/detectors/detector.h"
#include "report/report.h"

uint64_t findings_check(struct dump_builder *b, bool all, const char *what, const char *expected)
{
    struct report_request request = {.all = all};
    struct model *model = NULL;
    struct report *report;
    uint64_t strange;
    char got[256] = "";

    assert_int_equal(model_load(&model, b->bytes, b->size), 0);
    strange = model->strange_records;
    model_symbolize(model, NULL);
    report = report_new(model, &request);
    for (const struct finding *f = report->findings; f; f = f->hh.next) {
        size_t used = strlen(got);

        snprintf(got + used, sizeof(got) - used, "%s%s %s %s %u", used ? "; " : "",
                 f->detector->name, severity_word(f->severity), grade_word(f->grade),
                 (unsigned)f->count);
    }
    if (strcmp(got, expected) != 0)
        fail_msg("%s: expected \"%s\", got \"%s\"", what, expected, got);
    report_free(report);
    model_free(model);
    builder_free(b);
    return strange;
}
