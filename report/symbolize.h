/* SPDX-License-Identifier: MIT */
/*
 * Addresses to functions, files and lines, inlined frames expanded.
 *
 * One symbolizer serves one report. Modules are added once; look-ups are by
 * module and address. Symbol tables and line tables are read on first use and
 * kept sorted, so that ten thousand look-ups cost ten thousand binary
 * searches (libdwfl's own per-address look-up walks, and is the slow part of
 * most such tools). Every string handed out lives as long as the symbolizer.
 * Not thread-safe.
 */
#ifndef REPORT_SYMBOLIZE_H
#define REPORT_SYMBOLIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbolizer;

struct symbolizer_options {
    const char *const *debug_dirs; /* NULL-terminated; NULL: /usr/lib/debug */
    bool no_inlines;
};

/* One source-level frame. Unknown texts are NULL, an unknown line is 0. */
struct symbol_frame {
    const char *function; /* demangled */
    const char *file;     /* as the debug info says, directory included */
    unsigned line;
    bool inlined;    /* a copy inside the next frame's function */
    uint64_t offset; /* of the address from the function's start; from the
                        module's bias when the function is unknown */
};

struct symbol_frames {
    size_t count;               /* >= 1 */
    struct symbol_frame *items; /* innermost first; owned by the symbolizer */
};

/* Returns NULL when out of memory. `options` may be NULL and is copied. */
struct symbolizer *symbolizer_new(const struct symbolizer_options *options);
struct symbolizer *symbolizer_free(struct symbolizer *s);

/* Names a file that was mapped in the dumped process. The file is opened on
 * first use, and used only when its build-id equals `build_id` (hex; NULL or
 * "" means "do not check"). Returns a module number, or -1 (out of memory). */
int symbolizer_add_module(struct symbolizer *s, const char *path, const char *build_id);

/* `address` is in the file's own terms (pc - bias), already corrected by -1
 * for return addresses. Never fails: what is unknown is NULL. The result is
 * cached by (module, address). */
const struct symbol_frames *symbolizer_look_up(struct symbolizer *s, int module, uint64_t address);

/* What a report must say about a module it could not fully read: "no debug
 * info", "build-id differs from the file on disk", "file is gone". NULL: all
 * well, or never looked at. */
const char *symbolizer_complaint(const struct symbolizer *s, int module);

#endif
