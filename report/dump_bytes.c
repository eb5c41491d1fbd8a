/* SPDX-License-Identifier: MIT */
/*
 * See dump_bytes.h.
 */
#include "dump_bytes.h"

#include <string.h>
#include <zlib.h>

#include "pool.h"

enum { FIRST_ROOM = 64 * 1024 };

static void bytes_add(struct dump_bytes *dump, const void *bytes, size_t count)
{
    if (!count)
        return;
    if (dump->room - dump->size < count) {
        dump->room = dump->room ? dump->room : FIRST_ROOM;
        while (dump->room - dump->size < count)
            dump->room *= 2;
        dump->bytes = xrealloc(dump->bytes, dump->room, 1);
    }
    memcpy(dump->bytes + dump->size, bytes, count);
    dump->size += count;
}

void dump_bytes_start(struct dump_bytes *dump)
{
    struct ctt_header header = {
        .magic = CTT_MAGIC,
        .format_major = CTT_FORMAT_MAJOR,
        .format_minor = CTT_FORMAT_MINOR,
        .header_bytes = sizeof(header),
        .byte_order = CTT_BYTE_ORDER,
    };

    *dump = (struct dump_bytes){0};
    bytes_add(dump, &header, sizeof(header));
}

size_t dump_bytes_record_with(struct dump_bytes *dump, enum ctt_type type, const void *payload,
                              size_t bytes, const void *rest, size_t rest_bytes)
{
    static const char zeros[CTT_ALIGN];
    size_t length = bytes + rest_bytes, at;
    struct ctt_record record = {.type = (uint16_t)type, .length = (uint32_t)length};

    bytes_add(dump, &record, sizeof(record));
    at = dump->size;
    bytes_add(dump, payload, bytes);
    bytes_add(dump, rest, rest_bytes);
    bytes_add(dump, zeros, (CTT_ALIGN - length % CTT_ALIGN) % CTT_ALIGN);
    dump->records++;
    return at;
}

size_t dump_bytes_record(struct dump_bytes *dump, enum ctt_type type, const void *payload,
                         size_t bytes)
{
    return dump_bytes_record_with(dump, type, payload, bytes, NULL, 0);
}

uint32_t dump_bytes_string(struct dump_bytes *dump, const char *text)
{
    struct ctt_string string = {.id = dump->strings + 1};

    if (!text || !*text)
        return 0;
    string.bytes = (uint32_t)strlen(text);
    dump_bytes_record_with(dump, CTT_STRING, &string, sizeof(string), text, string.bytes);
    return ++dump->strings;
}

void dump_bytes_finish(struct dump_bytes *dump)
{
    struct ctt_trailer trailer = {.records = dump->records};
    uLong crc = crc32_z(0, dump->bytes, dump->size);

    trailer.crc = (uint32_t)crc;
    dump_bytes_record(dump, CTT_TRAILER, &trailer, sizeof(trailer));
}
