/* SPDX-License-Identifier: MIT */
/*
 * Live stacks as stacks of a model, so that they are symbolized and shown as those of a dump.
 */
#ifndef REPORT_LIVE_MODEL_H
#define REPORT_LIVE_MODEL_H

#include "live_stacks.h"
#include "model.h"

/* A model with nothing in it but who the process is: of one without a tracker. */
struct model *live_model_new(const struct process_facts *process);

/* Enters modules and stacks into the model; equal stacks are one. The tracker's own frames
 * are left out, but not with `all`. */
void live_model_join(struct model *model, struct live_stacks *stacks, bool all);

#endif
