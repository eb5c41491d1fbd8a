/* SPDX-License-Identifier: MIT */
#include "preload/outlets/render_plain.h"

#include <stdbool.h>
#include <string.h>

#include "preload/books/fdtable.h"
#include "preload/books/keytable.h"
#include "preload/books/mishap.h"
#include "preload/facts/kinds.h"
#include "preload/facts/module.h"
#include "preload/facts/stack.h"
#include "preload/ground/sys.h"
#include "preload/outlets/dump.h"
#include "preload/outlets/switched_off.h"
#include "preload/outlets/terminal.h"

#define SITES  32u /* different (kind, stack) that are told */
#define FRAMES 6u

struct site {
    uint32_t stack;
    uint32_t kind;
    uint64_t count;
    uint64_t first; /* handle */
};

static struct {
    struct site sites[SITES];
    uint32_t used;
    uint64_t not_told;
} found;

static void site_add(const struct holding_copy *holding, void *arg)
{
    const uint16_t left_out = CTT_HOLDING_INHERITED | CTT_HOLDING_STDIO | CTT_HOLDING_OWNED;
    bool collected_by_exit =
        holding->kind == CTT_KIND_THREAD && !(holding->flags & CTT_HOLDING_ENDED);
    if ((holding->flags & left_out) || collected_by_exit)
        return;
    for (uint32_t i = 0; i < found.used; i++) {
        struct site *site = &found.sites[i];
        if (site->stack == holding->stack && site->kind == holding->kind) {
            site->count++;
            return;
        }
    }
    if (found.used == SITES) {
        found.not_told++;
        return;
    }
    found.sites[found.used++] = (struct site){holding->stack, holding->kind, 1, holding->handle};
}

static void frame_add(struct text *text, uint64_t pc)
{
    const struct module *module = module_get(CTT_PC_MODULE(pc));
    if (module && (module->flags & CTT_MODULE_TRACKER))
        return;
    uint64_t address = CTT_PC_ADDRESS(pc);
    text_add(text, "            ");
    if (module && module->path) {
        const char *base = strrchr(module->path, '/');
        text_add(text, base ? base + 1 : module->path);
        text_add(text, "+0x");
        text_add_hex(text, address - module->bias);
    } else {
        text_add(text, "0x");
        text_add_hex(text, address);
    }
    text_add(text, "\n");
}

static void site_tell(struct text *text, const struct site *site)
{
    uint64_t pcs[FRAMES];
    enum ctt_cut cut;
    const char *name = kind_name(site->kind);
    text_add(text, "  held    ");
    text_add(text, name ? name : "?");
    text_add(text, " x");
    text_add_u64(text, site->count);
    if (site->kind != CTT_KIND_STREAM && site->kind != CTT_KIND_DIR) {
        text_add(text, " (first: ");
        text_add_u64(text, site->first);
        text_add(text, ")");
    }
    text_add(text, "\n");
    size_t count = stack_pcs(site->stack, pcs, FRAMES, &cut);
    for (size_t i = 0; i < count; i++)
        frame_add(text, pcs[i]);
}

static void mishaps_tell(struct text *text)
{
    struct ctt_mishap fact;
    uint64_t count = 0;
    for (uint32_t i = 0; mishap_read(i, &fact); i++)
        count += fact.id != 0 ? fact.count : 0;
    if (!count)
        return;
    text_add(text, "  failed or illegal calls: ");
    text_add_u64(text, count);
    text_add(text, "\n");
}

static void flush(struct text *text, int fd, uint64_t deadline_ns)
{
    terminal_write(fd, text->at, text->used, deadline_ns);
    text->used = 0;
}

void render_plain(int fd, const char *dump, uint64_t deadline_ns)
{
    static char buffer[4096];
    struct text text = TEXT_OF(buffer);
    memset(&found, 0, sizeof found);
    for (int i = 0, limit = is_switched_off() ? 0 : fd_limit(); i < limit; i++) {
        struct holding_copy holding;
        if (fd_read(i, &holding))
            site_add(&holding, NULL);
    }
    if (!is_switched_off())
        key_scan(site_add, NULL);
    text_add(&text, "ctxtrace " CTXTRACE_VERSION "  process ");
    text_add_u64(&text, (uint64_t)sys_getpid());
    text_add(&text, "  (without the ctxtrace command: addresses only)\n");
    for (uint32_t i = 0; i < found.used; i++) {
        site_tell(&text, &found.sites[i]);
        flush(&text, fd, deadline_ns);
    }
    if (found.not_told) {
        text_add(&text, "  and ");
        text_add_u64(&text, found.not_told);
        text_add(&text, " more\n");
    }
    mishaps_tell(&text);
    if (*dump) {
        text_add(&text, "  more: ctxtrace report ");
        text_add(&text, dump);
        text_add(&text, "\n");
    }
    flush(&text, fd, deadline_ns);
}
