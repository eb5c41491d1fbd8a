/* SPDX-License-Identifier: MIT */
/*
 * The option auto=: at what a snapshot is taken without anybody's asking.
 *
 *     fd:80%       so much of RLIMIT_NOFILE is used; or a number of descriptors
 *     rss:80%      so much of the control group's memory.max; or a size
 *     every:10m    time has passed
 *     mishap       something failed or was illegal for the first time
 *
 * Several stand with commas between them.
 */
#ifndef GROUND_CONDITIONS_H
#define GROUND_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

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

/* False: not understood, and nothing is written. "" is none. */
bool conditions_parse(const char *text, struct conditions *ret);

/* What `share` comes to, of `whole` (UINT64_MAX: there is no bound, and a share of
 * it is never reached). */
uint64_t share_of(const struct share *share, uint64_t whole);

#endif
