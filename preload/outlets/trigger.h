/* SPDX-License-Identifier: MIT */
/* The signals that make a live snapshot or a mark, or switch the tracker off. */
#ifndef OUTLETS_TRIGGER_H
#define OUTLETS_TRIGGER_H

/* sigqueue's value that asks for a mark instead of a snapshot: "mark". */
#define TRIGGER_MARK 0x6d61726b

/* The one that asks for a snapshot with memory judged by what reaches it: "reach". */
#define TRIGGER_REACH 0x72656163

/* And the one that asks the tracker to stop watching: "off". */
#define TRIGGER_OFF 0x6f6666

/* The one by which a thread of our own process is asked to stand still: reach_threads.h. */
#define TRIGGER_STOP 0x73746f70

/* Claims them. Whoever blocked them until now (signals.h, SIGNALS_SHIELD) sees to
 * their being unblocked. */
void trigger_start(void);

#endif
