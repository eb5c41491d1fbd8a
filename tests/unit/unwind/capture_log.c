/* SPDX-License-Identifier: MIT */
#include "capture_log.h"

#include <fcntl.h>
#include <pthread.h>

#include "preload/facts/module.h"
#include "preload/ground/sys.h"

#define HASHES_KEPT 200u

static const char *const cut_names[CTT_CUT_COUNT] = {"none", "depth",  "no_module", "no_cfi",
                                                     "rule", "bounds", "full"};

struct capture_counts counts;

static char log_path[4096];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t hashes[HASHES_KEPT];
static size_t hash_count;

void log_begin(const char *path)
{
    struct text t = TEXT_OF(log_path);
    text_add(&t, path);
}

static void log_write(const struct text *t)
{
    char path[4200];
    struct text name = TEXT_OF(path);
    text_add(&name, log_path);
    text_add(&name, ".");
    text_add_u64(&name, (uint64_t)sys_getpid());
    int fd = sys_open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    sys_write_all(fd, t->at, t->used);
    sys_close(fd);
}

static void frame_add(struct text *t, const char *side, uint64_t pc)
{
    uintptr_t address = CTT_PC_ADDRESS(pc);
    const struct module *m = module_get(module_at(address));
    text_add(t, side);
    text_add(t, pc & CTT_PC_EXACT ? " exact " : " ");
    text_add(t, m ? m->path : "?");
    text_add(t, "+0x");
    text_add_hex(t, m ? address - m->bias : address);
    text_add(t, "\n");
}

void log_block(const struct capture_block *b)
{
    static char buffer[1 << 17];
    pthread_mutex_lock(&lock);
    struct text t = TEXT_OF(buffer);
    text_add(&t, b->what);
    text_add(&t, " at ");
    text_add_u64(&t, b->at);
    text_add(&t, " cut ");
    text_add(&t, cut_names[b->cut]);
    text_add(&t, "\n");
    for (size_t i = 0; i < b->ours_count; i++)
        frame_add(&t, "ours", b->ours[i]);
    for (size_t i = 0; i < b->theirs_count; i++)
        frame_add(&t, "theirs", b->theirs[i]);
    for (size_t i = 0; i < b->function_count; i++) {
        text_add(&t, "log fn_");
        text_add_u64(&t, b->functions[i]);
        text_add(&t, "\n");
    }
    text_add(&t, "end\n");
    log_write(&t);
    pthread_mutex_unlock(&lock);
}

static void hashes_flush(void)
{
    char buffer[HASHES_KEPT * 20];
    struct text t = TEXT_OF(buffer);
    text_add(&t, "stacks");
    for (size_t i = 0; i < hash_count; i++) {
        text_add(&t, " ");
        text_add_hex(&t, hashes[i]);
    }
    text_add(&t, "\n");
    log_write(&t);
    hash_count = 0;
}

static uint64_t hash_add(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* By modules and offsets: the same in every process. */
void log_distinct(const uint64_t *pcs, size_t count)
{
    uint64_t hash = count;
    for (size_t i = 0; i < count; i++) {
        const struct module *m = module_get(CTT_PC_MODULE(pcs[i]));
        for (const char *c = m ? m->path : ""; *c; c++)
            hash = hash_add(hash, (uint8_t)*c);
        hash = hash_add(hash, m ? CTT_PC_ADDRESS(pcs[i]) - m->bias : 0);
    }
    pthread_mutex_lock(&lock);
    hashes[hash_count++] = hash;
    if (hash_count == HASHES_KEPT)
        hashes_flush();
    pthread_mutex_unlock(&lock);
}

static void count_add(struct text *t, const char *name, uint64_t value)
{
    text_add(t, " ");
    text_add(t, name);
    text_add(t, "=");
    text_add_u64(t, value);
}

void log_counts(void)
{
    char line[512];
    struct text t = TEXT_OF(line);
    pthread_mutex_lock(&lock);
    hashes_flush();
    text_add(&t, "count");
    count_add(&t, "captures", counts.captures);
    count_add(&t, "distinct", counts.distinct);
    count_add(&t, "differed", counts.differed);
    count_add(&t, "memo_differed", counts.memo_differed);
    count_add(&t, "unusable", counts.unusable);
    count_add(&t, "judged", counts.judged);
    count_add(&t, "misjudged", counts.misjudged);
    for (unsigned cut = 1; cut < CTT_CUT_COUNT; cut++)
        count_add(&t, cut_names[cut], counts.cuts[cut]);
    text_add(&t, "\n");
    log_write(&t);
    pthread_mutex_unlock(&lock);
}

void log_child(void)
{
    __builtin_memset(&counts, 0, sizeof counts);
    hash_count = 0;
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}
