/* SPDX-License-Identifier: MIT */
/*
 * Feeds files, or all files of folders, to the fuzz target: under any
 * compiler, and to look at one crash. With --make-corpus DIR it writes the
 * first corpus instead.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump_builder.h"
#include "report/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { PATH_BYTES = 4096 };

static unsigned replayed;

static int file_replay(const char *path)
{
    struct input input;

    if (input_load(&input, path) < 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    LLVMFuzzerTestOneInput(input.bytes, input.size);
    input_drop(&input);
    replayed++;
    return 0;
}

static int path_replay(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int failed = 0;

    if (!dir)
        return file_replay(path);
    while ((entry = readdir(dir))) {
        char file[PATH_BYTES];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        failed |= file_replay(file);
    }
    closedir(dir);
    return failed;
}

static void corpus_write(const char *dir, const char *name, const void *bytes, size_t size)
{
    char path[PATH_BYTES];
    FILE *out;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    out = fopen(path, "w");
    if (!out || fwrite(bytes, 1, size, out) != size || fclose(out) != 0) {
        perror(path);
        exit(1);
    }
}

static int corpus_make(const char *dir)
{
    static const struct {
        const char *name;
        uint32_t trigger;
        void (*build)(struct dump_builder *b, uint32_t trigger);
    } scenes[] = {
        {"scene-live.ctt", CTT_TRIGGER_SIGNAL, builder_scene},
        {"scene-exit.ctt", CTT_TRIGGER_EXIT, builder_scene},
        {"scene-fatal.ctt", CTT_TRIGGER_FATAL, builder_scene},
        {"scene-reach.ctt", CTT_TRIGGER_EXIT, builder_reach_scene},
        {"scene-declared.ctt", CTT_TRIGGER_SIGNAL, builder_declared_scene},
    };

    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        struct dump_builder *b = builder_new();

        scenes[i].build(b, scenes[i].trigger);
        corpus_write(dir, scenes[i].name, b->bytes, b->size);
        if (i == 0)
            corpus_write(dir, "scene-cut.ctt", b->bytes, b->size / 2);
        builder_free(b);
    }
    corpus_write(dir, "header-cut.ctt", CTT_MAGIC, strlen(CTT_MAGIC));
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;

    if (argc == 3 && strcmp(argv[1], "--make-corpus") == 0)
        return corpus_make(argv[2]);
    for (int i = 1; i < argc; i++)
        failed |= path_replay(argv[i]);
    printf("%u files replayed\n", replayed);
    return failed || replayed == 0;
}
