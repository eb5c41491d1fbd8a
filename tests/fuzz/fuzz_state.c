/* SPDX-License-Identifier: MIT */
/*
 * The whole way of a state file through the command, for libFuzzer: its reader, what is
 * recovered of it, and the reader, model and renderer of the dump that this becomes, which
 * must be whole whatever the input was.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "report/recover.h"
#include "show.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int file_make(const uint8_t *bytes, size_t size)
{
    int fd = memfd_create("state", MFD_CLOEXEC);

    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        abort();
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct state_file file;
    struct input input;
    struct model *model;
    const char *why;

    if (state_file_open_fd(&file, file_make(bytes, size), &why) != 0)
        return 0;
    recover_build(&input, &file);
    state_file_close(&file);
    if (model_load(&model, input.bytes, input.size) != 0 || model->fault)
        abort();
    model_show(model, "x.cts");
    input_drop(&input);
    return 0;
}
