/* SPDX-License-Identifier: MIT */
/*
 * The whole way of a state file through the command, for libFuzzer: its reader, what is
 * recovered of it, and the reader, model and renderer of the dump that this becomes, which
 * must be whole whatever the input was.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "report/recover.h"
#include "report/render.h"
#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static FILE *sink(void)
{
    static FILE *out;

    if (!out)
        out = fopen("/dev/null", "w");
    if (!out)
        abort();
    return out;
}

static int file_make(const uint8_t *bytes, size_t size)
{
    int fd = memfd_create("state", MFD_CLOEXEC);

    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        abort();
    return fd;
}

static void dump_show(const struct input *input)
{
    static const struct report_request request = {.path = "x.cts", .all = true, .tasks = true};
    struct model *model;
    struct report *report;

    if (model_load(&model, input->bytes, input->size) != 0 || model->fault)
        abort();
    model_symbolize(model, NULL);
    report = report_new(model, &request);
    renderer_find("text", 4)->render(report, sink());
    renderer_find("json", 4)->render(report, sink());
    report_free(report);
    model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct state_file file;
    struct input input;
    const char *why;

    if (state_file_open_fd(&file, file_make(bytes, size), &why) != 0)
        return 0;
    recover_build(&input, &file);
    state_file_close(&file);
    dump_show(&input);
    input_drop(&input);
    return 0;
}
