/* SPDX-License-Identifier: MIT */
/*
 * See builtin_rules.h. A row is here because what it hides was seen, blocks by valgrind's
 * leak check, in programs that do nothing but start and end the library; what was not seen
 * has no row. (Nothing was: of libc, the loader, libstdc++, OpenSSL, GnuTLS, NSS, GLib, GIO,
 * libxml2, SQLite, libpq, Tcl, readline, ncurses; nor of CPython, whose objects are
 * reached from the mappings that they lie in.)
 */
#include "builtin_rules.h"

#include <string.h>

static const struct {
    const char *line, *reason;
} rows[] = {
    /* FcInit(), fontconfig 2.14: 1 block, and 1 reached only through it. */
    {"leak:^FcInit module=/libfontconfig.so",
     "its patterns refer to their parts by distance, not by address"},
    /* /usr/bin/perl -e 1, perl 5.36: 30 blocks. */
    {"leak:^perl_construct$ module=perl", "its interpreter is given back without its parts"},
    {"leak:^perl_parse$ module=perl", "its interpreter is given back without its parts"},
    {"leak:^Perl_init_i18nl10n$ module=perl", "the names of locales, until the process ends"},
    /* ruby -e 1, ruby 3.1: 4677 blocks; ruby_setup() and ruby_cleanup(): 359. */
    {"leak:^rb_ module=/libruby", "objects of its heap, which is unmapped at its end"},
    {"leak:^ruby_setup$ module=/libruby", "objects of its heap, which is unmapped at its end"},
    {"leak:^ruby_process_options$ module=/libruby",
     "objects of its heap, which is unmapped at its end"},
    /* g_main_loop_new(NULL, FALSE) in a context that ends, GLib 2.74: 1 eventfd. */
    {"held:event:^g_main_context_default$ module=/libglib-2.0.so",
     "what wakes the process's one main context, which is made when it is first asked for"},
};

void builtin_rules_add(struct pool *pool, struct rule **list)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rule_text text = {
            .source = RULE_BUILT_IN,
            .name = "built-in",
            .bytes = rows[i].line,
            .size = strlen(rows[i].line),
        };

        rules_read(pool, list, &text);
        (*list)->prev->reason = rows[i].reason;
        (*list)->prev->place = "built-in";
    }
}
