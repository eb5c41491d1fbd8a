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

bool frame_in_project(const struct frame *frame)
{
    /* The first frame of every program is the C runtime's, in the program's file. */
    return frame->module && frame->module->in_project &&
           !(frame->function && strcmp(frame->function, "_start") == 0);
}

static bool frame_is_runtime(const struct frame *frame)
{
    return frame->module && module_is_runtime(frame->module);
}

const struct frame *stack_best_frame(struct model *model, struct stack *stack)
{
    const struct frame *outside = NULL;
    size_t count;
    const struct frame *frames = model_frames(model, stack, &count);

    for (size_t i = 0; i < count; i++) {
        if (frame_in_project(&frames[i]))
            return &frames[i];
        if (!outside && !frame_is_runtime(&frames[i]))
            outside = &frames[i];
    }
    return outside ? outside : count ? &frames[0] : NULL;
}

bool stack_is_of_project(struct model *model, struct stack *stack)
{
    size_t count;
    const struct frame *frames = model_frames(model, stack, &count);

    for (size_t i = 0; i < count; i++) {
        if (!frame_is_runtime(&frames[i]))
            return frame_in_project(&frames[i]);
    }
    return false;
}
