/* SPDX-License-Identifier: MIT */
#include "preload/outlets/sequence.h"

#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "preload/ground/config.h"
#include "preload/ground/sys.h"

/* More than these are not remembered, and so not removed either. */
#define KEPT_MAX        1024u
#define NS_PER_S        1000000000u
#define NAME_OF_NOTHING "ctxtrace.ctt"

static struct kept {
    char name[FOLDER_NAME];
    uint64_t bytes;
} kept[KEPT_MAX];
static uint32_t kept_count;
static uint32_t last_number;
static char program[64] = "program";

void sequence_start(const char *argv0)
{
    const char *base = argv0 ? strrchr(argv0, '/') : NULL;
    base = base ? base + 1 : argv0;
    if (!base || !*base)
        return;
    struct text text = TEXT_OF(program);
    text_add(&text, base + (*base == '-')); /* "-bash": a login shell */
}

uint32_t sequence_last(void)
{
    return last_number;
}

void sequence_forked(void)
{
    kept_count = 0;
    last_number = 0;
}

/* ---- names ---- */

/* A name is one path component: whatever cannot stand in it becomes '_'. */
static void add_safely(struct text *name, const char *part)
{
    for (; *part; part++)
        text_add_bytes(name, *part == '/' || *part < ' ' ? "_" : part, 1);
}

void sequence_program(struct text *name)
{
    add_safely(name, program);
}

static void add_host(struct text *name)
{
    struct utsname host;
    if (sys_call(SYS_uname, (long)&host, 0, 0, 0, 0, 0) == 0)
        add_safely(name, host.nodename);
}

static void add_item(struct text *name, char letter)
{
    const char literal[2] = {letter, '\0'};
    switch (letter) {
    case 'e':
        sequence_program(name);
        break;
    case 'p':
        text_add_u64(name, (uint64_t)sys_getpid());
        break;
    case 'n':
        text_add_u64(name, last_number + 1);
        break;
    case 't':
        text_add_u64(name, clock_wall_ns() / NS_PER_S);
        break;
    case 'h':
        add_host(name);
        break;
    default: /* "%%", and what nobody knows */
        add_safely(name, literal);
    }
}

uint32_t sequence_next(char ret_name[FOLDER_NAME])
{
    struct text name = {ret_name, 0, FOLDER_NAME - 8}; /* room for a variation */
    ret_name[0] = '\0';
    for (const char *at = config.name; *at; at++) {
        if (*at == '%' && at[1])
            add_item(&name, *++at);
        else
            text_add_bytes(&name, *at == '/' ? "_" : at, 1);
    }
    if (!ret_name[0]) /* name= */
        text_add(&name, NAME_OF_NOTHING);
    return last_number + 1;
}

/* ---- retention ---- */

static void kept_remove(int folder, uint32_t i)
{
    folder_remove(folder, kept[i].name);
    memmove(&kept[i], &kept[i + 1], (kept_count - i - 1) * sizeof kept[0]);
    kept_count--;
}

static uint64_t kept_bytes(void)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < kept_count; i++)
        bytes += kept[i].bytes;
    return bytes;
}

void sequence_add(int folder, const char *name, uint64_t bytes)
{
    last_number++;
    if (kept_count == KEPT_MAX)
        kept_remove(folder, 1);
    memcpy(kept[kept_count].name, name, FOLDER_NAME);
    kept[kept_count++].bytes = bytes;
    /* The second oldest goes: the first dump is what later ones are compared
     * with, the last is what was asked for. */
    while (kept_count > 2 &&
           (kept_count > (uint64_t)config.keep || kept_bytes() > config.max_dumps))
        kept_remove(folder, 1);
}

void sequence_drop_last(void)
{
    if (kept_count > 0)
        kept_count--;
}
