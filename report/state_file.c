/* SPDX-License-Identifier: MIT */
/*
 * See state_file.h.
 */
#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROW_MOST      4096u
#define ROWS_MOST     (1u << 27)
#define GRANULE_MOST  (64u << 10)
#define GRANULE_LEAST 512u

static const uint32_t row_bytes_now[STATE_TABLE_COUNT] = {
#define X(name, rows, row) sizeof(struct row),
    STATE_TABLES(X)
#undef X
};

int64_t state_file_read(const struct state_file *file, uint64_t offset, void *to, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t got = pread(file->fd, (char *)to + done, bytes - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

/* Whether what the header says of its tables can be so. */
static int tables_check(const struct state_file *file)
{
    const struct state_header *header = &file->header;

    if (header->directory_at > file->size || header->facts_at > file->size ||
        header->facts_bytes > STATE_FACTS_MOST || header->granule_bytes > GRANULE_MOST ||
        header->granule_bytes < GRANULE_LEAST)
        return -1;
    for (uint32_t i = 0; i < STATE_TABLE_COUNT && i < header->table_count; i++) {
        const struct state_table_facts *table = &header->tables[i];

        if (table->row_bytes < sizeof(uint32_t) || table->row_bytes > ROW_MOST ||
            header->granule_bytes % table->row_bytes || table->rows > ROWS_MOST ||
            table->parts > table->rows / (header->granule_bytes / table->row_bytes) + 1 ||
            ((uint64_t)table->first + table->parts) * sizeof(uint32_t) >
                file->size - header->directory_at)
            return -1;
    }
    return 0;
}

static int file_refuse(struct state_file *file, const char *why, const char **ret_why)
{
    state_file_close(file);
    *ret_why = why;
    return 1;
}

static int header_check(struct state_file *file, int64_t got, const char **ret_why)
{
    const struct state_header *header = &file->header;

    if (got < 0)
        return (int)got;
    if ((size_t)got < sizeof(header->magic) || !file->size)
        return file_refuse(file, "not a state file: too short", ret_why);
    if (memcmp(header->magic, CTT_MAGIC, sizeof(header->magic)) == 0)
        return file_refuse(file, "this is a dump: without --recover it can be read", ret_why);
    if (memcmp(header->magic, (char[8]){0}, sizeof(header->magic)) == 0)
        return file_refuse(file, "the process ended before the file was begun", ret_why);
    if (memcmp(header->magic, STATE_MAGIC, sizeof(header->magic)) != 0)
        return file_refuse(file, "not a state file (option state=)", ret_why);
    if ((size_t)got < sizeof(*header) || header->byte_order != CTT_BYTE_ORDER)
        return file_refuse(file, "a state file that is cut, or of another byte order", ret_why);
    if (header->format_major > STATE_FORMAT_MAJOR)
        return file_refuse(file, "a newer state file: this ctxtrace is too old for it", ret_why);
    if (tables_check(file) < 0)
        return file_refuse(file, "a state file whose header is damaged, or that is cut", ret_why);
    return 0;
}

bool state_file_is(const char *path)
{
    struct stat facts;
    char magic[sizeof((struct state_header){0}.magic)];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool is = fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) &&
              pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
              memcmp(magic, STATE_MAGIC, sizeof(magic)) == 0;

    if (fd >= 0)
        close(fd);
    return is;
}

int state_file_open_fd(struct state_file *ret_file, int fd, const char **ret_why)
{
    struct stat facts;

    *ret_file = (struct state_file){.fd = fd};
    if (fstat(fd, &facts) < 0 || !S_ISREG(facts.st_mode))
        return file_refuse(ret_file, "not a state file: not a regular file", ret_why);
    ret_file->size = (uint64_t)facts.st_size;
    return header_check(ret_file,
                        state_file_read(ret_file, 0, &ret_file->header, sizeof(ret_file->header)),
                        ret_why);
}

int state_file_open(struct state_file *ret_file, const char *path, const char **ret_why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return -errno;
    return state_file_open_fd(ret_file, fd, ret_why);
}

void state_file_close(struct state_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

struct rows {
    uint32_t row_bytes, known_bytes;
    void (*each)(uint32_t index, const void *row, void *arg);
    void *arg;
};

static void rows_give(const struct rows *rows, uint32_t index, const unsigned char *at,
                      size_t bytes)
{
    static _Alignas(8) unsigned char row[ROW_MOST];

    for (; bytes >= rows->row_bytes; index++) {
        uint32_t live;

        memcpy(&live, at, sizeof(live));
        if (live) {
            memset(row, 0, rows->known_bytes);
            memcpy(row, at,
                   rows->row_bytes < rows->known_bytes ? rows->row_bytes : rows->known_bytes);
            rows->each(index, row, rows->arg);
        }
        at += rows->row_bytes;
        bytes -= rows->row_bytes;
    }
}

/* Part `number` of the table, if it was ever begun. Returns 0 or a negative errno. */
static int part_give(struct state_file *file, const struct state_table_facts *table,
                     const struct rows *rows, uint32_t number)
{
    static _Alignas(8) unsigned char part[GRANULE_MOST];
    uint32_t granule_bytes = file->header.granule_bytes;
    uint64_t at = file->header.directory_at + ((uint64_t)table->first + number) * sizeof(uint32_t);
    uint32_t granule = 0, in_part = granule_bytes / rows->row_bytes;
    int64_t got = state_file_read(file, at, &granule, sizeof(granule));

    /* No more than the file has room for: some may name one twice. */
    if (got < 0 || !granule || file->granules_read > file->size / granule_bytes)
        return got < 0 ? (int)got : 0;
    file->granules_read++;
    got = state_file_read(file, (uint64_t)granule * granule_bytes, part, granule_bytes);
    if (got < 0)
        return (int)got;
    rows_give(rows, number * in_part, part, (size_t)got);
    return 0;
}

int state_file_each(struct state_file *file, enum state_table table,
                    void (*each)(uint32_t index, const void *row, void *arg), void *arg)
{
    const struct state_table_facts *facts = &file->header.tables[table];
    const struct rows rows = {.row_bytes = facts->row_bytes,
                              .known_bytes = row_bytes_now[table],
                              .each = each,
                              .arg = arg};
    int r = 0;

    for (uint32_t i = 0; table < file->header.table_count && i < facts->parts && r == 0; i++)
        r = part_give(file, facts, &rows, i);
    return r;
}
