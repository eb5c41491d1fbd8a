/* SPDX-License-Identifier: MIT */
/*
 * The option auto=: at what a snapshot is taken without anybody's asking.
 *
 *     fd:80%       so much of RLIMIT_NOFILE is used; or a number of descriptors
 *     rss:80%      so much of the control group's memory.max; or a size
 *     every:10m    time has passed
 *     mishap       something failed or was illegal for the first time
 *
 * Several stand with commas between them. As option_value.h, for both sides.
 */
#ifndef CTXTRACE_OPTION_CONDITIONS_H
#define CTXTRACE_OPTION_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "preload/option_value.h"

#define CONDITION_MAX         24u                  /* characters of one */
#define CONDITION_EVERY_LEAST UINT64_C(1000000000) /* nobody looks more often */

/* How much of something; 0: not asked for. */
struct share {
    uint64_t amount;
    bool is_percent;
};

struct conditions {
    struct share fd;
    struct share rss;
    uint64_t every_ns;
    bool mishap;
};

static inline bool option_read_count(const char *text, uint64_t *ret)
{
    return option_read_digits(&text, ret) && !*text;
}

static inline bool option_read_share(const char *value, bool read(const char *text, uint64_t *ret),
                                     struct share *ret)
{
    char number[CONDITION_MAX];
    size_t length = strlen(value);
    ret->is_percent = length > 0 && value[length - 1] == '%';
    if (!ret->is_percent)
        return read(value, &ret->amount) && ret->amount > 0;
    memcpy(number, value, length);
    number[length - 1] = '\0';
    return option_read_count(number, &ret->amount) && ret->amount > 0 && ret->amount <= 100;
}

/* `value` is NULL where nothing follows the name. */
static inline bool option_read_condition(const char *name, const char *value,
                                         struct conditions *ret)
{
    if (strcmp(name, "mishap") == 0)
        return !value && (ret->mishap = true);
    if (!value)
        return false;
    if (strcmp(name, "fd") == 0)
        return option_read_share(value, option_read_count, &ret->fd);
    if (strcmp(name, "rss") == 0)
        return option_read_share(value, option_read_size, &ret->rss);
    return strcmp(name, "every") == 0 && option_read_time(value, &ret->every_ns) &&
           ret->every_ns >= CONDITION_EVERY_LEAST;
}

/* WHEN. False: not understood, and nothing is written. "" is none. */
static inline bool option_read_conditions(const char *text, struct conditions *ret)
{
    struct conditions read = {.mishap = false};
    while (*text) {
        char item[CONDITION_MAX];
        size_t length = strcspn(text, ",");
        if (length == 0 || length >= sizeof item)
            return false;
        memcpy(item, text, length);
        item[length] = '\0';
        char *colon = strchr(item, ':');
        if (colon)
            *colon = '\0';
        if (!option_read_condition(item, colon ? colon + 1 : NULL, &read))
            return false;
        text += length;
        if (*text == ',' && !*++text)
            return false;
    }
    *ret = read;
    return true;
}

/* What `share` comes to, of `whole` (UINT64_MAX: there is no bound, and a share of
 * it is never reached). */
static inline uint64_t share_of(const struct share *share, uint64_t whole)
{
    if (!share->amount)
        return UINT64_MAX;
    if (!share->is_percent)
        return share->amount;
    return whole == UINT64_MAX ? UINT64_MAX
                               : whole / 100 * share->amount + whole % 100 * share->amount / 100;
}

#endif
