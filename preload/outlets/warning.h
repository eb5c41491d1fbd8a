/* SPDX-License-Identifier: MIT */
/* An option that was not understood: one line, from the first process only. */
#ifndef OUTLETS_WARNING_H
#define OUTLETS_WARNING_H

#include <stdbool.h>

/* At the program's start, when stderr is known. Silent when all is well, when
 * the program before an exec has said it (`said`), and in a process whose parent
 * is traced: that one has. */
void warning_options(bool said);
/* Of rules for faults (hooks/inject.h): nothing will be injected. */
void warning_faults(void);

#endif
