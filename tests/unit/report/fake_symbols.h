/* SPDX-License-Identifier: MIT */
/*
 * The little world of the report tests: a few modules and a few functions.
 * The dump builder makes pcs from these names, the fake symbolizer makes the
 * names from the pcs again.
 */
#ifndef TESTS_FAKE_SYMBOLS_H
#define TESTS_FAKE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fake_module {
    FAKE_PROGRAM = 1,
    FAKE_LIBC,
    FAKE_SYSTEM,
    FAKE_RUNTIMES, /* only where builder_runtimes() was called */
    FAKE_FONTCONFIG = FAKE_RUNTIMES,
    FAKE_PERL,
    FAKE_RUBY,
    FAKE_GLIB,
    FAKE_MODULE_END
};

struct fake_symbol {
    const char *function; /* NULL: code without a symbol */
    enum fake_module module;
    uint64_t address;
    const char *file;
    unsigned line;
    const char *inlined_into; /* the function that this one is a part of */
};

enum { FAKE_SPACING = 0x100 };

static const struct fake_symbol fake_symbols[] = {
    {"load_conf", FAKE_PROGRAM, 0x1000, "/home/u/orders/src/conf.c", 57, NULL},
    {"handle_request", FAKE_PROGRAM, 0x1100, "/home/u/orders/src/http.c", 412, NULL},
    {"worker_main", FAKE_PROGRAM, 0x1200, "/home/u/orders/src/pool.c", 91, "worker_start"},
    {"main", FAKE_PROGRAM, 0x1300, "/home/u/orders/src/main.c", 12, NULL},
    {"walk", FAKE_PROGRAM, 0x1400, "/home/u/orders/src/tree.c", 7, NULL},
    {"close_conf", FAKE_PROGRAM, 0x1500, "/home/u/orders/src/conf.c", 88, NULL},
    {"walk.cold", FAKE_PROGRAM, 0x1600, "/home/u/orders/src/tree.c", 9, NULL},
    {"nosym", FAKE_PROGRAM, 0x1700, NULL, 0, NULL},
    {"open64", FAKE_LIBC, 0x1000, NULL, 0, NULL},
    {"malloc", FAKE_LIBC, 0x1100, NULL, 0, NULL},
    {"socket", FAKE_LIBC, 0x1200, NULL, 0, NULL},
    {"fopen64", FAKE_LIBC, 0x1300, NULL, 0, NULL},
    {"pthread_create", FAKE_LIBC, 0x1400, NULL, 0, NULL},
    {"fork", FAKE_LIBC, 0x1500, NULL, 0, NULL},
    {"close", FAKE_LIBC, 0x1600, NULL, 0, NULL},
    {"mmap", FAKE_LIBC, 0x1700, NULL, 0, NULL},
    {"__libc_start_main", FAKE_LIBC, 0x1800, NULL, 0, NULL},
    {"accept", FAKE_LIBC, 0x1a00, NULL, 0, NULL},
    {"opendir", FAKE_LIBC, 0x1900, NULL, 0, NULL},
    {"pthread_key_create", FAKE_LIBC, 0x1b00, NULL, 0, NULL},
    {"__pthread_once_slow", FAKE_LIBC, 0x1c00, NULL, 0, NULL},
    {"sys_helper", FAKE_SYSTEM, 0x1000, NULL, 0, NULL},
    {"FcInitLoadConfigAndFonts", FAKE_FONTCONFIG, 0x1000, NULL, 0, NULL},
    {"FcPatternCreate", FAKE_FONTCONFIG, 0x1100, NULL, 0, NULL},
    {"perl_construct", FAKE_PERL, 0x1000, NULL, 0, NULL},
    {"perl_parse", FAKE_PERL, 0x1100, NULL, 0, NULL},
    {"Perl_init_i18nl10n", FAKE_PERL, 0x1200, NULL, 0, NULL},
    {"Perl_safesysmalloc", FAKE_PERL, 0x1300, NULL, 0, NULL},
    {"rb_method_definition_create", FAKE_RUBY, 0x1000, NULL, 0, NULL},
    {"ruby_setup", FAKE_RUBY, 0x1100, NULL, 0, NULL},
    {"ruby_process_options", FAKE_RUBY, 0x1200, NULL, 0, NULL},
    {"ruby_xmalloc", FAKE_RUBY, 0x1300, NULL, 0, NULL},
    {"g_main_context_new_with_flags", FAKE_GLIB, 0x1000, NULL, 0, NULL},
    {"g_main_context_default", FAKE_GLIB, 0x1100, NULL, 0, NULL},
};

enum { FAKE_SYMBOL_COUNT = sizeof(fake_symbols) / sizeof(fake_symbols[0]) };

static const char *const fake_module_paths[FAKE_MODULE_END] = {
    [FAKE_PROGRAM] = "/home/u/orders/orders",
    [FAKE_LIBC] = "/usr/lib/x86_64-linux-gnu/libc.so.6",
    [FAKE_SYSTEM] = "/usr/lib/x86_64-linux-gnu/libsys.so.1",
    [FAKE_FONTCONFIG] = "/usr/lib/x86_64-linux-gnu/libfontconfig.so.1.12.0",
    [FAKE_PERL] = "/usr/lib/x86_64-linux-gnu/libperl.so.5.36",
    [FAKE_RUBY] = "/usr/lib/x86_64-linux-gnu/libruby-3.1.so.3.1",
    [FAKE_GLIB] = "/usr/lib/x86_64-linux-gnu/libglib-2.0.so.0",
};

#define FAKE_BIAS(module) (UINT64_C(0x7f0000000000) + ((uint64_t)(module) << 24))

#endif
