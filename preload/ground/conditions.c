/* SPDX-License-Identifier: MIT */
#include "preload/ground/conditions.h"

#include <string.h>

#include "preload/ground/config.h"
#include "preload/ground/sys.h"

#define VALUE_MAX      24u                  /* characters of "18446744073709551615k" */
#define EVERY_LEAST_NS UINT64_C(1000000000) /* nobody looks more often */

static bool parse_count(const char *text, uint64_t *ret)
{
    if (*text < '0' || *text > '9' || strlen(text) > 18)
        return false;
    *ret = text_read_u64(&text);
    return *text == '\0';
}

static bool parse_share(const char *value, bool parse(const char *text, uint64_t *ret),
                        struct share *ret)
{
    char number[VALUE_MAX];
    size_t length = strlen(value);
    if (length == 0 || value[length - 1] != '%') {
        ret->is_percent = false;
        return parse(value, &ret->amount) && ret->amount > 0;
    }
    memcpy(number, value, length);
    number[length - 1] = '\0';
    ret->is_percent = true;
    return parse_count(number, &ret->amount) && ret->amount > 0 && ret->amount <= 100;
}

static bool parse_one(const char *name, const char *value, struct conditions *ret)
{
    if (strcmp(name, "fd") == 0)
        return value && parse_share(value, parse_count, &ret->fd);
    if (strcmp(name, "rss") == 0)
        return value && parse_share(value, config_parse_size, &ret->rss);
    if (strcmp(name, "every") == 0)
        return value && config_parse_time(value, &ret->every_ns) && ret->every_ns >= EVERY_LEAST_NS;
    if (strcmp(name, "mishap") == 0)
        return !value && (ret->mishap = true);
    return false;
}

bool conditions_parse(const char *text, struct conditions *ret)
{
    struct conditions read = {.mishap = false};
    while (*text) {
        char item[VALUE_MAX];
        size_t length = strcspn(text, ",");
        if (length == 0 || length >= sizeof item)
            return false;
        memcpy(item, text, length);
        item[length] = '\0';
        char *colon = strchr(item, ':');
        if (colon)
            *colon = '\0';
        if (!parse_one(item, colon ? colon + 1 : NULL, &read))
            return false;
        text += length;
        if (*text == ',' && !*++text)
            return false;
    }
    *ret = read;
    return true;
}

uint64_t share_of(const struct share *share, uint64_t whole)
{
    if (!share->amount)
        return UINT64_MAX;
    if (!share->is_percent)
        return share->amount;
    return whole == UINT64_MAX ? UINT64_MAX
                               : whole / 100 * share->amount + whole % 100 * share->amount / 100;
}
