/* SPDX-License-Identifier: MIT */
/*
 * D24: what must not be done with a lock: to unlock what is not locked, or what another
 * thread has locked; to destroy or to free what is locked.
 */
#include "mishaps.h"

static enum severity severity_of(struct report *report, const struct mishap *mishap)
{
    /* An error that the caller was told: few look, but nothing came of it yet. */
    return mishap->error ? SEVERITY_NOTE : severity_by_project(report, mishap);
}

static void run(struct report *report, const struct detector *self)
{
    static const enum ctt_mishap_id misuses[] = {
        CTT_MISHAP_UNLOCKED_FREE,
        CTT_MISHAP_UNLOCKED_FOREIGN,
        CTT_MISHAP_DESTROYED_LOCKED,
        CTT_MISHAP_FREED_LOCKED,
    };

    for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++)
        mishaps_add(report, self, misuses[i], severity_of);
}

const struct detector detector_lock_misuse = {
    .name = "lock-misuse",
    .sentence = "unlocked, destroyed or freed as it must not be",
    .run = run,
};
