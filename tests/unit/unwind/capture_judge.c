/* SPDX-License-Identifier: MIT */
#include "capture_judge.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "capture_log.h"

#define BLOCKS_WRITTEN 10u

/* What call_log.h exports from the program. */
static unsigned (*log_read)(const uint32_t **ret_ids);
static int (*log_find)(uintptr_t pc);

/* Leaves out this frame: to see whether a wrong stack is noticed. */
static size_t frame_dropped = SIZE_MAX;

void judge_begin(void)
{
    log_read = (unsigned (*)(const uint32_t **))dlsym(RTLD_DEFAULT, "call_log_read");
    log_find = (int (*)(uintptr_t))dlsym(RTLD_DEFAULT, "call_log_find");
    const char *drop = getenv("CAPTURE_DROP");
    if (drop)
        frame_dropped = strtoul(drop, NULL, 10);
}

static void misjudged(const uint64_t *pcs, size_t count, enum ctt_cut cut, size_t at,
                      const uint32_t *ids, unsigned logged)
{
    uint32_t inner_first[512];
    size_t functions = 0;
    while (logged > 0 && functions < sizeof inner_first / sizeof inner_first[0])
        inner_first[functions++] = ids[--logged];
    if (atomic_fetch_add(&counts.misjudged, 1) < BLOCKS_WRITTEN)
        log_block(&(struct capture_block){.what = "misjudged",
                                          .ours = pcs,
                                          .ours_count = count,
                                          .at = at,
                                          .cut = cut,
                                          .functions = inner_first,
                                          .function_count = functions});
}

void judge(const uint64_t *pcs, size_t count, enum ctt_cut cut)
{
    const uint32_t *ids = NULL;
    if (!log_read || !log_find)
        return;
    unsigned logged = log_read(&ids), left = logged;
    /* A thread that has not begun its log. */
    if (!ids)
        return;
    atomic_fetch_add(&counts.judged, 1);
    for (size_t i = 0; i < count; i++) {
        int id = log_find(CTT_PC_ADDRESS(pcs[i]) - (pcs[i] & CTT_PC_EXACT ? 0 : 1));
        if (id < 0 || i == frame_dropped)
            continue;
        if (left == 0 || ids[--left] != (uint32_t)id) {
            misjudged(pcs, count, cut, i, ids, logged);
            return;
        }
    }
    if (left != 0 && cut == CTT_CUT_NONE)
        misjudged(pcs, count, cut, count, ids, logged);
}
