/* SPDX-License-Identifier: MIT */
/*
 * The context tree for Graphviz: a cluster for each dump. See graph.h.
 *
 * In a quoted string of that language `"` ends it, a backslash begins an escape, and `&` an
 * entity of HTML.
 */
#include "graph.h"

#include "../render.h"

static void character_write(FILE *out, const char *character, size_t length)
{
    if (*character == '"' || *character == '\\')
        fputc('\\', out);
    if (*character == '&')
        fputs("&amp;", out);
    else
        fwrite(character, 1, length, out);
}

static void node_write(struct graph *graph, const struct context_node *node)
{
    const struct graph_color *color = &graph_colors[graph_look_of(node)];
    const char *lines[GRAPH_LINES];
    size_t count = graph_lines(graph, node, lines);
    FILE *out = graph->text.out;

    fprintf(out, "    %s_c%u [label=\"", graph->prefix, node->context->id);
    for (size_t i = 0; i < count; i++) {
        if (i)
            fputs("\\n", out);
        graph_chars_write(out, lines[i], character_write);
    }
    fprintf(out, "\", class=\"%s%s%s\", fillcolor=\"%s\", color=\"%s\"", color->name,
            context_is_late(node) ? " late" : "", context_is_origin(node) ? " origin" : "",
            color->fill, context_is_late(node) ? "#cc0000" : color->line);
    if (context_is_late(node))
        fputs(", penwidth=3", out);
    if (context_is_origin(node))
        fputs(", peripheries=2", out);
    if (node->context->hidden)
        fputs(", style=\"dashed\"", out);
    fputs("];\n", out);
}

static void edge_write(struct graph *graph, const struct context_node *node)
{
    fprintf(graph->text.out, "    %s_c%u -> %s_c%u%s;\n", graph->prefix, node->parent->context->id,
            graph->prefix, node->context->id,
            node->inherited ? " [class=\"cancel\", penwidth=3]" : "");
}

void begin_dot(FILE *out)
{
    fputs("digraph contexts {\n"
          "  node [shape=box, style=filled, fontname=\"sans-serif\"];\n",
          out);
}

void render_dot(const struct report *report, FILE *out)
{
    struct graph graph = graph_make(report, out);

    fprintf(out, "  subgraph cluster_%s {\n    label=\"", graph.prefix);
    graph_chars_write(out, graph.title, character_write);
    fputs("\";\n", out);
    for (size_t i = 0; i < graph.tree.count; i++) {
        if (graph.tree.order[i]->picked)
            node_write(&graph, graph.tree.order[i]);
    }
    for (size_t i = 0; i < graph.tree.count; i++) {
        if (graph.tree.order[i]->picked && graph.tree.order[i]->parent)
            edge_write(&graph, graph.tree.order[i]);
    }
    if (graph.rest)
        fprintf(out, "    %s_rest [label=\"%s\", class=\"rest\", shape=plaintext, style=\"\"];\n",
                graph.prefix, graph.rest);
    fputs("  }\n", out);
    graph_free(&graph);
}
