/* SPDX-License-Identifier: MIT */
/*
 * The tracker's options as flags of `ctxtrace run`: --key=value for each row of
 * CTT_OPTIONS. What the tracker would only warn of, in the program's stderr, is refused
 * before the program is run.
 */
#ifndef REPORT_RUN_OPTIONS_H
#define REPORT_RUN_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "preload/format.h"

enum {
    TRACKER_OPTION_COUNT = 0
#define X(key, type, fallback, takes, help) +1
    CTT_OPTIONS(X)
#undef X
};

/* For getopt_long(), which gives `value` for it. */
struct option tracker_option_flag(size_t row, int value);

/* Appends "key=value" to `options`, which is freed: later ones win, so flags stand after
 * what the environment said. False after a sentence. */
bool tracker_option_add(char **options, const char *key, const char *value);
/* The same of a row, whose value is looked at first. */
bool tracker_option_take(char **options, size_t row, const char *value);

#endif
