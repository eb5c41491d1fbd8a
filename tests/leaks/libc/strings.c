/* SPDX-License-Identifier: MIT */
/*
 * Strings that libc makes and the caller is to free: strdup, strndup, asprintf, and a wide one.
 *
 * expect: unreachable memory 1 "duplicate < work" bytes=12
 * expect: unreachable memory 1 "cut < work" bytes=6
 * expect: unreachable memory 1 "print < work"
 * expect: unreachable memory 1 "widen < work" bytes=40
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "../leaks.h"

NOINLINE static void *duplicate(void)
{
    return strdup("eleven char");
}

NOINLINE static void *cut(void)
{
    return strndup("eleven char", 5);
}

NOINLINE static void *print(void)
{
    char *text = NULL;

    return asprintf(&text, "%s %d", "a longer text with a number", 42) < 0 ? NULL : text;
}

NOINLINE static void *widen(void)
{
    return wcsdup(L"nine wide");
}

NOINLINE static int work(void)
{
    void *texts[] = {duplicate(), cut(), print(), widen()};
    int made = 0;

    for (size_t text = 0; text < sizeof(texts) / sizeof(*texts); text++) {
        made += texts[text] != NULL;
        keep(texts[text]);
        if (IS_FIXED)
            free(texts[text]);
    }
    return made;
}

int main(void)
{
    printf("%d\n", work());
    return 0;
}
