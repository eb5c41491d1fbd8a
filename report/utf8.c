/* SPDX-License-Identifier: MIT */
/*
 * The well-formed sequences of Unicode 15, table 3-7.
 */
#include "utf8.h"

#include <stdbool.h>

static const struct {
    unsigned char first_low, first_high, second_low, second_high, length;
} sequences[] = {
    {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool byte_follows(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t utf8_length(const char *text, size_t bytes)
{
    const unsigned char *t = (const unsigned char *)text;

    for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
        size_t length = sequences[i].length;

        if (t[0] < sequences[i].first_low || t[0] > sequences[i].first_high)
            continue;
        if (length == 1)
            return 1;
        if (length > bytes || t[1] < sequences[i].second_low || t[1] > sequences[i].second_high)
            return 0;
        for (size_t k = 2; k < length; k++) {
            if (!byte_follows(t[k]))
                return 0;
        }
        return length;
    }
    return 0;
}
