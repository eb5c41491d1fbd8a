/* SPDX-License-Identifier: MIT */
/* What dump_fds.c and dump_keys.c share. */
#ifndef OUTLETS_DUMP_HOLDINGS_H
#define OUTLETS_DUMP_HOLDINGS_H

#include "preload/facts/holding.h"
#include "preload/outlets/dump_writer.h"

/* The record of a holding as the books have it; its stack is told, name and
 * peer are left to the caller. */
void dump_fill_holding(struct dump *dump, const struct holding_copy *holding,
                       struct ctt_holding *ret_record);

/* Whom sockets are connected to, from /proc/net, read at the first socket. */
void dump_peers_begin(void);
void dump_peers(struct dump *dump, const char *link, struct ctt_holding *record);
void dump_peers_end(void);

#endif
