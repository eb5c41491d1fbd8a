/* SPDX-License-Identifier: MIT */
/*
 * hazard: A1, 0.2
 * A library whose constructor acquires before the program's first constructor and
 * whose destructor releases after main: everything must be seen, nothing blamed.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int order_early_fd = -1;
void *order_early_block;
int order_library_ready(void);

__attribute__((constructor)) static void acquire_early(void)
{
    order_early_block = malloc(77);
    order_early_fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

/* Runs after the program's own destructors: whoever judges earlier blames us. */
__attribute__((destructor)) static void release_late(void)
{
#ifdef FIXED
    close(order_early_fd);
#endif
    free(order_early_block);
}

int order_library_ready(void)
{
    return order_early_fd >= 0 && order_early_block != NULL;
}
