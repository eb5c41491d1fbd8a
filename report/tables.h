/* SPDX-License-Identifier: MIT */
/*
 * uthash and utlist as the command uses them: a table that cannot grow ends
 * the command with a sentence instead of uthash's silent exit(-1).
 */
#ifndef REPORT_TABLES_H
#define REPORT_TABLES_H

#include "pool.h"

#define uthash_fatal(message) memory_exhausted()
#include <uthash.h>
#include <utlist.h>

#endif
