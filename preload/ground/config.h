/* SPDX-License-Identifier: MIT */
/*
 * The options in force: one field for each row of CTT_OPTIONS (options.h), read
 * once from CTXTRACE_OPTIONS=key=value:key=value at the program's start.
 * A ':' ends a value where a word follows, or nothing: auto=fd:80% is one value, and
 * so is every:10m in it. Later settings of a key win.
 */
#ifndef GROUND_CONFIG_H
#define GROUND_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/format.h"

#define CONFIG_BOOL   bool
#define CONFIG_INT    int64_t
#define CONFIG_SIZE   uint64_t /* bytes */
#define CONFIG_TIME   uint64_t /* nanoseconds */
#define CONFIG_TEXT   const char *
#define CONFIG_SIGNAL int /* 0: not set */
#define CONFIG_WHEN   struct conditions

struct config {
#define X(key, type, standard, takes, help) CONFIG_##type CTT_FIELD(key);
    CTT_OPTIONS(X)
#undef X
};

extern struct config config;

/* Fills `config` from the defaults and then from `options` (NULL: none). Keys
 * and values that are not understood are counted and the first is kept for
 * one warning line. Allocates only from the arena. */
void config_read(const char *options);
/* The first thing not understood, or NULL. */
const char *config_complaint(void);

/* What a text was meant for, once that is known (a relative path): it stands for what was
 * given from then on. `text` lives for ever. */
void config_resolve(const char **field, const char *text);

/* Every option as it is in force, in the table's order, as text. */
void config_each(void (*each)(const char *key, const char *value, enum ctt_origin origin,
                              void *arg),
                 void *arg);

#endif
