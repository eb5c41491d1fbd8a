/* SPDX-License-Identifier: MIT */
/*
 * The seam to __cxa_demangle, which C has no header for. Names come from files
 * that may be hostile, so what is far beyond any real name is not tried.
 */
#include "demangle.h"

#include <stddef.h>
#include <string.h>

#define MANGLED_LENGTH_MAX (16 * 1024)

/* Itanium C++ ABI 3.4: the result is malloc'ed when `buffer` is NULL. */
char *__cxa_demangle(const char *name, char *buffer, size_t *length, int *ret_status);

char *demangle(const char *name)
{
    int status;

    /* Without the prefix it would take "i" for "int". */
    if (strncmp(name, "_Z", 2) != 0 || strnlen(name, MANGLED_LENGTH_MAX) == MANGLED_LENGTH_MAX)
        return NULL;
    return __cxa_demangle(name, NULL, NULL, &status);
}
