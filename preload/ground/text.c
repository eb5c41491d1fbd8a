/* SPDX-License-Identifier: MIT */
/* Text without printf: the tracker formats and parses numbers by itself, since
 * libc's own would take locks, allocate or read the locale. */
#include "preload/ground/sys.h"

void text_add_bytes(struct text *t, const char *s, size_t bytes)
{
    for (size_t i = 0; i < bytes && t->used + 1 < t->size; i++)
        t->at[t->used++] = s[i];
    if (t->size)
        t->at[t->used] = '\0';
}

void text_add(struct text *t, const char *s)
{
    text_add_bytes(t, s, __builtin_strlen(s));
}

static void text_add_base(struct text *t, uint64_t value, unsigned base)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    text_add_bytes(t, digits + at, sizeof digits - at);
}

void text_add_u64(struct text *t, uint64_t value)
{
    text_add_base(t, value, 10);
}

void text_add_i64(struct text *t, int64_t value)
{
    if (value < 0)
        text_add(t, "-");
    text_add_u64(t, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void text_add_hex(struct text *t, uint64_t value)
{
    text_add_base(t, value, 16);
}

uint64_t text_read_u64(const char **at)
{
    uint64_t value = 0;
    while (**at >= '0' && **at <= '9')
        value = value * 10 + (uint64_t)(*(*at)++ - '0');
    return value;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

uint64_t text_read_hex(const char **at)
{
    uint64_t value = 0;
    for (int digit; (digit = hex_digit(**at)) >= 0; (*at)++)
        value = value * 16 + (uint64_t)digit;
    return value;
}

const char *environment_value(char **environment, const char *key)
{
    size_t length = __builtin_strlen(key);
    for (; *environment; environment++)
        if (__builtin_strncmp(*environment, key, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

bool environment_remove(char **environment, const char *key)
{
    size_t length = __builtin_strlen(key);
    bool found = false;
    char **to = environment;
    for (char **from = environment; *from; from++) {
        if (__builtin_strncmp(*from, key, length) == 0 && (*from)[length] == '=')
            found = true;
        else
            *to++ = *from;
    }
    *to = NULL;
    return found;
}
