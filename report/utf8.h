/* SPDX-License-Identifier: MIT */
/*
 * How much of a byte string is one valid UTF-8 character. File names and
 * thread names are bytes; every output of ours is valid UTF-8.
 */
#ifndef REPORT_UTF8_H
#define REPORT_UTF8_H

#include <stddef.h>

/* The bytes of the character that `text` starts with (`bytes` >= 1 are
 * there), or 0 when it is none: overlong, surrogate, or cut. */
size_t utf8_length(const char *text, size_t bytes);

#endif
