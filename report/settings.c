/* SPDX-License-Identifier: MIT */
/*
 * A value that cannot be read counts as not set: the tracker has already
 * complained about it, and a report must still come out.
 */
#include "settings.h"

#include <string.h>

#include "preload/format.h"

static const struct option_text {
    const char *key, *fallback, *takes, *help;
} option_texts[] = {
#define X(key, type, fallback, takes, help) {#key, fallback, takes, help},
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

static const struct option_text *option_find(const char *key)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(option_texts[i].key, key) == 0)
            return &option_texts[i];
    }
    return NULL;
}

const char *option_default(const char *key)
{
    const struct option_text *option = option_find(key);

    return option ? option->fallback : NULL;
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

static uint64_t setting_number(settings_source *source, const void *from, const char *key)
{
    const struct option_text *option = option_find(key);
    int64_t number = 0;

    if (!option_read_number(setting_text(source, from, key), option->takes, &number))
        option_read_number(option->fallback, option->takes, &number);
    return (uint64_t)number;
}

struct settings settings_make(settings_source *source, const void *from)
{
    struct settings settings = {0};
    const char *exit_value = setting_text(source, from, "exit");
    const char *held_value = setting_text(source, from, "held");

    if (!option_read_time(setting_text(source, from, "grace"), &settings.grace_ns))
        option_read_time(option_default("grace"), &settings.grace_ns);
    if (!option_read_time(setting_text(source, from, "growth"), &settings.growth_ns))
        option_read_time(option_default("growth"), &settings.growth_ns);
    settings.pile_up = setting_number(source, from, "pile_up");
    settings.project = setting_text(source, from, "project");
    settings.dir = setting_text(source, from, "dir");
    settings.color = setting_text(source, from, "color");
    settings.verbose = word_is_yes(setting_text(source, from, "verbose"));
    settings.builtin_rules = word_is_yes(setting_text(source, from, "builtin_rules"));
    settings.suppressions = setting_text(source, from, "suppressions");
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
