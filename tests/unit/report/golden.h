/* SPDX-License-Identifier: MIT */
/*
 * Renders the scene and compares it with a file in tests/golden. BLESS=1 in
 * the environment, or --bless, writes the file instead.
 */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <stdint.h>

#include "report/report.h"

struct dump_builder;

void golden_start(int argc, char **argv);

/* Fails the running test on a difference. */
void golden_check(const char *name, const char *format, uint32_t trigger,
                  const struct report_request *request);
/* The same of builder_reach_scene(). */
void golden_check_reach(const char *name, const char *format, uint32_t trigger,
                        const struct report_request *request);
/* The same of builder_declared_scene(). */
void golden_check_declared(const char *name, const char *format, uint32_t trigger,
                           const struct report_request *request);
/* The text report of a process that held nothing, and whose memory was judged so. To be
 * freed. */
char *golden_render_state(uint32_t state, const char *note, const struct report_request *request);
/* The same of a live snapshot of a program whose memory is sampled. */
void golden_check_sampled(const char *name, const char *format,
                          const struct report_request *request);
/* The text report of a dump but for its end, which is made and freed here. */
void golden_check_built(const char *name, struct dump_builder *b,
                        const struct report_request *request);

#endif
