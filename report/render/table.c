/* SPDX-License-Identifier: MIT */
/*
 * The output formats.
 */
#include "../render.h"

#include <string.h>

static const struct renderer renderers[] = {
    {.name = "text", .render = render_text, .between = "\n"},
    {.name = "json", .render = render_json, .before = "[\n", .between = ",\n", .after = "]\n"},
    {.name = "dot", .render = render_dot, .begin = begin_dot, .end = "}\n"},
    {.name = "mermaid", .render = render_mermaid, .begin = begin_mermaid},
};

const struct renderer *renderer_find(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(renderers) / sizeof(renderers[0]); i++) {
        if (strlen(renderers[i].name) == length && memcmp(renderers[i].name, name, length) == 0)
            return &renderers[i];
    }
    return NULL;
}

const char *renderer_names(void)
{
    return "text, json, dot, mermaid";
}
