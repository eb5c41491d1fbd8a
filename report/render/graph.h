/* SPDX-License-Identifier: MIT */
/*
 * What the graphs of a context tree have in common: which nodes are drawn, what each says, and
 * how texts are written in a language that gives characters a meaning. Each context is a node;
 * the edge from parent to child is bold where a cancel took that way.
 */
#ifndef REPORT_GRAPH_H
#define REPORT_GRAPH_H

#include "../context_tree.h"
#include "text_style.h"

enum { GRAPH_LINES = 7 };

/* How a node looks; one word of both languages. */
enum graph_look {
    GRAPH_ACTIVE,
    GRAPH_CANCELLED,
    GRAPH_DEADLINE,
    GRAPH_OK,
    GRAPH_ERROR,
    GRAPH_ABANDONED,
    GRAPH_LOOKS,
};

struct graph_color {
    const char *name, *fill, *line;
};
extern const struct graph_color graph_colors[GRAPH_LOOKS];

struct graph {
    struct text text;
    struct context_tree tree;
    const char *prefix; /* of the ids of this dump's nodes: unique among those shown together */
    const char *title;
    const char *rest; /* what is not drawn; NULL: all is */
};

struct graph graph_make(const struct report *report, FILE *out);
void graph_free(struct graph *graph);

enum graph_look graph_look_of(const struct context_node *node);

/* What the node says, from the top down. Returns how many lines. */
size_t graph_lines(struct graph *graph, const struct context_node *node,
                   const char *ret_lines[GRAPH_LINES]);

/* Writes `chars`, each through `escape` (which gets one well-formed character of `length`
 * bytes, no control character); what is none is U+FFFD. Cut where it is too long. */
void graph_chars_write(FILE *out, const char *chars,
                       void (*escape)(FILE *out, const char *character, size_t length));

#endif
