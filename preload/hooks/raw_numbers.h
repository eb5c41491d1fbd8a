/* SPDX-License-Identifier: MIT */
/* What the stub around syscall() knows of its table, also in assembly. */
#ifndef HOOKS_RAW_NUMBERS_H
#define HOOKS_RAW_NUMBERS_H

/* Above every number that the table has a row for. */
#define RAW_NUMBERS 468

#endif
