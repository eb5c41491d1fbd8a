/* SPDX-License-Identifier: MIT */
/*
 * See libc_own.h.
 */
#include "libc_own.h"

#include <string.h>

/* The caller frees what they return, or give by a pointer. Not here is what the caller gives
 * back by a function of its own (fclose, freeaddrinfo): a kind of its own tells of that. */
static const char *const givers[] = {
    "strdup",
    "strndup",
    "wcsdup",
    "asprintf",
    "vasprintf",
    "obstack_printf",
    "obstack_vprintf",
    "getline",
    "getdelim",
    "realpath",
    "canonicalize_file_name",
    "getcwd",
    "get_current_dir_name",
    "tempnam",
    "scandir",
    "scandir64",
    "scandirat",
    "scandirat64",
    "reallocarray",
    "posix_memalign",
    "argz_create",
    "argz_create_sep",
    "argz_add",
    "argz_add_sep",
    "argz_append",
    "argz_insert",
    "argz_replace",
    "envz_add",
    "backtrace_symbols",
    "scanf",
    "fscanf",
    "sscanf",
    "vscanf",
    "vfscanf",
    "vsscanf",
    "hcreate_r",
    "tsearch",
    "obstack_begin",
    "obstack_begin_1",
    "obstack_newchunk",
};

static const char *prefix_skip(const char *name)
{
    static const char *const prefixes[] = {"__isoc99_", "__isoc23_", "_IO_", "__GI_", "__", "_"};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t length = strlen(prefixes[i]);

        if (strncmp(name, prefixes[i], length) == 0)
            return name + length;
    }
    return name;
}

/* "__asprintf_chk" is asprintf, as _FORTIFY_SOURCE has it called. */
static bool name_is(const char *name, const char *giver)
{
    size_t length = strlen(giver);

    return strncmp(name, giver, length) == 0 &&
           (name[length] == '\0' || strcmp(name + length, "_chk") == 0);
}

static bool gives(const struct frame *frame)
{
    const char *name = frame->function ? prefix_skip(frame->function) : "";

    for (size_t i = 0; i < sizeof(givers) / sizeof(givers[0]); i++) {
        if (name_is(name, givers[i]))
            return true;
    }
    return false;
}

static bool frame_is_libcs(const struct frame *frame)
{
    return frame->module && (frame->module->flags & (CTT_MODULE_LIBC | CTT_MODULE_LOADER));
}

/* The function that the program called is the outermost of libc's frames. */
bool holding_is_libcs(struct model *model, const struct holding *holding)
{
    size_t count, i;
    const struct frame *frames = model_frames(model, holding->stack, &count);

    i = holding->stack && holding->stack->flags & CTT_STACK_LEAF_ENTRY ? 1 : 0;
    if (i >= count || !frame_is_libcs(&frames[i]))
        return false;
    while (i + 1 < count && frame_is_libcs(&frames[i + 1]))
        i++;
    return holding->kind == CTT_KIND_MAPPING ||
           (holding->kind == CTT_KIND_MEMORY && !gives(&frames[i]));
}
