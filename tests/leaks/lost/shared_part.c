/* SPDX-License-Identifier: MIT */
/*
 * Two lost sessions share one lost profile. It is a part of both and a leak of neither's own: it
 * must be counted once, and as no third leak.
 *
 * lsan: one of the two in 6 of 12 runs
 * expect: unreachable memory 2 "open_session < serve_pair < main" parts=1
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

struct session {
    char *profile;
    int number;
};

NOINLINE static char *load_profile(void)
{
    return strdup("guest, may read");
}

NOINLINE static struct session *open_session(char *profile, int number)
{
    struct session *session = malloc(sizeof(*session));

    if (!session)
        exit(1);
    session->profile = profile;
    session->number = number;
    return session;
}

NOINLINE static int serve_pair(void)
{
    char *profile = load_profile();
    struct session *one = open_session(profile, 1), *two = open_session(profile, 2);
    int sum = one->number + two->number + (one->profile == two->profile);

    if (IS_FIXED) {
        free(one);
        free(two);
        free(profile);
    }
    return sum;
}

int main(void)
{
    printf("%d\n", serve_pair());
    return 0;
}
