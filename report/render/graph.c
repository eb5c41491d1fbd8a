/* SPDX-License-Identifier: MIT */
/*
 * See graph.h.
 */
#include "graph.h"

#include <inttypes.h>
#include <string.h>

#include "../utf8.h"
#include "../words.h"
#include "text_parts.h"

enum { NODES_MAX = 200, LINE_CHARS = 60 };

const struct graph_color graph_colors[GRAPH_LOOKS] = {
    [GRAPH_ACTIVE] = {"active", "#e8f1fb", "#3465a4"},
    [GRAPH_CANCELLED] = {"cancelled", "#fbf3d9", "#9a7200"},
    [GRAPH_DEADLINE] = {"deadline", "#fde6d2", "#b35900"},
    [GRAPH_OK] = {"ok", "#eef3ee", "#5f7f5f"},
    [GRAPH_ERROR] = {"error", "#fbe0e0", "#a40000"},
    [GRAPH_ABANDONED] = {"abandoned", "#efe3f5", "#75507b"},
};

enum graph_look graph_look_of(const struct context_node *node)
{
    static const enum graph_look looks[] = {
        [CTT_STATE_ACTIVE] = GRAPH_ACTIVE,     [CTT_STATE_CANCELLED] = GRAPH_CANCELLED,
        [CTT_STATE_DEADLINE] = GRAPH_DEADLINE, [CTT_STATE_OK] = GRAPH_OK,
        [CTT_STATE_ERROR] = GRAPH_ERROR,       [CTT_STATE_ABANDONED] = GRAPH_ABANDONED,
    };
    uint32_t state = node->context->state;

    if (node->context->flags & CTT_CONTEXT_LOST)
        return GRAPH_ABANDONED;
    return state < sizeof(looks) / sizeof(looks[0]) ? looks[state] : GRAPH_ACTIVE;
}

static const char *rest_words(const struct graph *graph, size_t left)
{
    size_t folded = 0;

    for (size_t i = 0; i < graph->tree.count; i++)
        folded += !graph->tree.nodes[i].picked && graph->tree.nodes[i].rank == CONTEXT_FOLDED;
    if (left && folded)
        return pool_format(graph->text.pool,
                           "and %zu more, and %zu of threads, which hold nothing (--all)", left,
                           folded);
    if (left)
        return pool_format(graph->text.pool, "and %zu more (--all)", left);
    if (folded)
        return pool_format(graph->text.pool, "and %zu of threads, which hold nothing (--all)",
                           folded);
    return NULL;
}

struct graph graph_make(const struct report *report, FILE *out)
{
    const struct process *process = &report->model->process;
    bool all = report->request->all;
    struct graph graph = {.text = {.report = report, .pool = pool_new(), .out = out}};
    size_t left;

    graph.tree = context_tree_make(report);
    left = context_tree_pick(&graph.tree, all ? CONTEXT_FOLDED : CONTEXT_PLAIN,
                             all ? SIZE_MAX : NODES_MAX);
    graph.prefix = pool_format(graph.text.pool, "p%u_%" PRIu64 "_%u", process->facts.pid,
                               process->facts.start_ticks, process->facts.sequence);
    graph.title = pool_format(graph.text.pool, "%s[%u]", process->name ? process->name : "?",
                              process->facts.pid);
    graph.rest = rest_words(&graph, left);
    return graph;
}

void graph_free(struct graph *graph)
{
    pool_free(graph->text.pool);
    *graph = (struct graph){0};
}

size_t graph_lines(struct graph *graph, const struct context_node *node,
                   const char *ret_lines[GRAPH_LINES])
{
    struct text *text = &graph->text;
    const struct context *c = node->context;
    const char *holds = text_context_holds(text, node);
    size_t count = 0;

    ret_lines[count++] = text_context_title(text, c);
    ret_lines[count++] = text_context_state(text, node);
    if (context_is_origin(node))
        ret_lines[count++] = "THE CANCEL BEGAN HERE";
    if (c->cause && !node->inherited)
        ret_lines[count++] = pool_format(text->pool, "cause: %s", c->cause);
    if (c->trace_id)
        ret_lines[count++] = pool_format(text->pool, "trace %s", c->trace_id);
    if (c->value_key)
        ret_lines[count++] =
            pool_format(text->pool, "%s=%s", c->value_key, c->value ? c->value : "");
    if (*holds)
        ret_lines[count++] = pool_format(text->pool, "%s %s",
                                         context_is_late(node) ? "STILL HOLDS" : "holds", holds);
    return count;
}

void graph_chars_write(FILE *out, const char *chars,
                       void (*escape)(FILE *out, const char *character, size_t length))
{
    size_t bytes = strlen(chars);

    for (unsigned written = 0; bytes; written++) {
        size_t length = utf8_length(chars, bytes);
        unsigned char c = (unsigned char)*chars;

        if (written == LINE_CHARS) {
            fputs("…", out);
            return;
        }
        if (length == 0)
            fputs("\xef\xbf\xbd", out);
        else if (c < ' ' || c == 0x7f)
            fputc('?', out);
        else
            escape(out, chars, length);
        chars += length ? length : 1;
        bytes -= length ? length : 1;
    }
}
