/* SPDX-License-Identifier: MIT */
#include "preload/outlets/reach_kernel.h"

#include <fcntl.h>
#include <string.h>

#include "preload/books/fdtable.h"
#include "preload/books/keytable.h"
#include "preload/ground/sys.h"
#include "preload/outlets/reach_mark.h"
#include "preload/outlets/reach_roots.h"

#define PATH_BYTES 64u
#define TEXT_BYTES 4096u
#define WORDS_MAX  (1u << 20)

static uintptr_t *words;
static uint32_t word_count;
static bool all_told;

static void keep(uintptr_t word)
{
    if (word_count < WORDS_MAX)
        words[word_count++] = word;
    else
        all_told = false;
}

/* Calls `line` for each line of a file, the end of one that is longer than the buffer cut. */
static void each_line(const char *path, void (*line)(const char *text))
{
    static char buffer[TEXT_BYTES];
    int fd = sys_open(path, O_RDONLY, 0);
    size_t used = 0;
    ssize_t n;
    if (fd < 0) {
        all_told = false;
        return;
    }
    while ((n = sys_read(fd, buffer + used, sizeof buffer - 1 - used)) > 0) {
        used += (size_t)n;
        buffer[used] = '\0';
        char *at = buffer;
        for (char *end; (end = strchr(at, '\n')); at = end + 1) {
            *end = '\0';
            line(at);
        }
        used = (size_t)(buffer + used - at);
        memmove(buffer, at, used);
        if (used == sizeof buffer - 1)
            used = 0;
    }
    sys_close(fd);
}

/* "tfd:        5 events:       19 data:     55d0c0a012a0  pos:0 ino:.." */
static void epoll_line(const char *text)
{
    const char *at = strncmp(text, "tfd:", 4) == 0 ? strstr(text, "data:") : NULL;
    if (!at)
        return;
    for (at += 5; *at == ' ';)
        at++;
    keep(text_read_hex(&at));
}

/* "signal: 14/0000000000000000": the number, and the value that comes with it. */
static void timer_line(const char *text)
{
    const char *at = strncmp(text, "signal:", 7) == 0 ? strchr(text, '/') : NULL;
    if (!at)
        return;
    at++;
    keep(text_read_hex(&at));
}

static void ask_epolls(void)
{
    int limit = fd_limit();
    for (int fd = 0; fd < limit; fd++) {
        struct holding_copy holding;
        if (!fd_read(fd, &holding) || holding.detail != DETAIL_EPOLL)
            continue;
        char name[PATH_BYTES];
        struct text path = TEXT_OF(name);
        text_add(&path, "/proc/self/fdinfo/");
        text_add_u64(&path, (uint64_t)fd);
        each_line(name, epoll_line);
    }
}

static void look_for_timer(const struct holding_copy *holding, void *any)
{
    *(bool *)any |= holding->kind == CTT_KIND_TIMER;
}

/* Only where there are any: not every kernel has the file. */
static void ask_timers(void)
{
    bool any = false;
    key_scan(look_for_timer, &any);
    if (any)
        each_line("/proc/self/timers", timer_line);
}

bool kernel_ask(void)
{
    words = sys_map(WORDS_MAX * sizeof *words);
    if (!words)
        return false;
    word_count = 0;
    all_told = true;
    ask_epolls();
    ask_timers();
    return all_told;
}

void kernel_forget(void)
{
    if (words)
        sys_unmap(words, WORDS_MAX * sizeof *words);
    words = NULL;
    word_count = 0;
}

void kernel_mark(struct reach_roots *roots)
{
    (void)roots;
    mark_words(words, word_count);
}
