/* SPDX-License-Identifier: MIT */
/*
 * Mangled names made readable, by the C++ runtime's own demangler: it is the
 * one that distributions keep current.
 */
#ifndef REPORT_DEMANGLE_H
#define REPORT_DEMANGLE_H

/* Returns a malloc'ed text, or NULL when `name` is not mangled. */
char *demangle(const char *name);

#endif
