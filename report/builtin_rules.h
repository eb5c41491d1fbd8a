/* SPDX-License-Identifier: MIT */
/*
 * What runtimes are known to keep for themselves, though nothing reaches it, or though the
 * context in which they were first called has ended: rules that hold without being asked
 * for (builtin_rules=off lifts them), and that never hide what the project's own code has
 * acquired (suppress.c).
 */
#ifndef REPORT_BUILTIN_RULES_H
#define REPORT_BUILTIN_RULES_H

#include "rule.h"

void builtin_rules_add(struct pool *pool, struct rule **list);

#endif
