/* SPDX-License-Identifier: MIT */
/*
 * See fingerprint.h. Texts are hashed with their NUL, so that ("ab", "c") and
 * ("a", "bc") differ.
 */
#include "fingerprint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "detectors/detector.h"
#include "project.h"

enum { FINGERPRINT_FRAMES = 3 };

static const char *const clone_marks[] = {
    ".cold", ".part.", ".constprop.", ".isra.", ".llvm.", " [clone ",
};

size_t function_stem(const char *function)
{
    size_t stem = strlen(function);

    for (size_t i = 0; i < sizeof(clone_marks) / sizeof(clone_marks[0]); i++) {
        const char *mark = strstr(function, clone_marks[i]);

        if (mark && mark != function && (size_t)(mark - function) < stem)
            stem = (size_t)(mark - function);
    }
    return stem;
}

static void hash_text(XXH64_state_t *hash, const char *text, size_t bytes)
{
    static const char end = '\0';

    XXH64_update(hash, text, bytes);
    XXH64_update(hash, &end, 1);
}

static void hash_string(XXH64_state_t *hash, const char *text)
{
    hash_text(hash, text, strlen(text));
}

static void hash_frame(XXH64_state_t *hash, const struct frame *frame, bool *weak)
{
    char offset[32];

    hash_string(hash, frame->module ? frame->module->base : "?");
    if (frame->function) {
        hash_text(hash, frame->function, function_stem(frame->function));
        return;
    }
    *weak = true;
    snprintf(offset, sizeof(offset), "+0x%" PRIx64, frame->module ? frame->address : 0);
    hash_string(hash, offset);
}

static bool frame_repeats(const struct frame *a, const struct frame *b)
{
    size_t stem;

    if (!a || a->module != b->module || !a->function || !b->function)
        return false;
    stem = function_stem(a->function);
    return stem == function_stem(b->function) && memcmp(a->function, b->function, stem) == 0;
}

/* In a program without frames of its own, the frames outside the runtime. */
static unsigned hash_frames(XXH64_state_t *hash, const struct frame *frames, size_t count,
                            bool project_only, bool *weak)
{
    const struct frame *last = NULL;
    unsigned taken = 0;

    for (size_t i = 0; i < count && taken < FINGERPRINT_FRAMES; i++) {
        const struct frame *frame = &frames[i];
        bool wanted = project_only ? frame_in_project(frame)
                                   : !frame->module || !module_is_runtime(frame->module);

        if (!wanted || frame_repeats(last, frame))
            continue;
        hash_frame(hash, frame, weak);
        last = frame;
        taken++;
    }
    return taken;
}

static void id_write(XXH64_state_t *hash, char *ret_id)
{
    snprintf(ret_id, FINGERPRINT_CHARS + 1, "%016" PRIx64, (uint64_t)XXH64_digest(hash));
}

void fingerprint_make(struct model *model, struct finding *finding)
{
    const char *kind = model_kind_name(model, finding->kind);
    const char *label = context_label(finding->context);
    XXH64_state_t hash, similar;
    size_t count;
    const struct frame *frames = model_frames(model, finding->stack, &count);
    bool weak = count == 0, ignored;

    XXH64_reset(&hash, 0);
    hash_string(&hash, kind);
    hash_string(&hash, finding->detector->name);
    similar = hash;
    if (count) {
        const char *acquirer = frames[0].function ? frames[0].function : "?";

        hash_text(&hash, acquirer, function_stem(acquirer));
        hash_frame(&similar, &frames[0], &ignored);
    } else if (label) {
        hash_string(&hash, label); /* all that tells them apart (stacks=off) */
    }
    if (hash_frames(&hash, frames, count, true, &weak) == 0)
        hash_frames(&hash, frames, count, false, &weak);
    hash_string(&similar, label ? label : "");
    id_write(&hash, finding->id);
    id_write(&similar, finding->similar_id);
    finding->weak = weak;
}
