/* SPDX-License-Identifier: MIT */
/*
 * Names of functions for people. A demangled C++ name says everything; a line
 * of 100 columns has room for what tells functions apart: arguments go always,
 * return types, template arguments and outer namespaces when the name is long.
 * See text_style.h.
 */
#include "text_style.h"

#include <stdbool.h>
#include <string.h>

#include "../project.h"

enum {
    NAME_COLUMNS = 36,
    NAME_COLUMNS_BESIDE = 26, /* where the place has to be seen too */
    NAME_COMPONENTS = 2,      /* class and function: those stay */
};

static const char operator_word[] = "operator";

static bool ends_in_operator(const char *start, const char *end)
{
    size_t bytes = strlen(operator_word);

    return (size_t)(end - start) >= bytes && memcmp(end - bytes, operator_word, bytes) == 0;
}

/* Behind a name's arguments stand at most qualifiers: "const", "[clone .cold]". */
static bool are_arguments(const char *function, size_t open, size_t close)
{
    return (function[close + 1] == '\0' || function[close + 1] == ' ') &&
           !ends_in_operator(function, function + open);
}

/* Where the arguments begin: the last parenthesis outside all others that ends
 * the name. That leaves "operator()", "(anonymous namespace)::f" and
 * "run<main()::<lambda()> >" whole. */
static size_t name_length(const char *function)
{
    size_t length = strlen(function), open = 0;
    unsigned depth = 0;

    for (size_t i = 0; function[i]; i++) {
        if (function[i] == '(' && depth++ == 0)
            open = i;
        else if (function[i] == ')' && depth && --depth == 0 && are_arguments(function, open, i))
            length = open;
    }
    return length;
}

static bool is_in_operator(const char *start, const char *at)
{
    while (at > start && strchr("<>=-", at[-1]))
        at--;
    return ends_in_operator(start, at);
}

/* "f<int, g<long> >" to "f"; "operator<" and "operator->" are names. */
static void templates_cut(char *name)
{
    const char *from = name;
    unsigned depth = 0;
    char *to = name;

    for (; *from; from++) {
        bool literal = !depth && is_in_operator(name, to);

        if (*from == '<' && !literal)
            depth++;
        else if (*from == '>' && depth)
            depth--;
        else if (!depth)
            *to++ = *from;
    }
    *to = '\0';
}

/* The part after the return type; "operator new" and what stands in
 * parentheses have no such blank. */
static char *name_after_type(char *name)
{
    unsigned depth = 0;
    char *start = name;

    for (char *at = name; *at; at++) {
        if (*at == '(' || *at == '{')
            depth++;
        else if ((*at == ')' || *at == '}') && depth)
            depth--;
        else if (*at == ' ' && !depth && !is_in_operator(name, at))
            start = at + 1;
    }
    return start;
}

/* "a::b::C::f" to "C::f". */
static char *namespaces_cut(char *name)
{
    size_t seen = 0;

    for (char *at = name + strlen(name); at > name + 1; at--) {
        if (at[-1] == ':' && at[-2] == ':' && ++seen == NAME_COMPONENTS)
            return at;
    }
    return name;
}

const char *text_function(struct text *text, const struct frame *frame)
{
    char *name, *shorter;

    if (!frame->function)
        return "?";
    name = pool_format(text->pool, "%.*s", (int)name_length(frame->function), frame->function);
    if (strlen(name) <= NAME_COLUMNS)
        return name;
    shorter = pool_format(text->pool, "%s", name);
    templates_cut(shorter);
    shorter = name_after_type(shorter);
    if (strlen(shorter) > NAME_COLUMNS)
        shorter = namespaces_cut(shorter);
    /* "<lambda(...)>" is nothing but brackets. */
    return *shorter ? shorter : name;
}

static const char *name_beside(struct text *text, const struct frame *frame)
{
    const char *name = frame->function ? text_function(text, frame) : "";

    return strlen(name) > NAME_COLUMNS_BESIDE ? text_cell(text, name, NAME_COLUMNS_BESIDE) : name;
}

const char *text_where(struct text *text, struct model *model, struct stack *stack)
{
    const struct frame *best = stack_best_frame(model, stack), *caller;
    const char *where;

    if (!best)
        return "-";
    where = pool_format(text->pool, "%s%s%s", name_beside(text, best), best->function ? " " : "",
                        text_place(text, best, false));
    caller = stack_caller_frame(model, stack, best);
    if (!caller || !caller->function)
        return where;
    where = pool_format(text->pool, "%s < %s", where, text_function(text, caller));
    /* The line tells calls of one function in another apart. */
    return caller->line && frame_in_project(caller)
               ? pool_format(text->pool, "%s:%u", where, caller->line)
               : where;
}
