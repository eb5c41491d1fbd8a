/* SPDX-License-Identifier: MIT */
/*
 * See output.h.
 */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int output_add(struct output_list *list, const char *format)
{
    const char *colon = strchr(format, ':');
    size_t length = colon ? (size_t)(colon - format) : strlen(format);
    const struct renderer *renderer = renderer_find(format, length);

    if (!renderer) {
        fprintf(stderr, "ctxtrace: no such format \"%.*s\" (there are: %s)\n", (int)length, format,
                renderer_names());
        return -1;
    }
    if (list->count == OUTPUTS_MAX) {
        fprintf(stderr, "ctxtrace: more than %d formats\n", OUTPUTS_MAX);
        return -1;
    }
    list->items[list->count++] = (struct output){renderer, colon && colon[1] ? colon + 1 : "-"};
    return 0;
}

int output_check(const char *format)
{
    struct output_list scratch = {0};

    return output_add(&scratch, format);
}

void output_default(struct output_list *list)
{
    if (!list->count)
        output_add(list, "text");
}

static bool output_is_stdout(const struct output *output)
{
    return strcmp(output->path, "-") == 0;
}

FILE *output_open(const struct output *output)
{
    FILE *out = output_is_stdout(output) ? stdout : fopen(output->path, "we");

    if (!out)
        fprintf(stderr, "ctxtrace: %s: %s\n", output->path, strerror(errno));
    return out;
}

int output_close(const struct output *output, FILE *out)
{
    bool failed = fflush(out) != 0 || ferror(out);

    if (!output_is_stdout(output) && fclose(out) != 0)
        failed = true;
    if (failed)
        fprintf(stderr, "ctxtrace: %s: the report could not be written\n",
                output_is_stdout(output) ? "stdout" : output->path);
    return failed ? -1 : 0;
}

bool output_wants_color(FILE *out)
{
    const char *no_color = getenv("NO_COLOR");

    return !(no_color && *no_color) && isatty(fileno(out));
}
