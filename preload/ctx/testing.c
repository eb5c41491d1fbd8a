/* SPDX-License-Identifier: MIT */
/*
 * A program's own tests ask what is held (ctxtrace_test.h). The tracker tells; waiting for
 * what is on its way out, and the text, are made here.
 */
#include "preload/ctx/internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_NS    (NANOSECONDS * 2 / 5)
#define FIRST_PAUSE_NS (NANOSECONDS / 1000)
#define TEXT_BYTES     8192
#define FRAMES_SHOWN   4 /* of a stack, the function that acquired not counted */

static const struct ctxtrace_attach_testing *ask(void)
{
    const struct ctxtrace_attach_testing *testing = libctx_testing();
    const char *required = testing ? NULL : getenv("CTXTRACE_REQUIRE");
    if (required && strcmp(required, "1") == 0) {
        fputs("ctxtrace: CTXTRACE_REQUIRE=1, and the tracker is not here: run this by "
              "`ctxtrace run`, or with LD_PRELOAD=libctxtrace.so\n",
              stderr);
        abort();
    }
    if (!testing)
        errno = ENOSYS;
    return testing;
}

/* ---- which ---- */

struct asking {
    const ctxtrace_check_t *what;
    void (*tell)(const struct ctxtrace_held *held, void *arg);
    void *arg;
    int64_t count;
};

static void tell_one(const struct ctxtrace_held *held, void *arg)
{
    struct asking *asking = arg;
    const char *kind = asking->what->kind;
    if (kind && (!held->kind || strcmp(kind, held->kind) != 0))
        return;
    asking->count++;
    if (asking->tell)
        asking->tell(held, asking->arg);
}

static int64_t ask_all(const ctxtrace_check_t *what,
                       void (*tell)(const struct ctxtrace_held *held, void *arg), void *arg)
{
    static const ctxtrace_check_t everything;
    const struct ctxtrace_attach_testing *testing = ask();
    struct asking asking = {.what = what ? what : &everything, .tell = tell, .arg = arg};
    struct ctxtrace_held_query query = {.since = asking.what->since};
    bool is_memory = asking.what->kind && strcmp(asking.what->kind, "memory") == 0;
    if (!testing)
        return -1;
    query.context = asking.what->context ? libctx_number(libctx_look(asking.what->context)) : 0;
    query.with_memory = asking.what->with_memory || query.context || is_memory;
    /* The tracker had no room for it: what it holds is not known. */
    if ((asking.what->context && !query.context) || testing->each(&query, tell_one, &asking) < 0) {
        errno = ENOSYS;
        return -1;
    }
    return asking.count;
}

uint64_t ctxtrace_mark(void)
{
    const struct ctxtrace_attach_testing *testing = libctx_testing();
    return testing ? testing->mark() : 0;
}

int64_t ctxtrace_counts(const ctxtrace_check_t *what)
{
    return ask_all(what, NULL, NULL);
}

int ctxtrace_foreach(const ctxtrace_check_t *what,
                     void (*tell)(const struct ctxtrace_held *held, void *arg), void *arg)
{
    return ask_all(what, tell, arg) < 0 ? -1 : 0;
}

/* ---- as a text ---- */

struct writing {
    char *at;
    size_t left;
};

static void add(struct writing *writing, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));
static void add(struct writing *writing, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int length = vsnprintf(writing->at, writing->left, format, values);
    va_end(values);
    size_t used = length < 0 ? 0 : (size_t)length;
    if (used >= writing->left)
        used = writing->left ? writing->left - 1 : 0;
    writing->at += used;
    writing->left -= used;
}

/* A return address lies behind its call. */
static void add_frame(struct writing *writing, const void *frame, bool is_return)
{
    Dl_info info;
    const char *at = (const char *)frame - is_return;
    if (!dladdr(at, &info) || !info.dli_fname) {
        add(writing, "%p", frame);
        return;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    if (info.dli_sname)
        add(writing, "%s", info.dli_sname);
    else
        add(writing, "%s+0x%lx", slash ? slash + 1 : info.dli_fname,
            (unsigned long)(at - (const char *)info.dli_fbase));
}

static void write_held(const struct ctxtrace_held *held, void *arg)
{
    struct writing *writing = arg;
    bool is_address = held->handle > INT32_MAX;
    add(writing, is_address ? "%s 0x%llx" : "%s %llu", held->kind ? held->kind : "something",
        (unsigned long long)held->handle);
    if (held->bytes)
        add(writing, ", %llu bytes", (unsigned long long)held->bytes);
    if (held->context)
        add(writing, ", of %s", held->context);
    for (size_t i = 0; i < held->frame_count && i <= FRAMES_SHOWN; i++) {
        add(writing, i ? " < " : ", by ");
        add_frame(writing, held->frames[i], i > 0);
    }
    add(writing, "\n");
}

static void rest(int64_t ns)
{
    struct timespec pause = {.tv_sec = ns / NANOSECONDS, .tv_nsec = ns % NANOSECONDS};
    while (nanosleep(&pause, &pause) < 0 && errno == EINTR)
        continue;
}

static int64_t patience_of(const ctxtrace_check_t *what)
{
    if (!what || !what->patience_ns)
        return PATIENCE_NS;
    return what->patience_ns < 0 ? 0 : what->patience_ns;
}

int ctxtrace_check(const ctxtrace_check_t *what, char *buffer, size_t size)
{
    int saved = errno;
    int64_t left = patience_of(what), pause = FIRST_PAUSE_NS, count;
    struct writing writing = {buffer, size};
    if (size)
        *buffer = '\0';
    while ((count = ask_all(what, NULL, NULL)) > 0 && left > 0) {
        rest(pause < left ? pause : left);
        left -= pause;
        pause *= 2;
    }
    if (count > 0 && size)
        count = ask_all(what, write_held, &writing);
    if (count < 0)
        return -1;
    errno = saved;
    return count > INT32_MAX ? INT32_MAX : (int)count;
}

int ctxtrace_verify_none(const ctxtrace_check_t *what)
{
    char text[TEXT_BYTES];
    int count = ctxtrace_check(what, text, sizeof text);
    if (count > 0)
        fprintf(stderr, "ctxtrace: %d still held:\n%s", count, text);
    else if (count < 0)
        fputs("ctxtrace: not checked: the tracker is not here\n", stderr);
    return count;
}

int ctxtrace_snapshot(const char *path)
{
    const struct ctxtrace_attach_testing *testing = ask();
    if (!testing || !path)
        return -1;
    int result = testing->snapshot(path);
    if (result < 0)
        errno = EIO;
    return result;
}
