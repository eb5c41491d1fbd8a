/* SPDX-License-Identifier: MIT */
/* An option that was not understood: one line, from the first process only. */
#ifndef OUTLETS_WARNING_H
#define OUTLETS_WARNING_H

/* At the program's start, when stderr is known. Silent when all is well, and in
 * a process whose parent is traced: that one has said it. */
void warning_options(void);

#endif
