/* SPDX-License-Identifier: MIT */
/*
 * An alternate signal stack from malloc: after sigaltstack() only the kernel knows where it is. It
 * is in use for as long as the thread lives.
 *
 * seen: llvm/llvm-project#63313 reported as a leak
 * lsan, valgrind: false
 * expect: nothing
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

enum { STACK_BYTES = 64 << 10 };

NOINLINE static int use_own_stack(void)
{
    stack_t own = {.ss_sp = malloc(STACK_BYTES), .ss_size = STACK_BYTES};
    int failed = !own.ss_sp || sigaltstack(&own, NULL);

    return failed;
}

NOINLINE static void give_back(void)
{
    stack_t none = {.ss_flags = SS_DISABLE}, old = {0};

    if (!sigaltstack(&none, &old))
        free(old.ss_sp);
}

int main(void)
{
    printf("%d\n", use_own_stack());
    if (IS_FIXED)
        give_back();
    return 0;
}
