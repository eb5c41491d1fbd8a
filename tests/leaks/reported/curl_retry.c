/* SPDX-License-Identifier: MIT */
/*
 * A transfer is to be tried again at another address. The address is made, then the preparation of
 * the new transfer fails, and the error path knows nothing of it.
 *
 * seen: curl/curl#3057 the location URL was lost in an error path of the multi interface
 * expect: unreachable memory 2 "next_address < follow < perform < main"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

struct transfer {
    char *address;
    int redirects;
};

NOINLINE static char *next_address(const struct transfer *transfer)
{
    char *address = NULL;

    if (asprintf(&address, "%s/moved/%d", "http://localhost", transfer->redirects) < 0)
        exit(1);
    return address;
}

NOINLINE static int prepare(const struct transfer *transfer)
{
    return transfer->redirects > 2 ? -1 : 0;
}

NOINLINE static int follow(struct transfer *transfer)
{
    char *address = next_address(transfer);

    transfer->redirects++;
    if (prepare(transfer)) {
        if (IS_FIXED)
            free(address);
        return -1;
    }
    free(transfer->address);
    transfer->address = address;
    return 0;
}

NOINLINE static int perform(void)
{
    struct transfer transfer = {.address = strdup("http://localhost")};
    int redirects;

    while (!follow(&transfer))
        continue;
    redirects = transfer.redirects;
    free(transfer.address);
    return redirects;
}

int main(void)
{
    int redirects = perform();

    printf("%d\n", redirects + perform());
    return 0;
}
