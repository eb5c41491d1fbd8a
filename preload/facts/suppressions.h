/* SPDX-License-Identifier: MIT */
/*
 * What the program itself says of leaks that it has on purpose: the text of its own
 * `__lsan_default_suppressions`, LeakSanitizer's lines, asked for once at the start. In a
 * program with a sanitizer's runtime that function is the runtime's to call.
 */
#ifndef FACTS_SUPPRESSIONS_H
#define FACTS_SUPPRESSIONS_H

/* Once, from the program's start. */
void suppressions_ask(void);
/* For ever; NULL: none. */
const char *suppressions_text(void);

#endif
