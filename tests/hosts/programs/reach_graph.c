/* SPDX-License-Identifier: MIT */
/*
 * Random blocks that point to each other and into each other, and what a look from the
 * roots must find of them, worked out here by other means: reach_graph SEED BLOCKS.
 *
 * A block's size says what it is; nothing but blocks and `roots` keeps an address.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REACHED = 400, INSIDE = 416, LOST = 432 }; /* bytes */
#define SLOTS  6
#define MOST   20000
#define ROOTS  8
#define MIDDLE 24 /* bytes into a block */

struct node {
    uintptr_t to[SLOTS];
};

uintptr_t roots[ROOTS];

static unsigned state;
static unsigned draw(unsigned below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

/* The plan: edges of each block, -1: none. `into` says that it points to the middle. */
static int edge[MOST][SLOTS], root[ROOTS];
static char into[MOST][SLOTS], is_reached[MOST], has_start[MOST];
static int count, component[MOST], components, has_entry[MOST], is_ring[MOST];

static void plan(void)
{
    /* Few edges: chains, trees and rings that nothing reaches are common then. */
    unsigned percent = 6 + state % 4 * 4;
    for (int i = 0; i < count; i++)
        for (int s = 0; s < SLOTS; s++) {
            edge[i][s] = draw(100) < percent ? (int)draw((unsigned)count) : -1;
            into[i][s] = draw(4) == 0;
        }
    for (int i = 0; i + 1 < count; i += 37) {
        memset(edge[i], -1, sizeof edge[i]);
        memset(edge[i + 1], -1, sizeof edge[i + 1]);
        edge[i][0] = i + 1;
        edge[i + 1][1] = i;
    }
    for (int r = 0; r < ROOTS; r++)
        root[r] = (int)draw((unsigned)count);
}

static int stack[MOST], depth;
static void reach(int i)
{
    if (!is_reached[i]) {
        is_reached[i] = 1;
        stack[depth++] = i;
    }
}

static void look(void)
{
    for (int r = 0; r < ROOTS; r++) {
        reach(root[r]);
        has_start[root[r]] = 1;
    }
    while (depth) {
        int i = stack[--depth];
        for (int s = 0; s < SLOTS; s++)
            if (edge[i][s] >= 0) {
                reach(edge[i][s]);
                has_start[edge[i][s]] |= !into[i][s];
            }
    }
}

/* Tarjan's components of what is not reached, by a stack of our own. */
static int number[MOST], low[MOST], next[MOST], path[MOST], path_count, numbered;
static char on_path[MOST];

static void close_component(int i)
{
    int member;
    do {
        member = path[--path_count];
        on_path[member] = 0;
        component[member] = components;
    } while (member != i);
    components++;
}

static void components_from(int start)
{
    depth = 0;
    stack[depth++] = start;
    while (depth) {
        int i = stack[depth - 1];
        if (!number[i]) {
            number[i] = low[i] = ++numbered;
            path[path_count++] = i;
            on_path[i] = 1;
        }
        if (next[i] < SLOTS) {
            int j = edge[i][next[i]++];
            if (j < 0 || is_reached[j])
                continue;
            if (!number[j])
                stack[depth++] = j;
            else if (on_path[j] && number[j] < low[i])
                low[i] = number[j];
            continue;
        }
        if (low[i] == number[i])
            close_component(i);
        if (--depth && low[i] < low[stack[depth - 1]])
            low[stack[depth - 1]] = low[i];
    }
}

static void find_components(void)
{
    for (int i = 0; i < count; i++)
        if (!is_reached[i] && !number[i])
            components_from(i);
    for (int i = 0; i < count; i++)
        for (int s = 0; !is_reached[i] && s < SLOTS; s++) {
            int j = edge[i][s];
            if (j < 0 || is_reached[j])
                continue;
            if (component[i] != component[j])
                has_entry[component[j]] = 1;
            else if (i != j)
                is_ring[component[i]] = 1;
        }
}

static void say(void)
{
    int reached = 0, inside = 0, rest = 0, lost = 0, rings = 0;
    for (int i = 0; i < count; i++) {
        reached += is_reached[i] && has_start[i];
        inside += is_reached[i] && !has_start[i];
        rest += !is_reached[i];
    }
    for (int c = 0; c < components; c++) {
        lost += !has_entry[c];
        rings += !has_entry[c] && is_ring[c];
    }
    printf("%d %d %d %d %d\n", reached, inside, lost - rings, rings, rest - lost);
}

/* Addresses are kept complemented until all is in place. */
static uintptr_t hidden[MOST];

static void build(void)
{
    for (int i = 0; i < count; i++) {
        size_t bytes = !is_reached[i] ? LOST : has_start[i] ? REACHED : INSIDE;
        hidden[i] = ~(uintptr_t)calloc(1, bytes);
        if (draw(50) == 0)
            free(malloc(draw(2000)));
    }
    for (int i = 0; i < count; i++)
        for (int s = 0; s < SLOTS; s++)
            if (edge[i][s] >= 0)
                ((struct node *)~hidden[i])->to[s] =
                    ~hidden[edge[i][s]] + (into[i][s] ? 8 + draw(MIDDLE) : 0);
    for (int r = 0; r < ROOTS; r++)
        roots[r] = ~hidden[root[r]];
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 1;
    state = (unsigned)atoi(argv[1]);
    count = atoi(argv[2]);
    if (count < 1 || count > MOST)
        return 1;
    plan();
    look();
    find_components();
    say();
    build();
    return 0;
}
