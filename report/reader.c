/* SPDX-License-Identifier: MIT */
/*
 * Bounds-checked iteration over a dump; the fuzz target is
 * tests/fuzz/fuzz_reader.c. See reader.h for what it promises.
 */
#include "reader.h"

#include <string.h>
#include <zlib.h>

static const char *const fault_sentences[READER_FAULT_COUNT] = {
    [READER_BAD_COUNT] = "the trailer counts other records than there are: the dump is damaged",
    [READER_BAD_CRC] = "the checksum does not match: the dump is damaged",
    [READER_CUT] = "the dump is cut: it has no trailer; shown up to the cut",
    [READER_EMPTY] = "the file is empty",
    [READER_NOT_A_DUMP] = "not a ctxtrace dump (expected a .ctt file, which begins with "
                          "\"" CTT_MAGIC "\")",
    [READER_FOREIGN] = "written on a machine of another byte order, which this command cannot read",
    [READER_NEWER] = "the dump's format is newer than this command reads: update ctxtrace",
    [READER_CUT_HEADER] = "the dump is cut inside its header: there is nothing to show",
};

const char *reader_fault_sentence(enum reader_fault fault)
{
    return fault < READER_FAULT_COUNT ? fault_sentences[fault] : "unknown fault";
}

static int header_check(const struct ctt_header *header, size_t size)
{
    if (header->byte_order != CTT_BYTE_ORDER)
        return READER_FOREIGN;
    if (header->format_major > CTT_FORMAT_MAJOR)
        return READER_NEWER;
    if (header->format_major == 0 || header->header_bytes < sizeof(*header))
        return READER_NOT_A_DUMP;
    return header->header_bytes > size ? READER_CUT_HEADER : 0;
}

int reader_start(struct reader *ret_reader, const void *bytes, size_t size)
{
    struct ctt_header header;
    size_t magic = sizeof(header.magic);
    int fault;

    if (size == 0)
        return READER_EMPTY;
    if (memcmp(bytes, CTT_MAGIC, size < magic ? size : magic) != 0)
        return READER_NOT_A_DUMP;
    if (size < sizeof(header))
        return READER_CUT_HEADER;
    memcpy(&header, bytes, sizeof(header));
    fault = header_check(&header, size);
    if (fault)
        return fault;
    *ret_reader = (struct reader){
        .bytes = bytes,
        .size = size,
        .at = header.header_bytes,
        .format_major = header.format_major,
        .format_minor = header.format_minor,
        .fault = READER_CUT,
    };
    return 0;
}

static size_t padding_of(size_t length)
{
    return (CTT_ALIGN - length % CTT_ALIGN) % CTT_ALIGN;
}

/* zlib takes 32-bit lengths; a dump may be larger. */
static uint32_t crc_of(const unsigned char *bytes, size_t size)
{
    uLong crc = crc32(0, NULL, 0);

    while (size) {
        uInt part = size > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)size;

        crc = crc32(crc, bytes, part);
        bytes += part;
        size -= part;
    }
    return (uint32_t)crc;
}

static void reader_check_trailer(struct reader *reader, const struct reader_record *record)
{
    struct ctt_trailer trailer;

    reader_copy_fixed(record, &trailer, sizeof(trailer));
    if (crc_of(reader->bytes, reader->at) != trailer.crc)
        reader->fault = READER_BAD_CRC;
    else if (trailer.records != reader->records)
        reader->fault = READER_BAD_COUNT;
    else
        reader->fault = READER_WHOLE;
}

int reader_next(struct reader *reader, struct reader_record *ret_record)
{
    struct ctt_record head;
    struct reader_record record;
    size_t left = reader->size - reader->at, padding;

    if (left < sizeof(head))
        return 0;
    memcpy(&head, reader->bytes + reader->at, sizeof(head));
    left -= sizeof(head);
    if (head.length > left)
        return 0;
    record = (struct reader_record){
        .type = head.type,
        .length = head.length,
        .payload = reader->bytes + reader->at + sizeof(head),
    };
    if (head.type == CTT_TRAILER) {
        reader_check_trailer(reader, &record);
        reader->at = reader->size;
        return 0;
    }
    padding = padding_of(head.length);
    left -= head.length;
    reader->at += sizeof(head) + head.length + (padding < left ? padding : left);
    reader->records++;
    *ret_record = record;
    return 1;
}

void reader_copy_fixed(const struct reader_record *record, void *ret_fixed, size_t bytes)
{
    size_t have = record->length < bytes ? record->length : bytes;

    memset(ret_fixed, 0, bytes);
    if (have)
        memcpy(ret_fixed, record->payload, have);
}
