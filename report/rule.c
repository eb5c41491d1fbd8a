/* SPDX-License-Identifier: MIT */
/*
 * See rule.h. A name that the rules' own words cannot be told from is not a problem that
 * occurs: the words behind a pattern are taken off its end, and only those that are known.
 */
#include "rule.h"

#include <string.h>
#include <time.h>

#include "words.h"

#include "preload/format.h"

enum { DATE_CHARS = sizeof("2026-01-31") - 1, SECONDS_PER_DAY = 86400 };

#define NS_PER_DAY UINT64_C(86400000000000)

/* ---- patterns ---- */

/* The piece's first occurrence in `text`: at its beginning where it cannot be elsewhere,
 * at its end where the pattern ends there. NULL: none. */
static const char *piece_find(const char *text, const char *piece, size_t length, bool anywhere,
                              bool to_end)
{
    size_t room = strlen(text);

    if (room < length || (to_end && !anywhere && room != length))
        return NULL;
    if (to_end)
        text += room - length;
    if (to_end || !anywhere)
        return memcmp(text, piece, length) == 0 ? text : NULL;
    return memmem(text, room, piece, length);
}

bool pattern_matches(const char *pattern, const char *text)
{
    bool anywhere = *pattern != '^', star = false;

    if (!text || !*text)
        return false;
    pattern += *pattern == '^';
    for (;;) {
        size_t length;
        bool to_end;

        for (; *pattern == '*'; pattern++)
            star = anywhere = true;
        if (!*pattern)
            return true;
        if (*pattern == '$')
            return star || !*text;
        length = strcspn(pattern, "*$");
        to_end = pattern[length] == '$';
        text = piece_find(text, pattern, length, anywhere, to_end);
        if (!text || to_end || !pattern[length])
            return text != NULL;
        text += length;
        pattern += length;
        star = anywhere = false;
    }
}

/* ---- the words behind a pattern ---- */

/* Days are whole ones of UTC, the last one included. */
static bool date_read(const char *text, uint64_t *ret_ends_ns)
{
    struct tm tm = {0}, again;
    const char *end = strlen(text) == DATE_CHARS ? strptime(text, "%Y-%m-%d", &tm) : NULL;
    int day = tm.tm_mday;
    time_t seconds;

    if (!end || *end)
        return false;
    seconds = timegm(&tm);
    /* The 31st of a shorter month comes back as the 1st of the next. */
    if (seconds < 0 || !gmtime_r(&seconds, &again) || again.tm_mday != day)
        return false;
    *ret_ends_ns = (uint64_t)seconds / SECONDS_PER_DAY * NS_PER_DAY + NS_PER_DAY;
    return true;
}

static const char *max_set(struct rule *rule, const char *value)
{
    const char *at = value;

    return option_read_digits(&at, &rule->most) && !*at ? NULL : "max= takes a number";
}

static const char *until_set(struct rule *rule, const char *value)
{
    rule->until = value;
    return date_read(value, &rule->ends_ns) ? NULL : "until= takes a day, as 2026-01-31";
}

static const char *ticket_set(struct rule *rule, const char *value)
{
    rule->ticket = value;
    return *value ? NULL : "ticket= takes a word";
}

static const char *module_set(struct rule *rule, const char *value)
{
    rule->module = value;
    return *value ? NULL : "module= takes a pattern";
}

static const struct rule_word {
    const char *name; /* with its '=' */
    const char *(*set)(struct rule *rule, const char *value);
} rule_words[] = {
    {"max=", max_set},
    {"until=", until_set},
    {"ticket=", ticket_set},
    {"module=", module_set},
};

static const struct rule_word *word_find(const char *word)
{
    for (size_t i = 0; i < sizeof(rule_words) / sizeof(rule_words[0]); i++) {
        if (strncmp(word, rule_words[i].name, strlen(rule_words[i].name)) == 0)
            return &rule_words[i];
    }
    return NULL;
}

/* "leak:other # why": what a person adds is no part of the pattern. */
static void blanks_cut(char *line)
{
    size_t length;
    char *comment = strstr(line, " #");

    if (comment)
        *comment = '\0';
    length = strlen(line);
    while (length && strchr(" \t\r\f\v", line[length - 1]))
        line[--length] = '\0';
}

/* Takes the known words off the line's end. Returns what is wrong with one, or NULL. */
static const char *words_take(struct rule *rule, char *line)
{
    const char *wrong = NULL;
    char *last;

    while (!wrong) {
        const struct rule_word *word;

        blanks_cut(line);
        last = strrchr(line, ' ');
        word = last ? word_find(last + 1) : NULL;
        if (!word)
            return NULL;
        *last = '\0';
        wrong = word->set(rule, last + 1 + strlen(word->name));
    }
    return wrong;
}

/* ---- lines ---- */

static bool kind_is_known(const char *name)
{
    for (uint32_t kind = 1; kind < CTT_KIND_COUNT; kind++) {
        if (strcmp(kind_word(kind), name) == 0)
            return true;
    }
    return false;
}

/* "socket:upstream_*" */
static const char *held_read(struct rule *rule, char *rest)
{
    char *colon = strchr(rest, ':');

    if (!colon)
        return "held: takes a kind and a pattern, as held:socket:upstream_*";
    *colon = '\0';
    rule->kind = strcmp(rest, "*") == 0 ? NULL : rest;
    rule->pattern = colon + 1;
    return rule->kind && !kind_is_known(rule->kind) ? "no such kind" : NULL;
}

static const char *pattern_read(struct rule *rule, char *rest)
{
    rule->pattern = rest;
    return NULL;
}

static const struct {
    const char *prefix;
    enum rule_sort sort;
    const char *(*read)(struct rule *rule, char *rest);
} rule_sorts[] = {
    {"leak:", RULE_LEAK, pattern_read},
    {"held:", RULE_HELD, held_read},
    {"created-by:", RULE_CREATED_BY, pattern_read},
    {"thread:top:", RULE_THREAD_TOP, pattern_read},
    {"context:", RULE_CONTEXT, pattern_read},
};

/* `line` is cut into the rule's parts. Returns what is wrong with it, or NULL. */
static const char *line_read(struct rule *rule, char *line)
{
    const char *wrong = words_take(rule, line);

    for (size_t i = 0; !wrong && i < sizeof(rule_sorts) / sizeof(rule_sorts[0]); i++) {
        size_t length = strlen(rule_sorts[i].prefix);

        if (strncmp(line, rule_sorts[i].prefix, length) != 0)
            continue;
        rule->sort = rule_sorts[i].sort;
        wrong = rule_sorts[i].read(rule, line + length);
        return wrong || *rule->pattern ? wrong : "an empty pattern";
    }
    return wrong ? wrong
                 : "expected leak:, held:KIND:, created-by:, thread:top: or context:, and a "
                   "pattern";
}

/* NULL: blank, or a comment. */
static struct rule *rule_make(struct pool *pool, const char *line, size_t length)
{
    struct rule *rule;
    char *text, *parts;

    while (length && strchr(" \t\r\f\v", *line)) {
        line++;
        length--;
    }
    if (!length || *line == '#')
        return NULL;
    rule = pool_alloc(pool, sizeof(*rule));
    rule->most = rule->ends_ns = UINT64_MAX;
    text = pool_copy(pool, line, length);
    blanks_cut(text);
    rule->text = text;
    parts = pool_copy(pool, text, strlen(text));
    rule->bad = memchr(line, '\0', length) ? "a byte of zero" : line_read(rule, parts);
    return rule;
}

unsigned rules_read(struct pool *pool, struct rule **list, const struct rule_text *text)
{
    const char *at = text->bytes, *end = at ? at + text->size : NULL;
    unsigned bad = 0;

    for (unsigned number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);
        struct rule *rule = rule_make(pool, at, length);

        at = newline ? newline + 1 : end;
        if (!rule)
            continue;
        rule->source = text->source;
        rule->place = pool_format(pool, "%s:%u", text->name, number);
        bad += rule->bad != NULL;
        DL_APPEND(*list, rule);
    }
    return bad;
}

const char *rule_state_word(const struct rule *rule)
{
    if (rule->bad)
        return "bad";
    if (rule->expired)
        return "expired";
    if (rule->exceeded)
        return "exceeded";
    return rule->groups ? "used" : "unused";
}
