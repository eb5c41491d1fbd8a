/* SPDX-License-Identifier: MIT */
/*
 * How the values of CTT_OPTIONS (options.h) are read: by the tracker, which warns
 * of a bad one and keeps the default, and by the command, which refuses it. Both
 * by these functions, so that they agree. Safe in a signal handler. Include format.h.
 */
#ifndef CTXTRACE_OPTION_VALUE_H
#define CTXTRACE_OPTION_VALUE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Decimal digits at *at, which moves past them. False: none, or too many. */
static inline bool option_read_digits(const char **at, uint64_t *ret)
{
    const char *begin = *at;
    uint64_t number = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(**at - '0'), &number))
            return false;
    *ret = number;
    return *at != begin;
}

struct option_unit {
    const char *name;
    uint64_t factor;
};

static inline bool option_read_scaled(const char *text, const struct option_unit *units,
                                      size_t count, uint64_t *ret)
{
    uint64_t number, product;
    if (!option_read_digits(&text, &number))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, units[i].name) != 0)
            continue;
        if (__builtin_mul_overflow(number, units[i].factor, &product))
            return false;
        *ret = product;
        return true;
    }
    return false;
}

/* TIME: "500ms", "3s", "10m", "2h"; plain numbers are seconds. In nanoseconds. */
static inline bool option_read_time(const char *text, uint64_t *ret_ns)
{
    static const struct option_unit units[] = {
        {"", 1000000000},
        {"s", 1000000000},
        {"ms", 1000000},
        {"us", 1000},
        {"ns", 1},
        {"m", 60000000000},
        {"h", UINT64_C(3600000000000)},
    };
    return option_read_scaled(text, units, sizeof units / sizeof *units, ret_ns);
}

/* SIZE: "64k", "256M", "4G", in bytes. */
static inline bool option_read_size(const char *text, uint64_t *ret_bytes)
{
    static const struct option_unit units[] = {
        {"", 1},        {"k", 1 << 10}, {"K", 1 << 10}, {"m", 1 << 20},
        {"M", 1 << 20}, {"g", 1 << 30}, {"G", 1 << 30},
    };
    return option_read_scaled(text, units, sizeof units / sizeof *units, ret_bytes);
}

/* INT: `takes` is "LEAST MOST". */
static inline bool option_read_number(const char *text, const char *takes, int64_t *ret)
{
    uint64_t least, most, number;
    if (!option_read_digits(&takes, &least) || *takes++ != ' ' ||
        !option_read_digits(&takes, &most) || !option_read_digits(&text, &number) || *text ||
        number < least || number > most)
        return false;
    *ret = (int64_t)number;
    return true;
}

/* "RTMIN+2" or "RTMAX-7", without what it begins with. */
static inline bool option_read_realtime(const char *text, int edge, int sign, int *ret_signal)
{
    uint64_t number;
    if (!option_read_digits(&text, &number) || *text || number > (uint64_t)(SIGRTMAX - SIGRTMIN))
        return false;
    *ret_signal = edge + sign * (int)number;
    return true;
}

static inline bool option_read_signal_number(const char *text, int *ret_signal)
{
    uint64_t number;
    if (!option_read_digits(&text, &number) || *text || number == 0 || number >= NSIG ||
        number == SIGKILL || number == SIGSTOP)
        return false;
    *ret_signal = (int)number;
    return true;
}

/* SIGNAL: a name with or without SIG, or a number; nothing: 0, no signal. */
static inline bool option_read_signal(const char *text, int *ret_signal)
{
    static const struct {
        const char *name;
        int number;
    } names[] = {
        {"", 0},
        {"HUP", SIGHUP},
        {"INT", SIGINT},
        {"QUIT", SIGQUIT},
        {"USR1", SIGUSR1},
        {"USR2", SIGUSR2},
        {"ALRM", SIGALRM},
        {"TERM", SIGTERM},
        {"CONT", SIGCONT},
        {"URG", SIGURG},
        {"PROF", SIGPROF},
        {"VTALRM", SIGVTALRM},
        {"WINCH", SIGWINCH},
        {"IO", SIGIO},
        {"PWR", SIGPWR},
        {"XCPU", SIGXCPU},
        {"TRAP", SIGTRAP},
    };
    if (*text >= '0' && *text <= '9')
        return option_read_signal_number(text, ret_signal);
    if (strncmp(text, "SIG", 3) == 0 && text[3])
        text += 3;
    if (strncmp(text, "RTMAX-", 6) == 0)
        return option_read_realtime(text + 6, SIGRTMAX, -1, ret_signal);
    if (strncmp(text, "RTMIN+", 6) == 0)
        return option_read_realtime(text + 6, SIGRTMIN, 1, ret_signal);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i].name) == 0) {
            *ret_signal = names[i].number;
            return true;
        }
    return false;
}

/* TEXT: `takes` are the words that it may be, with a space between them; none:
 * anything. The default always is good. */
static inline bool option_takes_text(const char *text, const char *takes, const char *standard)
{
    if (!*takes || strcmp(text, standard) == 0)
        return true;
    size_t length = strcspn(text, " ");
    for (const char *word = takes; length && !text[length]; word++) {
        size_t bytes = strcspn(word, " ");
        if (bytes == length && strncmp(word, text, length) == 0)
            return true;
        word += bytes;
        if (!*word)
            break;
    }
    return false;
}

#endif
