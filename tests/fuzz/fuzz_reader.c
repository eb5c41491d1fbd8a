/* SPDX-License-Identifier: MIT */
/*
 * The whole way of a dump through the command, for libFuzzer: reader, model,
 * detectors, both renderers. Names come from the fake symbolizer, so that an
 * input cannot make us open the paths that it names.
 */
#include <stddef.h>
#include <stdint.h>

#include "show.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct model *model;

    if (model_load(&model, bytes, size) == 0)
        model_show(model, "x.ctt");
    return 0;
}
