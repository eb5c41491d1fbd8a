/* SPDX-License-Identifier: MIT */
/* Two piles of one function, which have the same names on their stacks. */
#include <fcntl.h>

enum { PILE = 20 };

int main(void)
{
    int given = 0;

    for (int i = 0; i < PILE; i++)
        given += open("/etc/passwd", O_RDONLY) >= 0;
    for (int i = 0; i < PILE; i++)
        given += open("/etc/group", O_RDONLY) >= 0;
    return given != 2 * PILE;
}
