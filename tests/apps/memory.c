/* SPDX-License-Identifier: MIT */
/*
 * hazard: E9
 * Twenty blocks that main still points to: held now, never a finding. The rest
 * of the work acquires and releases by every way that malloc's family offers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 20 };

static void *volatile index_blocks[BLOCKS];

__attribute__((noinline)) static void build_index(void)
{
    for (int i = 0; i < BLOCKS; i++)
        index_blocks[i] = malloc(1000);
}

__attribute__((noinline)) static int use_and_give_back(void)
{
    void *aligned = NULL;
    char *text = strdup("a text that grows");
    char *grown = realloc(text, 4096);
    int *zeroed = calloc(10, sizeof(*zeroed));
    int failed = posix_memalign(&aligned, 64, 640);
    int sum = zeroed ? zeroed[9] : 1;

    free(aligned);
    free(zeroed);
    free(grown);
    return failed + sum;
}

int main(void)
{
    int sum;

    build_index();
    sum = use_and_give_back();
#ifdef FIXED
    for (int i = 0; i < BLOCKS; i++)
        free(index_blocks[i]);
#endif
    printf("%d\n", sum);
    return 0;
}
