/* SPDX-License-Identifier: MIT */
/*
 * See json_writer.h.
 */
#include "json_writer.h"

#include <inttypes.h>
#include <string.h>

#include "../utf8.h"
#include "preload/format.h"

enum { LINE_DEPTH = 2, NS_PER_SECOND = 1000000000, NS_PER_MICROSECOND = 1000 };

static void text_write(struct json *json, const char *text, size_t bytes)
{
    putc('"', json->out);
    while (bytes) {
        size_t length = utf8_length(text, bytes);
        unsigned char c = (unsigned char)*text;

        if (length == 0)
            fputs("\\ufffd", json->out);
        else if (c == '"' || c == '\\')
            fprintf(json->out, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            fprintf(json->out, "\\u%04x", c);
        else
            fwrite(text, 1, length, json->out);
        text += length ? length : 1;
        bytes -= length ? length : 1;
    }
    putc('"', json->out);
}

static void line_start(struct json *json)
{
    if (json->depth > LINE_DEPTH) {
        if (json->follows)
            putc(' ', json->out);
        return;
    }
    if (json->depth)
        putc('\n', json->out);
    for (unsigned i = 0; i < json->depth; i++)
        fputs("  ", json->out);
}

static void value_start(struct json *json, const char *key)
{
    if (json->follows)
        putc(',', json->out);
    line_start(json);
    json->follows = true;
    if (key) {
        text_write(json, key, strlen(key));
        fputs(": ", json->out);
    }
}

void json_open(struct json *json, const char *key, char bracket)
{
    value_start(json, key);
    putc(bracket, json->out);
    json->depth++;
    json->follows = false;
}

void json_close(struct json *json, char bracket)
{
    bool empty = !json->follows;

    json->depth--;
    json->follows = false;
    if (!empty && json->depth < LINE_DEPTH) {
        putc('\n', json->out);
        for (unsigned i = 0; i < json->depth; i++)
            fputs("  ", json->out);
    }
    putc(bracket, json->out);
    json->follows = true;
    if (json->depth == 0)
        putc('\n', json->out);
}

void json_bytes(struct json *json, const char *key, const char *text, size_t bytes)
{
    value_start(json, key);
    text_write(json, text, bytes);
}

void json_text(struct json *json, const char *key, const char *text)
{
    if (text)
        json_bytes(json, key, text, strlen(text));
    else
        json_null(json, key);
}

void json_number(struct json *json, const char *key, uint64_t number)
{
    value_start(json, key);
    fprintf(json->out, "%" PRIu64, number);
}

void json_signed(struct json *json, const char *key, int64_t number)
{
    value_start(json, key);
    fprintf(json->out, "%" PRId64, number);
}

void json_bool(struct json *json, const char *key, bool value)
{
    value_start(json, key);
    fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
    value_start(json, key);
    fputs("null", json->out);
}

void json_address(struct json *json, const char *key, uint64_t address)
{
    value_start(json, key);
    fprintf(json->out, "\"0x%" PRIx64 "\"", address);
}

void json_fraction(struct json *json, const char *key, double number)
{
    value_start(json, key);
    fprintf(json->out, "%.3f", number);
}

void json_real(struct json *json, const char *key, double number)
{
    value_start(json, key);
    fprintf(json->out, "%.6g", number);
}

void json_seconds(struct json *json, const char *key, uint64_t ns)
{
    if (ns == CTT_NEVER) {
        json_null(json, key);
        return;
    }
    value_start(json, key);
    fprintf(json->out, "%" PRIu64 ".%06" PRIu64, ns / NS_PER_SECOND,
            ns % NS_PER_SECOND / NS_PER_MICROSECOND);
}
