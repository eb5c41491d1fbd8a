/* SPDX-License-Identifier: MIT */
/* A module apart from the tracker's that has libc call exit: test_departure.c. */
#include <err.h>
#include <error.h>

void leave_by_err(void);
void leave_by_err(void)
{
    errx(5, "%s", "gone");
}

void leave_by_error(void);
void leave_by_error(void)
{
    error(5, 0, "%s", "gone");
}
