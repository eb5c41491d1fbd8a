/* SPDX-License-Identifier: MIT */
/*
 * JSON, one value after another: commas, nesting, escapes. Bytes that are not
 * UTF-8 become U+FFFD, so that the output is valid whatever a file is called.
 * The two outer levels are one value a line, deeper ones stay on it.
 */
#ifndef REPORT_JSON_WRITER_H
#define REPORT_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    unsigned depth;
    bool follows; /* something stands before in this object or array */
};

/* `key` is NULL inside arrays and at the top. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
void json_text(struct json *json, const char *key, const char *text); /* NULL: null */
void json_bytes(struct json *json, const char *key, const char *text, size_t bytes);
void json_number(struct json *json, const char *key, uint64_t number);
void json_signed(struct json *json, const char *key, int64_t number);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
void json_address(struct json *json, const char *key, uint64_t address); /* "0x..." */
/* Nanoseconds as seconds; CTT_NEVER is null. */
/* Finite, to three places. */
void json_fraction(struct json *json, const char *key, double number);
/* The same to six digits, however small. */
void json_real(struct json *json, const char *key, double number);
void json_seconds(struct json *json, const char *key, uint64_t ns);

#endif
