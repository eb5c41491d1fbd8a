/* SPDX-License-Identifier: MIT */
/*
 * The text of last resort, for when the ctxtrace command is not there: what is
 * held, by stack, as module+offset. `addr2line` or the command, given the dump,
 * turn that into lines later.
 */
#ifndef OUTLETS_RENDER_PLAIN_H
#define OUTLETS_RENDER_PLAIN_H

#include <stdint.h>

/* From the reporter. `dump`: path of the dump, "" for none. */
void render_plain(int fd, const char *dump, uint64_t deadline_ns);

#endif
