/* SPDX-License-Identifier: MIT */
#include "preload/ground/config.h"

#include <string.h>

#include "preload/ground/arena.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

struct config config;

enum config_type { TYPE_BOOL, TYPE_INT, TYPE_SIZE, TYPE_TIME, TYPE_TEXT, TYPE_SIGNAL, TYPE_WHEN };

static struct option {
    const char *key;
    enum config_type type;
    void *field;
    const char *standard;
    const char *takes;
    const char *value; /* as text, as it is in force */
    enum ctt_origin origin;
} options[] = {
#define X(key, type, standard, takes, help)                                                        \
    {#key, TYPE_##type, &config.CTT_FIELD(key), standard, takes, standard, CTT_ORIGIN_DEFAULT},
    CTT_OPTIONS(X)
#undef X
};
#define OPTIONS (sizeof options / sizeof *options)

static const char *complaint;

/* ---- values ---- */

static bool parse_bool(const char *text, bool *ret)
{
    static const char *const yes[] = {"1", "on", "yes", "true"};
    static const char *const no[] = {"0", "off", "no", "false"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *ret = strcmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

/* The field keeps its old value when the text is not understood. */
static bool option_set(const struct option *option, const char *text)
{
    union {
        bool flag;
        int64_t number;
        uint64_t quantity;
        int signal;
        struct conditions conditions;
    } v;
    switch (option->type) {
    case TYPE_BOOL:
        return parse_bool(text, &v.flag) && (*(bool *)option->field = v.flag, true);
    case TYPE_INT:
        return option_read_number(text, option->takes, &v.number) &&
               (*(int64_t *)option->field = v.number, true);
    case TYPE_SIZE:
        return option_read_size(text, &v.quantity) &&
               (*(uint64_t *)option->field = v.quantity, true);
    case TYPE_TIME:
        return option_read_time(text, &v.quantity) &&
               (*(uint64_t *)option->field = v.quantity, true);
    case TYPE_SIGNAL:
        return option_read_signal(text, &v.signal) && (*(int *)option->field = v.signal, true);
    case TYPE_WHEN:
        return option_read_conditions(text, &v.conditions) &&
               (*(struct conditions *)option->field = v.conditions, true);
    case TYPE_TEXT:
        return option_takes_text(text, option->takes, option->standard) &&
               (*(const char **)option->field = text, true);
    }
    return false;
}

/* ---- the list ---- */

static void complain(const char *setting)
{
    HEALTH(options_unknown);
    if (!complaint)
        complaint = setting;
}

static void read_setting(char *setting)
{
    char *equals = strchr(setting, '=');
    size_t length = equals ? (size_t)(equals - setting) : strlen(setting);
    for (size_t i = 0; i < OPTIONS; i++) {
        struct option *option = &options[i];
        if (strncmp(option->key, setting, length) != 0 || option->key[length] != '\0')
            continue;
        /* A key alone switches a BOOL on. */
        const char *value = equals ? equals + 1 : option->type == TYPE_BOOL ? "1" : "";
        if (!option_set(option, value))
            break;
        option->value = value;
        option->origin = CTT_ORIGIN_ENV;
        return;
    }
    complain(setting);
}

/* The ':' that ends the setting at `text`, or its end. */
static char *setting_end(char *text)
{
    char *colon = text;
    while ((colon = strchr(colon, ':')) != NULL) {
        const char *word = ++colon;
        while ((*word >= 'a' && *word <= 'z') || *word == '_')
            word++;
        if (word != colon ? *word == '=' || *word == ':' || *word == '\0'
                          : *word == '\0' || *word == ':')
            return colon - 1;
    }
    return NULL;
}

void config_read(const char *text)
{
    for (size_t i = 0; i < OPTIONS; i++)
        option_set(&options[i], options[i].value);
    char *copy = text ? arena_copy(text, strlen(text)) : NULL;
    while (copy && *copy) {
        char *end = setting_end(copy);
        if (end)
            *end = '\0';
        if (*copy)
            read_setting(copy);
        copy = end ? end + 1 : NULL;
    }
}

void config_resolve(const char **field, const char *text)
{
    *field = text;
    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].field == field)
            options[i].value = text;
}

const char *config_complaint(void)
{
    return complaint;
}

void config_each(void (*each)(const char *key, const char *value, enum ctt_origin origin,
                              void *arg),
                 void *arg)
{
    for (size_t i = 0; i < OPTIONS; i++)
        each(options[i].key, options[i].value, options[i].origin, arg);
}
