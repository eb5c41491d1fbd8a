/* SPDX-License-Identifier: MIT */
/* A module apart from the tracker's that has libc call exit: test_departure.c. What is
 * on its own stack keeps its frame there: a jump would leave none. */
#include <err.h>
#include <error.h>

void leave_by_err(void);
void leave_by_err(void)
{
    char word[] = "gone";
    errx(5, "%s", word);
}

void leave_by_error(void);
void leave_by_error(void)
{
    char word[] = "gone";
    error(5, 0, "%s", word);
}
