/* SPDX-License-Identifier: MIT */
/*
 * Reads to the end of the file, whatever size it claimed to have: a pipe has
 * none. See input.h.
 */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool.h"

enum { INPUT_FIRST_READ = 64 * 1024 };

static int input_read_all(struct input *input, int fd)
{
    size_t capacity = 0;

    for (;;) {
        ssize_t got;

        if (input->size == capacity) {
            capacity = capacity ? capacity * 2 : INPUT_FIRST_READ;
            input->bytes = xrealloc(input->bytes, capacity, 1);
        }
        got = read(fd, input->bytes + input->size, capacity - input->size);
        if (got == 0)
            return 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        input->size += (size_t)got;
    }
}

int input_load(struct input *ret_input, const char *path)
{
    struct input input = {0};
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r;

    if (fd < 0)
        return -errno;
    r = input_read_all(&input, fd);
    if (!is_stdin)
        close(fd);
    if (r < 0) {
        input_drop(&input);
        return r;
    }
    *ret_input = input;
    return 0;
}

void input_drop(struct input *input)
{
    free(input->bytes);
    *input = (struct input){0};
}
