/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace off PID`: the tracker stops watching, for good.
 *
 * Hooks that are at work come to their end as they began; those that start
 * later pass through. What the books say is no longer true from then on, so no
 * report tells of it: of the books' contents only mishaps stay true. Our signal
 * handlers stay, and the waits that make them invisible: a kill -USR1 by habit
 * must not become the program's death.
 */
#ifndef OUTLETS_SWITCHED_OFF_H
#define OUTLETS_SWITCHED_OFF_H

#include <stdbool.h>
#include <stdint.h>

/* Never while a dump is being written: its books must be kept until its end. */
void switch_off(void);
bool is_switched_off(void);
/* When, on the clock of the books; CTT_NEVER. */
uint64_t switched_off_ns(void);
/* exec has failed, and the program goes on as it was. */
void switch_back(void);
/* In a fork child: not watched either, and there is nothing to say of it. */
void switched_off_forked(void);

#endif
