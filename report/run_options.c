/* SPDX-License-Identifier: MIT */
/*
 * See run_options.h.
 */
#include "run_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tracker_option {
    const char *key, *type, *fallback, *takes;
} tracker_options[] = {
#define X(key, type, fallback, takes, help) {#key, #type, fallback, takes},
    CTT_OPTIONS(X)
#undef X
};

struct option tracker_option_flag(size_t row, int value)
{
    return (struct option){
        .name = tracker_options[row].key,
        .has_arg =
            strcmp(tracker_options[row].type, "BOOL") == 0 ? optional_argument : required_argument,
        .val = value,
    };
}

static bool is_bool(const char *value)
{
    static const char *const words[] = {"0", "1", "off", "on", "no", "yes", "false", "true"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(value, words[i]) == 0)
            return true;
    }
    return false;
}

/* What the tracker would only warn of, in the program's stderr. */
static bool value_is_good(const struct tracker_option *option, const char *value)
{
    struct conditions conditions;
    uint64_t quantity;
    int64_t number;
    int signal;

    if (strcmp(option->type, "BOOL") == 0)
        return is_bool(value);
    if (strcmp(option->type, "INT") == 0)
        return option_read_number(value, option->takes, &number);
    if (strcmp(option->type, "SIZE") == 0)
        return option_read_size(value, &quantity);
    if (strcmp(option->type, "TIME") == 0)
        return option_read_time(value, &quantity);
    if (strcmp(option->type, "WHEN") == 0)
        return option_read_conditions(value, &conditions);
    if (strcmp(option->type, "TEXT") == 0)
        return option_takes_text(value, option->takes, option->fallback);
    return option_read_signal(value, &signal);
}

bool tracker_option_add(char **options, const char *key, const char *value)
{
    struct conditions conditions;
    char *longer;

    /* A ':' that no word follows is no separator, as in these. */
    if (strchr(value, ':') && !option_read_conditions(value, &conditions)) {
        fprintf(stderr, "ctxtrace: --%s=%s: a colon separates options and cannot be part of one\n",
                key, value);
        return false;
    }
    if (asprintf(&longer, "%s%s%s=%s", *options, **options ? ":" : "", key, value) < 0)
        return false;
    free(*options);
    *options = longer;
    return true;
}

bool tracker_option_take(char **options, size_t row, const char *value)
{
    const struct tracker_option *option = &tracker_options[row];

    if (value_is_good(option, value))
        return tracker_option_add(options, option->key, value);
    fprintf(stderr, "ctxtrace: --%s=%s: no such %s%s%s\n", option->key, value,
            strcmp(option->type, "TIME") == 0     ? "time (500ms, 3s, 10m)"
            : strcmp(option->type, "SIZE") == 0   ? "size (64k, 256M)"
            : strcmp(option->type, "SIGNAL") == 0 ? "signal"
            : strcmp(option->type, "BOOL") == 0   ? "switch (0, 1)"
            : strcmp(option->type, "WHEN") == 0 ? "condition (fd:80%, rss:512M, every:10m, mishap)"
            : strcmp(option->type, "INT") == 0  ? "number (least and most: "
                                                : "word (",
            option->takes, *option->takes ? ")" : "");
    return false;
}
