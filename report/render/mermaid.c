/* SPDX-License-Identifier: MIT */
/*
 * The context tree for Mermaid, which GitHub and GitLab draw where a text has it: a subgraph
 * for each dump. See graph.h.
 *
 * What Mermaid gives a meaning to even in quotes (`"` and `#`, brackets of HTML, the marks of
 * Markdown, `%%`, and what it takes for styles: `:` and `;`) is written by its number.
 */
#include "graph.h"

#include <string.h>

#include "../render.h"

static void character_write(FILE *out, const char *character, size_t length)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                " .,/=()+@?-";

    if (length > 1 || strchr(plain, *character))
        fwrite(character, 1, length, out);
    else
        fprintf(out, "#%u;", (unsigned char)*character);
}

static void label_write(FILE *out, const char *const *lines, size_t count)
{
    fputs("[\"", out);
    for (size_t i = 0; i < count; i++) {
        if (i)
            fputs("<br/>", out);
        graph_chars_write(out, lines[i], character_write);
    }
    fputs("\"]", out);
}

static void node_write(struct graph *graph, const struct context_node *node)
{
    const char *lines[GRAPH_LINES];
    size_t count = graph_lines(graph, node, lines);
    FILE *out = graph->text.out;

    fprintf(out, "    %s_c%u", graph->prefix, node->context->id);
    label_write(out, lines, count);
    fprintf(out, ":::%s\n", graph_colors[graph_look_of(node)].name);
}

static void marks_write(struct graph *graph, const struct context_node *node)
{
    if (context_is_late(node))
        fprintf(graph->text.out, "  class %s_c%u late\n", graph->prefix, node->context->id);
    if (context_is_origin(node))
        fprintf(graph->text.out, "  class %s_c%u origin\n", graph->prefix, node->context->id);
}

static void edge_write(struct graph *graph, const struct context_node *node)
{
    fprintf(graph->text.out, "    %s_c%u %s %s_c%u\n", graph->prefix, node->parent->context->id,
            node->inherited ? "==>" : "-->", graph->prefix, node->context->id);
}

void begin_mermaid(FILE *out)
{
    fputs("flowchart TD\n", out);
    for (size_t i = 0; i < GRAPH_LOOKS; i++)
        fprintf(out, "  classDef %s fill:%s,stroke:%s,color:#000\n", graph_colors[i].name,
                graph_colors[i].fill, graph_colors[i].line);
    fputs("  classDef late stroke:#c00,stroke-width:4px\n"
          "  classDef origin stroke-dasharray:6 3,stroke-width:3px\n",
          out);
}

void render_mermaid(const struct report *report, FILE *out)
{
    struct graph graph = graph_make(report, out);

    fprintf(out, "  subgraph %s", graph.prefix);
    label_write(out, &graph.title, 1);
    fputc('\n', out);
    for (size_t i = 0; i < graph.tree.count; i++) {
        if (graph.tree.order[i]->picked)
            node_write(&graph, graph.tree.order[i]);
    }
    for (size_t i = 0; i < graph.tree.count; i++) {
        if (graph.tree.order[i]->picked && graph.tree.order[i]->parent)
            edge_write(&graph, graph.tree.order[i]);
    }
    if (graph.rest) {
        fprintf(out, "    %s_rest", graph.prefix);
        label_write(out, &graph.rest, 1);
        fputc('\n', out);
    }
    fputs("  end\n", out);
    for (size_t i = 0; i < graph.tree.count; i++) {
        if (graph.tree.order[i]->picked)
            marks_write(&graph, graph.tree.order[i]);
    }
    graph_free(&graph);
}
