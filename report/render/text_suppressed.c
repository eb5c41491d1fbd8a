/* SPDX-License-Identifier: MIT */
/*
 * What the report does not tell of, because rules say so: how much in one line, by rule
 * where all is asked for; and the rules that somebody should look at.
 */
#include "text_parts.h"

#include <inttypes.h>

#include "../suppress.h"

static const char *plural(unsigned count)
{
    return count == 1 ? "" : "s";
}

static const char *groups_text(struct text *text, const struct rule *rule)
{
    return pool_format(text->pool, "%u group%s, %" PRIu64 " held", rule->groups,
                       plural(rule->groups), rule->count);
}

static const char *outcome_text(struct text *text, const struct rule *rule)
{
    if (rule->bad)
        return pool_format(text->pool, "not a rule: %s", rule->bad);
    if (!rule->groups)
        return rule->expired ? pool_format(text->pool, "expired on %s", rule->until) : "unused";
    if (rule->expired)
        return pool_format(text->pool, "expired on %s, does not hide %s", rule->until,
                           groups_text(text, rule));
    if (rule->exceeded)
        return pool_format(text->pool, "too many: does not hide %s", groups_text(text, rule));
    return pool_format(text->pool, "%s%s%s", groups_text(text, rule), rule->reason ? ": " : "",
                       rule->reason ? rule->reason : "");
}

static void rule_write(struct text *text, const struct rule *rule)
{
    text_line(text, PAINT_NONE, "  %s %s  (%s)", text_cell(text, rule->text, 36),
              outcome_text(text, rule), rule->place);
}

void text_write_lapsed(struct text *text, const struct finding *f)
{
    if (f->lapsed)
        text_line(text, PAINT_NONE, "    rule    %s  %s  (%s)", f->lapsed->text,
                  f->lapsed->expired ? "has expired" : "hides no more than that", f->lapsed->place);
}

void text_write_suppressed(struct text *text)
{
    struct suppressed_counts counts = suppressed_count(text->report);
    uint64_t ignored = ignored_count(text->report);
    bool whole = text->report->request->all || text->report->settings.verbose;
    const char *line = "";
    const struct rule *rule;

    if (ignored)
        text_line(text, PAINT_NONE,
                  "ignored: %" PRIu64 " held in contexts where everything is meant to be", ignored);
    if (counts.groups)
        line = pool_format(text->pool, "suppressed: %u group%s (%u rule%s)", counts.groups,
                           plural(counts.groups), counts.rules, plural(counts.rules));
    if (counts.built_in)
        line = pool_format(text->pool, "%s%sbuilt-in: %u group%s", line, *line ? ", " : "",
                           counts.built_in, plural(counts.built_in));
    if (*line)
        text_line(text, PAINT_NONE, "%s", line);
    DL_FOREACH (text->report->rules, rule) {
        if (whole && (rule->groups || rule_is_debt(rule)))
            rule_write(text, rule);
    }
}
