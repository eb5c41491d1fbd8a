/* SPDX-License-Identifier: MIT */
/*
 * hazard: A1, 0.2
 * The order of start and stop: constructors of a library and of the program,
 * main, atexit handlers, destructors. What a destructor releases is not held.
 */
#include <stdio.h>
#include <stdlib.h>

int order_library_ready(void);

static FILE *program_log;

__attribute__((constructor)) static void open_before_main(void)
{
    program_log = fopen("/etc/passwd", "re");
}

static void close_at_exit(void)
{
    fclose(program_log);
}

int main(void)
{
    atexit(close_at_exit);
    puts(order_library_ready() && program_log ? "in order" : "out of order");
    return 0;
}
