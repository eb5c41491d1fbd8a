/* SPDX-License-Identifier: MIT */
/*
 * See dump.h.
 */
#include "dump.h"

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "input.h"
#include "recover.h"

/* `input` is dropped. */
static int dump_load(struct dump *dump, const char *path, struct input *input,
                     const struct symbolizer_options *options)
{
    int r = model_load(&dump->model, input->bytes, input->size);

    input_drop(input);
    if (r) {
        fprintf(stderr, "ctxtrace: %s: %s\n", path, reader_fault_sentence(r));
        return -1;
    }
    if (dump->model->fault)
        fprintf(stderr, "ctxtrace: %s: %s\n", path, reader_fault_sentence(dump->model->fault));
    else
        dump->status = STATUS_OK;
    dump->request.path = path;
    model_symbolize(dump->model, options);
    return 0;
}

int dump_open(struct dump *dump, const char *path, const struct symbolizer_options *options)
{
    struct input input;
    int r;

    *dump = (struct dump){.path = path, .status = STATUS_BAD_INPUT};
    if (state_file_is(path)) { /* gigabytes, of which most are a hole */
        fprintf(stderr, "ctxtrace: %s: a state file: ctxtrace report --recover %s\n", path, path);
        return -1;
    }
    r = input_load(&input, path);
    if (r < 0) {
        fprintf(stderr, "ctxtrace: %s: %s\n", path, strerror(-r));
        return -1;
    }
    return dump_load(dump, path, &input, options);
}

int dump_recover(struct dump *dump, const char *path, const struct symbolizer_options *options)
{
    struct input input;

    *dump = (struct dump){.path = path, .status = STATUS_BAD_INPUT};
    if (recover_load(&input, path) < 0)
        return -1;
    return dump_load(dump, path, &input, options);
}

void dump_judge(struct dump *dump)
{
    const char *paths = model_option(dump->model, "suppressions");

    if (paths && !dump->rule_files.texts)
        rule_files_add_of_dump(&dump->rule_files, dump->model, paths);
    dump->request.dump_rules = dump->rule_files.texts;
    dump->report = report_new(dump->model, &dump->request);
}

void dump_close(struct dump *dump)
{
    dump->report = report_free(dump->report);
    dump->model = model_free(dump->model);
    rule_files_free(&dump->rule_files);
}

static bool text_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool dump_same_process(const struct dump *a, const struct dump *b)
{
    const struct process *left = &a->model->process, *right = &b->model->process;

    return left->facts.pid == right->facts.pid &&
           left->facts.start_ticks == right->facts.start_ticks &&
           text_same(left->host, right->host);
}
