/* SPDX-License-Identifier: MIT */
/*
 * Detectors whose evidence the tracker has already gathered as a mishap.
 *
 * A mishap is a wrong call, not a leftover: how the process ended afterwards
 * does not make it milder.
 */
#ifndef REPORT_MISHAPS_H
#define REPORT_MISHAPS_H

#include <string.h>

#include "../project.h"
#include "rules.h"

typedef enum severity mishap_severity(struct report *report, const struct mishap *mishap);

/* Of what a system program does nobody is warned who only runs it. */
static inline enum severity severity_by_project(struct report *report, const struct mishap *mishap)
{
    return stack_has_project(report->model, mishap->stack) ? SEVERITY_WARNING : SEVERITY_NOTE;
}

/* `is_one` may be NULL: all of them are. */
static inline void mishaps_add_some(struct report *report, const struct detector *self,
                                    enum ctt_mishap_id id, mishap_severity *severity_of,
                                    bool (*is_one)(const struct mishap *mishap))
{
    const struct report_request *request = report->request;
    uint64_t mark = report->model->process.facts.mark_ns;
    struct mishap *mishap;

    DL_FOREACH (report->model->mishaps, mishap) {
        const char *kind = model_kind_name(report->model, mishap->kind);

        if (mishap->id != id || (is_one && !is_one(mishap)) ||
            (request->kind && strcmp(request->kind, kind) != 0) ||
            (request->since_mark && mishap->last_ns < mark))
            continue;
        finding_add_mishap(report, self, mishap, severity_of(report, mishap));
    }
}

static inline void mishaps_add(struct report *report, const struct detector *self,
                               enum ctt_mishap_id id, mishap_severity *severity_of)
{
    mishaps_add_some(report, self, id, severity_of, NULL);
}

#endif
