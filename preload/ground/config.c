/* SPDX-License-Identifier: MIT */
#include "preload/ground/config.h"

#include <signal.h>
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
    const char *value; /* as text, as it is in force */
    enum ctt_origin origin;
} options[] = {
#define X(key, type, standard, help)                                                               \
    {#key, TYPE_##type, &config.CTT_FIELD(key), standard, CTT_ORIGIN_DEFAULT},
    CTT_OPTIONS(X)
#undef X
};
#define OPTIONS (sizeof options / sizeof *options)

static const char *complaint;

/* ---- values ---- */

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit time_units[] = {
    {"", 1000000000},
    {"s", 1000000000},
    {"ms", 1000000},
    {"us", 1000},
    {"ns", 1},
    {"m", 60000000000},
    {"h", UINT64_C(3600000000000)},
    {NULL, 0},
};
static const struct unit size_units[] = {
    {"", 1},        {"k", 1 << 10}, {"K", 1 << 10}, {"m", 1 << 20},
    {"M", 1 << 20}, {"g", 1 << 30}, {"G", 1 << 30}, {NULL, 0},
};

static bool parse_with_unit(const char *text, const struct unit *units, uint64_t *ret)
{
    if (*text < '0' || *text > '9')
        return false;
    uint64_t number = text_read_u64(&text);
    for (; units->name; units++)
        if (strcmp(text, units->name) == 0)
            return !__builtin_mul_overflow(number, units->factor, ret);
    return false;
}

bool config_parse_time(const char *text, uint64_t *ret_ns)
{
    return parse_with_unit(text, time_units, ret_ns);
}

bool config_parse_size(const char *text, uint64_t *ret_bytes)
{
    return parse_with_unit(text, size_units, ret_bytes);
}

static const struct {
    const char *name;
    int number;
} signal_names[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},     {"USR1", SIGUSR1},
    {"USR2", SIGUSR2}, {"ALRM", SIGALRM}, {"TERM", SIGTERM},     {"CONT", SIGCONT},
    {"URG", SIGURG},   {"PROF", SIGPROF}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
    {"IO", SIGIO},     {"PWR", SIGPWR},   {"XCPU", SIGXCPU},     {"TRAP", SIGTRAP},
};

bool config_parse_signal(const char *text, int *ret_signal)
{
    if (*text == '\0') {
        *ret_signal = 0;
        return true;
    }
    if (*text >= '0' && *text <= '9') {
        uint64_t number = text_read_u64(&text);
        *ret_signal = (int)number;
        return *text == '\0' && number > 0 && number <= 64 && number != SIGKILL &&
               number != SIGSTOP;
    }
    if (strncmp(text, "SIG", 3) == 0)
        text += 3;
    int edge = strncmp(text, "RTMAX-", 6) == 0   ? SIGRTMAX
               : strncmp(text, "RTMIN+", 6) == 0 ? SIGRTMIN
                                                 : 0;
    if (edge) {
        int sign = text[5] == '-' ? -1 : 1;
        text += 6;
        *ret_signal = edge + sign * (int)text_read_u64(&text);
        return *text == '\0' && *ret_signal >= SIGRTMIN && *ret_signal <= SIGRTMAX;
    }
    for (size_t i = 0; i < sizeof signal_names / sizeof *signal_names; i++)
        if (strcmp(text, signal_names[i].name) == 0) {
            *ret_signal = signal_names[i].number;
            return true;
        }
    return false;
}

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

static bool parse_int(const char *text, int64_t *ret)
{
    bool negative = *text == '-';
    text += negative;
    if (*text < '0' || *text > '9')
        return false;
    uint64_t number = text_read_u64(&text);
    *ret = negative ? -(int64_t)number : (int64_t)number;
    return *text == '\0' && number <= INT64_MAX;
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
        return parse_int(text, &v.number) && (*(int64_t *)option->field = v.number, true);
    case TYPE_SIZE:
        return config_parse_size(text, &v.quantity) &&
               (*(uint64_t *)option->field = v.quantity, true);
    case TYPE_TIME:
        return config_parse_time(text, &v.quantity) &&
               (*(uint64_t *)option->field = v.quantity, true);
    case TYPE_SIGNAL:
        return config_parse_signal(text, &v.signal) && (*(int *)option->field = v.signal, true);
    case TYPE_WHEN:
        return conditions_parse(text, &v.conditions) &&
               (*(struct conditions *)option->field = v.conditions, true);
    case TYPE_TEXT:
        *(const char **)option->field = text;
        return true;
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
