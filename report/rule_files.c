/* SPDX-License-Identifier: MIT */
/*
 * See rule_files.h.
 */
#include "rule_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "input.h"

enum { RULES_BYTES_MAX = 16 << 20 };

static struct pool *pool_of(struct rule_files *files)
{
    if (!files->pool)
        files->pool = pool_new();
    return files->pool;
}

/* Returns 0, or a negative errno. */
static int text_load(struct rule_files *files, const char *path, struct rule_text **ret)
{
    struct rule_text *text;
    struct input input;
    int r = input_load(&input, path);

    if (r < 0)
        return r;
    text = pool_alloc(pool_of(files), sizeof(*text));
    text->source = RULE_OF_FILE;
    text->name = pool_format(files->pool, "%s", path);
    text->bytes = pool_copy(files->pool, input.bytes, input.size);
    text->size = input.size;
    input_drop(&input);
    DL_APPEND(files->texts, text);
    *ret = text;
    return 0;
}

/* Returns how many lines are no rules. */
static unsigned complaints_write(const struct rule_text *text)
{
    struct pool *pool = pool_new();
    struct rule *rules = NULL;
    const struct rule *rule;
    unsigned bad = rules_read(pool, &rules, text);

    DL_FOREACH (rules, rule) {
        if (rule->bad)
            fprintf(stderr, "ctxtrace: %s: not a rule: %s\n", rule->place, rule->bad);
    }
    pool_free(pool);
    return bad;
}

/* A device has no end. */
static int file_check(const char *path)
{
    struct stat facts;

    if (strcmp(path, "-") == 0)
        return 0;
    if (stat(path, &facts) < 0)
        return -errno;
    return S_ISREG(facts.st_mode) || S_ISFIFO(facts.st_mode) ? 0 : -EINVAL;
}

int rule_files_add(struct rule_files *files, const char *path)
{
    struct rule_text *text;
    int r = file_check(path);

    if (r == 0)
        r = text_load(files, path, &text);
    if (r < 0) {
        fprintf(stderr, "ctxtrace: %s: %s\n", path, strerror(-r));
        return -1;
    }
    return complaints_write(text) ? -1 : 0;
}

/* A dump may name anything: to read a pipe would be to wait for it, to read /proc/kcore
 * to fill all memory. Returns what is wrong, or NULL. */
static const char *dump_file_load(struct rule_files *files, const char *path)
{
    struct rule_text *text;
    struct stat facts;
    int r;

    if (stat(path, &facts) < 0)
        return strerror(errno);
    if (!S_ISREG(facts.st_mode) || facts.st_size > RULES_BYTES_MAX)
        return "not a file of rules";
    if (facts.st_size == 0)
        return NULL;
    r = text_load(files, path, &text);
    if (r < 0)
        return strerror(-r);
    complaints_write(text);
    return NULL;
}

void rule_files_add_of_dump(struct rule_files *files, const struct model *model, const char *paths)
{
    const char *cwd = model->process.cwd;

    while (*paths) {
        int length = (int)strcspn(paths, ",");
        const char *path = pool_format(pool_of(files), "%s%s%.*s", *paths == '/' || !cwd ? "" : cwd,
                                       *paths == '/' || !cwd ? "" : "/", length, paths);
        const char *wrong = length ? dump_file_load(files, path) : NULL;

        if (wrong)
            fprintf(stderr, "ctxtrace: %s: %s: no rules are taken from it\n", path, wrong);
        paths += length + (paths[length] == ',');
    }
}

void rule_files_free(struct rule_files *files)
{
    pool_free(files->pool);
    *files = (struct rule_files){0};
}
