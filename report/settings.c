/* SPDX-License-Identifier: MIT */
/*
 * A value that cannot be read counts as not set: the tracker has already
 * complained about it, and a report must still come out.
 */
#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "preload/format.h"

#define SECOND_NS UINT64_C(1000000000)

enum { CONDITION_MAX = 24 }; /* as much as the tracker reads */

static const struct option_text {
    const char *key, *fallback, *help;
} option_texts[] = {
#define X(key, type, fallback, help) {#key, fallback, help},
    CTT_OPTIONS(X)
#undef X
};

enum { OPTION_COUNT = sizeof(option_texts) / sizeof(option_texts[0]) };

const char *option_row(unsigned row, const char **ret_default, const char **ret_help)
{
    if (row >= OPTION_COUNT)
        return NULL;
    *ret_default = option_texts[row].fallback;
    *ret_help = option_texts[row].help;
    return option_texts[row].key;
}

const char *option_default(const char *key)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(option_texts[i].key, key) == 0)
            return option_texts[i].fallback;
    }
    return NULL;
}

static bool number_parse(const char *text, uint64_t *ret_number, const char **ret_rest)
{
    char *end;
    unsigned long long number;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno)
        return false;
    *ret_number = number;
    *ret_rest = end;
    return true;
}

/* "80%", or digits and one of `units`. */
static bool is_share(const char *text, const char *units)
{
    uint64_t number;
    const char *rest;

    if (!number_parse(text, &number, &rest) || number == 0)
        return false;
    if (*rest == '%')
        return number <= 100 && !rest[1];
    return !*rest || (strchr(units, *rest) && !rest[1]);
}

static bool is_condition(const char *item)
{
    uint64_t ns;

    if (strncmp(item, "fd:", 3) == 0)
        return is_share(item + 3, "");
    if (strncmp(item, "rss:", 4) == 0)
        return is_share(item + 4, "kKmMgG");
    if (strncmp(item, "every:", 6) == 0)
        return time_parse(item + 6, &ns) && ns >= SECOND_NS;
    return strcmp(item, "mishap") == 0;
}

bool conditions_are_good(const char *text)
{
    char item[CONDITION_MAX];

    do {
        size_t length = strcspn(text, ",");

        if (length >= sizeof(item))
            return false;
        memcpy(item, text, length);
        item[length] = '\0';
        if (!is_condition(item))
            return false;
        text += length;
    } while (*text++ == ',');
    return true;
}

bool time_parse(const char *text, uint64_t *ret_ns)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {
        {"", 1000000000},  {"ns", 1},          {"us", 1000},         {"ms", 1000000},
        {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000},
    };
    uint64_t number, ns;
    const char *rest;

    if (!number_parse(text, &number, &rest))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(rest, units[i].unit) != 0)
            continue;
        if (__builtin_mul_overflow(number, units[i].ns, &ns))
            return false;
        *ret_ns = ns;
        return true;
    }
    return false;
}

/* As the tracker reads a BOOL; its default is a word of these, too. */
static bool word_is_yes(const char *text)
{
    static const char *const yes[] = {"1", "on", "yes", "true"};

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcmp(text, yes[i]) == 0)
            return true;
    }
    return false;
}

static const char *setting_text(settings_source *source, const void *from, const char *key)
{
    const char *value = source(from, key);

    return value ? value : option_default(key);
}

struct settings settings_make(settings_source *source, const void *from)
{
    struct settings settings = {0};
    const char *exit_value = setting_text(source, from, "exit");
    const char *held_value = setting_text(source, from, "held");
    const char *rest;

    if (!time_parse(setting_text(source, from, "grace"), &settings.grace_ns))
        time_parse(option_default("grace"), &settings.grace_ns);
    if (!number_parse(setting_text(source, from, "pile_up"), &settings.pile_up, &rest) ||
        settings.pile_up == 0)
        number_parse(option_default("pile_up"), &settings.pile_up, &rest);
    settings.project = setting_text(source, from, "project");
    settings.dir = setting_text(source, from, "dir");
    settings.color = setting_text(source, from, "color");
    settings.verbose = word_is_yes(setting_text(source, from, "verbose"));
    if (strcmp(exit_value, "all") == 0)
        settings.exit_rule = EXIT_ALL;
    else if (strcmp(exit_value, "declared") == 0)
        settings.exit_rule = EXIT_DECLARED;
    if (strcmp(held_value, "all") == 0)
        settings.held_rule = HELD_ALL;
    else if (strcmp(held_value, "none") == 0)
        settings.held_rule = HELD_NONE;
    return settings;
}
