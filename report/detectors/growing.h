/* SPDX-License-Identifier: MIT */
/*
 * Live counts of one stack, from time to time (struct ctt_series), as detectors ask about
 * them: points far enough apart to mean something, and whether they end now. A program that
 * takes a minute to fill a table at its start has no more than a few of those.
 */
#ifndef REPORT_GROWING_H
#define REPORT_GROWING_H

#include "../trend.h"
#include "rules.h"

struct growing {
    const struct ctt_point *points[CTT_SERIES_POINTS]; /* the option growth= apart, or more */
    size_t count;
};

/* No points where the series has none, or where its times do not go on. */
struct growing growing_of(const struct report *report, const struct ctt_series *series);

/* The last one is about as old as they lie apart, at most: what is idle does not grow. */
bool growing_is_fresh(const struct report *report, const struct growing *growing);

/* From each of the last three to the next there are more, and nothing was given back. */
bool growing_without_release(const struct growing *growing);

/* In seconds and numbers of what is held. */
size_t growing_points(const struct growing *growing, struct trend_point *ret_points);

/* Kinds of which a program means to give back each: descriptors, and its own kinds. */
bool kind_is_given_back(uint32_t kind);

/* Who connects to a server decides how many of these there are: accept() made it. */
bool stack_is_of_accept(struct model *model, struct stack *stack);

/* "46 of 1024 descriptors", to the finding's evidence, where the dump says so. */
void evidence_descriptors(struct report *report, struct evidence *evidence);

#endif
