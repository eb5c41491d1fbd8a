/* SPDX-License-Identifier: MIT */
/*
 * See project.h for the rule, which is that of detectors.md.
 */
#include "project.h"

#include <fnmatch.h>
#include <string.h>

/* Directories of the system, first match decides. */
static const struct {
    const char *prefix;
    bool in_project;
} places[] = {
    {"/usr/local/", true}, {"/usr/", false},    {"/lib/", false},     {"/lib32/", false},
    {"/lib64/", false},    {"/libx32/", false}, {"/libexec/", false}, {"/bin/", false},
    {"/sbin/", false},     {"/", true},
};

static const char *const runtime_names[] = {
    "libc.so.*",     "ld-linux*.so.*", "libpthread.so.*", "libdl.so.*",   "librt.so.*",
    "libstdc++.so*", "libc++.so*",     "libc++abi.so*",   "libgcc_s.so*", "libctxtrace.so*",
    "libctx.so*",    "libc.musl-*",    "ld-musl-*",
};

bool module_is_runtime(const struct module *module)
{
    const uint32_t system =
        CTT_MODULE_TRACKER | CTT_MODULE_LIBC | CTT_MODULE_VDSO | CTT_MODULE_LOADER;

    if (module->flags & system)
        return true;
    for (size_t i = 0; i < sizeof(runtime_names) / sizeof(runtime_names[0]); i++) {
        if (fnmatch(runtime_names[i], module->base, 0) == 0)
            return true;
    }
    return false;
}

static bool path_in_project(const struct module *module, const char *glob)
{
    if (!module->path)
        return false;
    if (glob && *glob)
        return fnmatch(glob, module->path, 0) == 0 || fnmatch(glob, module->base, 0) == 0;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (strncmp(module->path, places[i].prefix, strlen(places[i].prefix)) == 0)
            return places[i].in_project;
    }
    /* No path at all: "[vdso]", or a program started by a relative name. */
    return module->path[0] != '[';
}

void project_mark(struct model *model, const char *glob)
{
    for (struct module *m = model->modules; m; m = m->hh.next)
        m->in_project = !module_is_runtime(m) && path_in_project(m, glob);
}

static bool text_starts(const char *text, const char *const *starts, size_t count)
{
    for (size_t i = 0; text && i < count; i++) {
        if (strncmp(text, starts[i], strlen(starts[i])) == 0)
            return true;
    }
    return false;
}

static bool file_is_ours(const char *file)
{
    static const char ours[] = "/ctxtrace.hpp";
    size_t length = file ? strlen(file) : 0;

    return length >= strlen(ours) && strcmp(file + length - strlen(ours), ours) == 0;
}

/* Code that a system header, or ctxtrace.hpp, brought into the program: std::vector, or what
 * _FORTIFY_SOURCE makes of open(). By name too: the stripped twin of a program
 * must get the same fingerprints. */
static bool frame_is_of_header(const struct frame *frame)
{
    static const char *const files[] = {"/usr/include/", "/usr/lib/", "/usr/bin/../lib/"};
    static const char *const names[] = {"std::", "__gnu_cxx::", "ctx::deferred", "ctx::detail::"};

    return text_starts(frame->file, files, sizeof(files) / sizeof(files[0])) ||
           file_is_ours(frame->file) ||
           text_starts(frame->function, names, sizeof(names) / sizeof(names[0]));
}

bool frame_in_project(const struct frame *frame)
{
    /* The first frame of every program is the C runtime's, in the program's file. */
    return frame->module && frame->module->in_project && !frame_is_of_header(frame) &&
           !(frame->function && strcmp(frame->function, "_start") == 0);
}

static bool frame_is_runtime(const struct frame *frame)
{
    return frame->module && (module_is_runtime(frame->module) || frame_is_of_header(frame));
}

/* malloc of another allocator, zmalloc, CRYPTO_zalloc, g_strdup: all memory of
 * a program comes through such a one, so it tells nothing. */
static bool frame_is_of_allocator(const struct frame *frame)
{
    return frame->function &&
           (strstr(frame->function, "alloc") || strstr(frame->function, "strdup") ||
            strncmp(frame->function, "operator new", strlen("operator new")) == 0);
}

/* The function that acquired is the innermost, and may be the project's (what a cleanup is to
 * call): of interest is who called it. */
static size_t frame_first(const struct stack *stack, size_t count)
{
    return stack && count > stack->leaf_frames ? stack->leaf_frames : 0;
}

const struct frame *stack_best_frame(struct model *model, struct stack *stack)
{
    const struct frame *outside = NULL, *caller = NULL;
    size_t count;
    const struct frame *frames = model_frames(model, stack, &count);

    for (size_t i = frame_first(stack, count); i < count; i++) {
        if (frame_in_project(&frames[i]))
            return &frames[i];
        if (frame_is_runtime(&frames[i]))
            continue;
        if (!outside)
            outside = &frames[i];
        if (!caller && !frame_is_of_allocator(&frames[i]))
            caller = &frames[i];
    }
    if (caller)
        return caller;
    return outside ? outside : count ? &frames[0] : NULL;
}

const struct frame *stack_caller_frame(struct model *model, struct stack *stack,
                                       const struct frame *frame)
{
    size_t count;
    const struct frame *frames = model_frames(model, stack, &count);

    for (frame++; frame < frames + count; frame++) {
        if (!frame_is_of_header(frame))
            return frame_is_runtime(frame) ? NULL : frame;
    }
    return NULL;
}

bool stack_is_of_project(struct model *model, struct stack *stack)
{
    size_t count;
    const struct frame *frames = model_frames(model, stack, &count);

    for (size_t i = frame_first(stack, count); i < count; i++) {
        if (!frame_is_runtime(&frames[i]))
            return frame_in_project(&frames[i]);
    }
    return false;
}

bool stack_has_project(struct model *model, struct stack *stack)
{
    size_t count;
    const struct frame *frames = model_frames(model, stack, &count);

    for (size_t i = 0; i < count; i++) {
        if (frame_in_project(&frames[i]))
            return true;
    }
    return false;
}
