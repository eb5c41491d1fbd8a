/* SPDX-License-Identifier: MIT */
/*
 * See capture.h.
 */
#include "capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGUMENTS_MAX = 16 };

static char paths[CAPTURE_DUMPS_MAX][32];
static unsigned path_count;

static const char *bytes_keep(const void *bytes, size_t size)
{
    char *path = paths[path_count];
    int fd;

    assert_true(path_count < CAPTURE_DUMPS_MAX);
    path_count++;
    strcpy(path, "/tmp/ctxtrace-test-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
    return path;
}

const char *capture_dump(struct dump_builder *b)
{
    const char *path;

    builder_finish(b);
    path = bytes_keep(b->bytes, b->size);
    builder_free(b);
    return path;
}

const char *capture_file(const char *text)
{
    return bytes_keep(text, strlen(text));
}

void capture_end(void)
{
    while (path_count)
        unlink(paths[--path_count]);
}

/* Puts a file in the place of `fd`; returns what was there. */
static int fd_redirect(int fd, FILE *file)
{
    int saved = dup(fd);

    assert_true(saved >= 0);
    assert_true(dup2(fileno(file), fd) >= 0);
    return saved;
}

static void fd_restore(int fd, int saved)
{
    dup2(saved, fd);
    close(saved);
}

static void file_take(FILE *file, char *ret_text)
{
    size_t size;

    rewind(file);
    size = fread(ret_text, 1, CAPTURE_BYTES - 1, file);
    ret_text[size] = '\0';
    fclose(file);
}

void capture_run(struct capture *ret_capture, command_run *run, const char *const *arguments)
{
    FILE *out = tmpfile(), *err = tmpfile();
    char *argv[ARGUMENTS_MAX] = {0};
    int argc = 0, saved_out, saved_err;

    assert_non_null(out);
    assert_non_null(err);
    for (; arguments[argc]; argc++)
        argv[argc] = (char *)arguments[argc];
    fflush(stdout);
    saved_out = fd_redirect(STDOUT_FILENO, out);
    saved_err = fd_redirect(STDERR_FILENO, err);
    ret_capture->status = run(argc, argv);
    fflush(stdout);
    fd_restore(STDOUT_FILENO, saved_out);
    fd_restore(STDERR_FILENO, saved_err);
    file_take(out, ret_capture->out);
    file_take(err, ret_capture->err);
}
