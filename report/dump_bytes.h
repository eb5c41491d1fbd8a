/* SPDX-License-Identifier: MIT */
/*
 * A dump made by the command itself, in memory: records one behind the other, and the
 * trailer at the end. preload/format.h says what they are.
 */
#ifndef REPORT_DUMP_BYTES_H
#define REPORT_DUMP_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "preload/format.h"

struct dump_bytes {
    unsigned char *bytes;
    size_t size, room;
    uint64_t records;
    uint32_t strings; /* the largest id given out */
};

void dump_bytes_start(struct dump_bytes *dump);
/* Returns where the payload stands in `bytes`. */
size_t dump_bytes_record(struct dump_bytes *dump, enum ctt_type type, const void *payload,
                         size_t bytes);
size_t dump_bytes_record_with(struct dump_bytes *dump, enum ctt_type type, const void *payload,
                              size_t bytes, const void *rest, size_t rest_bytes);
/* The new string's id; 0 for NULL or an empty one. */
uint32_t dump_bytes_string(struct dump_bytes *dump, const char *text);
void dump_bytes_finish(struct dump_bytes *dump);

#endif
