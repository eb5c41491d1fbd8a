/* SPDX-License-Identifier: MIT */
/*
 * What all detectors agree on: who may be blamed, when a context is over, and
 * how severe leftovers are. A false finding is the worst thing this tool can
 * do; whatever is not known counts as innocent.
 */
#ifndef REPORT_RULES_H
#define REPORT_RULES_H

#include "../group.h"
#include "detector.h"

/* Not inherited, untracked, stdio, ignored, gone, part of another holding,
 * hidden by the request, or claimed already. */
bool holding_is_blamable(const struct holding *holding);

/* fd, socket, stream, dir, pipe, event: what the kernel counts against
 * RLIMIT_NOFILE. */
bool kind_is_descriptor(uint32_t kind);

/* Not by the end of its context: a library is loaded for the process, whichever context
 * needed it first; a cleanup has detectors of its own. */
bool kind_is_judged_apart(uint32_t kind);

/* Declared by the program (libctx, scope), not made by us. */
bool context_is_declared(const struct context *context);

/* The declared context whose end is that of this one: itself, or for a name that was
 * released (nothing was ended by that) the nearest around it that was not; NULL: none. */
const struct context *context_deciding(const struct context *context);

/* Ended, and at a live snapshot longer ago than the grace. */
bool context_is_over(const struct report *report, const struct context *context);

/* Its own grace, or the option's. */
uint64_t context_grace_ns(const struct report *report, const struct context *context);
/* Ended longer ago than the grace, also at the end of the process. */
bool context_is_past_grace(const struct report *report, const struct context *context);

/* Memory that nothing reaches, as far as could be seen. */
bool holding_is_lost(const struct holding *holding);

/* D18: what its maker may still collect, while the process runs. */
enum grade uncollected_grade(const struct report *report);
enum severity uncollected_severity(const struct report *report, const struct holding *holding);

/* After an orderly end leftovers are `orderly`; after an error, notes. An
 * orderly end is a return, an exit with 0, and also a cancellation and a
 * deadline: those are how a context is meant to end. */
enum severity leftover_severity(const struct report *report, const struct context *context,
                                enum severity orderly);

/*
 * The thread of a declared task: what is to be said of it is said of the task (D5). One whose
 * task has ended, and is no more in the dump, is on its way out; and so was one that nobody
 * waits for and that is not alive any more in the dump, which lists threads last.
 */
bool holding_is_of_task(const struct report *report, const struct holding *holding);

/* Of what a declared context has acquired and did not give back. Memory that is reached, and
 * that a library of the system's acquired, may be what that keeps for itself from its first
 * use on: OpenSSL's tables, GLib's types. */
enum severity outlived_severity(const struct report *report, const struct holding *holding);

/* Of memory that nothing reaches. A program that reports a result by its exit status, or
 * dies, has leaked it all the same: a warning. To be asked to end (SIGTERM, SIGINT,
 * SIGHUP) is how servers end. */
enum severity lost_severity(const struct report *report, const struct context *context);

/* Of a stream or directory that only libc itself still knows: as of lost memory, but that
 * the kernel closes it in the end. */
enum severity forgotten_severity(const struct report *report, const struct holding *holding);

#endif
