/* SPDX-License-Identifier: MIT */
/*
 * Every rule of every entry of every file named: does it compile to a recipe?
 *
 * A file is laid out in memory as the loader would do it, none of it is run,
 * and each row of its .eh_frame goes through the tracker's compiler. The files'
 * sums are printed, and each row that was refused with the shape of its rules.
 *
 *   scan_recipes [-v] FILE...    fails on a refusal that is of no kind in
 *                                `explained`; files that are no ELF of this
 *                                machine are passed over
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload/facts/module.h"
#include "preload/facts/module_image.h"
#include "preload/facts/unwind_eh.h"
#include "preload/facts/unwind_recipe.h"

#define PAGE_BYTES   UINT64_C(4096)
#define PAGE_DOWN(n) ((n) & ~(PAGE_BYTES - 1))
#define PAGE_UP(n)   PAGE_DOWN((n) + PAGE_BYTES - 1)

static const char *const cut_names[CTT_CUT_COUNT] = {"none", "depth",  "no_module", "no_cfi",
                                                     "rule", "bounds", "full"};

struct sums {
    unsigned long files, untabled, entries, unfound, rows, outermost, lost_fp, lost_bx;
    unsigned long cut[CTT_CUT_COUNT];
    unsigned long functions, bare;
};
static struct sums all;
static unsigned long unexplained;
static int verbose;

/* A file as the loader would lay it out. */
struct image {
    const char *name;
    const uint8_t *file;
    size_t bytes;
    uint8_t *base;
    size_t span;
    struct module module;
};

static const elf_ehdr *header_of(const struct image *i)
{
    const elf_ehdr *elf = (const elf_ehdr *)i->file;
    return i->bytes >= sizeof *elf && memcmp(elf->e_ident, ELFMAG, SELFMAG) == 0 &&
                   elf->e_machine == EM_X86_64 && elf->e_ident[EI_CLASS] == ELFCLASS64 &&
                   (elf->e_type == ET_DYN || elf->e_type == ET_EXEC)
               ? elf
               : NULL;
}

static bool file_map(const char *path, struct image *i)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    memset(i, 0, sizeof *i);
    i->name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    i->bytes = (size_t)st.st_size;
    void *at = mmap(NULL, i->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    i->file = at == MAP_FAILED ? NULL : at;
    if (i->file && header_of(i))
        return true;
    if (i->file)
        munmap(at, i->bytes);
    return false;
}

/* Its segments, copied to where they belong; false when there are none. */
static bool image_lay_out(struct image *i)
{
    const elf_ehdr *elf = header_of(i);
    const elf_phdr *headers = (const elf_phdr *)(i->file + elf->e_phoff);
    uintptr_t low = UINTPTR_MAX, high = 0;
    for (unsigned n = 0; n < elf->e_phnum; n++) {
        if (headers[n].p_type != PT_LOAD || headers[n].p_offset + headers[n].p_filesz > i->bytes)
            continue;
        uintptr_t end = headers[n].p_vaddr + headers[n].p_memsz;
        low = headers[n].p_vaddr < low ? PAGE_DOWN(headers[n].p_vaddr) : low;
        high = end > high ? PAGE_UP(end) : high;
    }
    if (low >= high)
        return false;
    i->span = high - low;
    i->base = mmap(NULL, i->span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (i->base == MAP_FAILED)
        return false;
    struct module *m = &i->module;
    m->start = (uintptr_t)i->base;
    m->end = m->start + i->span;
    m->bias = m->start - low;
    m->headers = headers;
    m->header_count = elf->e_phnum;
    for (unsigned n = 0; n < elf->e_phnum; n++)
        if (headers[n].p_type == PT_LOAD && headers[n].p_offset + headers[n].p_filesz <= i->bytes)
            memcpy((uint8_t *)m->bias + headers[n].p_vaddr, i->file + headers[n].p_offset,
                   headers[n].p_filesz);
    const elf_phdr *table = image_header(m, PT_GNU_EH_FRAME, NULL);
    if (table)
        image_learn_eh(m, (const uint8_t *)m->bias + table->p_vaddr);
    return true;
}

static void image_drop(struct image *i)
{
    munmap(i->base, i->span);
    munmap((void *)(uintptr_t)i->file, i->bytes);
}

static void block_print(const struct eh_view *view, const struct cfi_rule *rule)
{
    printf(" {");
    for (unsigned n = 0; n < rule->length; n++)
        printf(" %02x", view->low[rule->offset + (int32_t)n]);
    printf(" }");
}

static void rule_print(const char *name, const struct eh_view *view, const struct cfi_rule *rule)
{
    printf(" %s how=%u reg=%u offset=%d", name, rule->how, rule->reg, rule->offset);
    if (rule->how == CFI_EXPRESSION || rule->how == CFI_VAL_EXPRESSION)
        block_print(view, rule);
}

static void row_print(const struct image *i, const char *what, uintptr_t pc,
                      const struct cfi_row *row)
{
    printf("  %s at 0x%lx..0x%lx:", what, pc - i->module.bias, row->end - i->module.bias);
    rule_print("cfa", &i->module.eh, &row->cfa);
    rule_print("ra", &i->module.eh, &row->saved[CFI_RA]);
    rule_print("sp", &i->module.eh, &row->saved[CFI_SP]);
    rule_print("fp", &i->module.eh, &row->saved[CFI_FP]);
    rule_print("bx", &i->module.eh, &row->saved[CFI_BX]);
    printf("\n");
}

/* Rules that no walk can follow, or need not. */
static bool by_register(const struct cfi_row *row)
{
    return row->saved[CFI_RA].how == CFI_REGISTER;
}

static bool all_registers(const struct cfi_row *row)
{
    return row->saved[CFI_SP].how == CFI_OFFSET || row->saved[CFI_SP].how == CFI_EXPRESSION ||
           (row->saved[CFI_RA].how == CFI_OFFSET && row->saved[CFI_RA].offset != -8);
}

static bool computed(const struct cfi_row *row)
{
    return row->cfa.how == CFI_EXPRESSION;
}

static bool no_program(const struct cfi_row *row)
{
    return row == NULL;
}

static struct {
    const char *file; /* the beginning of its name; NULL: any */
    const char *what;
    bool (*is)(const struct cfi_row *);
    unsigned long count;
} explained[] = {
    /* longjmp, vfork, exception landing: between two instructions the return
     * address is in no memory. Met in single steps only. */
    {NULL, "returns by a register", by_register, 0},
    /* setcontext, and the signal return, which is known by its bytes. */
    {NULL, "all registers elsewhere", all_registers, 0},
    /* bn_mul_mont of OpenSSL: sp + 8 * r9. */
    {NULL, "computed from two registers", computed, 0},
    /* A register for a CFA that is an expression: DWARF 5, 6.4.2.2 forbids it. */
    {"libgcrypt.", "against the standard", no_program, 0},
};
#define EXPLAINED (sizeof explained / sizeof explained[0])

static bool explain(const struct image *i, const struct cfi_row *row)
{
    for (size_t n = 0; n < EXPLAINED; n++) {
        bool of_file = !explained[n].file ||
                       strncmp(i->name, explained[n].file, strlen(explained[n].file)) == 0;
        if (!of_file || (row == NULL) != (explained[n].is == no_program) || !explained[n].is(row))
            continue;
        explained[n].count++;
        return true;
    }
    return false;
}

static void refuse(const struct image *i, enum ctt_cut cut, const char *what, uintptr_t pc,
                   const struct cfi_row *row, struct sums *s)
{
    s->cut[cut]++;
    bool known = explain(i, row);
    unexplained += !known;
    if (known && !verbose)
        return;
    printf("  %s refused, %s, at 0x%lx\n", what, cut_names[cut], pc - i->module.bias);
    if (row)
        row_print(i, cut_names[cut], pc, row);
}

static void row_count(const struct image *i, uintptr_t pc, const struct cfi_row *row,
                      struct sums *s)
{
    struct recipe r = recipe_of_row(&i->module.eh, row, pc);
    s->rows++;
    s->outermost += r.how == RECIPE_OUTERMOST;
    s->lost_fp += r.fp_how == RECIPE_LOST;
    s->lost_bx += r.bx_how == RECIPE_LOST;
    if (verbose && r.how != RECIPE_CUT && r.fp_how == RECIPE_LOST)
        row_print(i, "lost fp", pc, row);
    if (r.how == RECIPE_CUT)
        refuse(i, (enum ctt_cut)r.cfa, "row", pc, row, s);
}

/* Its id is 0, behind a short length or a long one. */
static bool is_cie(const uint8_t *at)
{
    uint32_t words[4];
    memcpy(words, at, sizeof words);
    return (words[0] == UINT32_MAX ? words[3] : words[1]) == 0;
}

static void entry_scan(const struct image *i, const struct eh_entry *entry, struct sums *s)
{
    struct eh_entry found;
    s->entries++;
    /* An empty one covers nothing. */
    if (entry->start == entry->end)
        return;
    if (eh_entry_find(&i->module.eh, entry->start, &found) != CTT_CUT_NONE ||
        found.start != entry->start || found.program != entry->program)
        s->unfound++;
    for (uintptr_t pc = entry->start; pc < entry->end;) {
        struct cfi_row row;
        enum ctt_cut cut = eh_row_at(&i->module.eh, entry, pc, &row);
        if (cut == CTT_CUT_NONE && entry->return_register != CFI_NUMBER_RA)
            cut = CTT_CUT_RULE;
        if (cut != CTT_CUT_NONE) {
            refuse(i, cut, "program", pc, NULL, s);
            return;
        }
        row_count(i, pc, &row, s);
        pc = row.end;
    }
}

/* All entries one after the other, as they lie in .eh_frame. */
static void frames_scan(const struct image *i, struct sums *s)
{
    const struct eh_view *view = &i->module.eh;
    const uint8_t *next;
    for (const uint8_t *at = eh_frames(view); (next = eh_next(view, at)) != NULL; at = next) {
        struct eh_entry entry;
        if (eh_entry_read(view, at, &entry) == CTT_CUT_NONE)
            entry_scan(i, &entry, s);
        else if (!is_cie(at))
            refuse(i, CTT_CUT_NO_CFI, "entry", (uintptr_t)at, NULL, s);
    }
}

/* Functions that its symbols name and its tables do not. */
static void functions_scan(const struct image *i, struct sums *s)
{
    const elf_ehdr *elf = header_of(i);
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(i->file + elf->e_shoff);
    if (elf->e_shoff == 0 || elf->e_shoff + elf->e_shnum * sizeof *sections > i->bytes)
        return;
    for (unsigned n = 0; n < elf->e_shnum; n++) {
        if (sections[n].sh_type != SHT_DYNSYM ||
            sections[n].sh_offset + sections[n].sh_size > i->bytes)
            continue;
        const Elf64_Sym *symbols = (const Elf64_Sym *)(i->file + sections[n].sh_offset);
        const char *names = (const char *)i->file + sections[sections[n].sh_link].sh_offset;
        for (size_t k = 0; k < sections[n].sh_size / sizeof *symbols; k++) {
            struct eh_entry entry;
            if (ELF64_ST_TYPE(symbols[k].st_info) != STT_FUNC || symbols[k].st_size == 0 ||
                symbols[k].st_shndx == SHN_UNDEF)
                continue;
            s->functions++;
            if (eh_entry_find(&i->module.eh, i->module.bias + symbols[k].st_value, &entry) ==
                CTT_CUT_NONE)
                continue;
            s->bare++;
            if (verbose)
                printf("  without rules: %s\n", names + symbols[k].st_name);
        }
    }
}

static void sums_print(const char *name, const struct sums *s)
{
    printf("%s: entries=%lu rows=%lu outermost=%lu lost_fp=%lu lost_bx=%lu", name, s->entries,
           s->rows, s->outermost, s->lost_fp, s->lost_bx);
    for (unsigned cut = 1; cut < CTT_CUT_COUNT; cut++)
        if (s->cut[cut])
            printf(" %s=%lu", cut_names[cut], s->cut[cut]);
    printf(" unfound=%lu functions=%lu bare=%lu", s->unfound, s->functions, s->bare);
    printf("%s\n", s->untabled ? " no table" : "");
}

static void sums_add(struct sums *to, const struct sums *s)
{
    unsigned long *a = (unsigned long *)to;
    const unsigned long *b = (const unsigned long *)s;
    for (size_t n = 0; n < sizeof *s / sizeof *a; n++)
        a[n] += b[n];
}

static void file_scan(const char *path)
{
    struct image i;
    struct sums s = {.files = 1};
    if (!file_map(path, &i) || !image_lay_out(&i))
        return;
    s.untabled = i.module.eh.hdr == NULL;
    if (i.module.eh.hdr)
        frames_scan(&i, &s);
    functions_scan(&i, &s);
    sums_print(path, &s);
    sums_add(&all, &s);
    image_drop(&i);
}

int main(int argc, char **argv)
{
    for (int n = 1; n < argc; n++) {
        if (strcmp(argv[n], "-v") == 0)
            verbose = 1;
        else
            file_scan(argv[n]);
    }
    printf("%lu files, %lu without a table\n", all.files, all.untabled);
    sums_print("sum", &all);
    for (size_t n = 0; n < EXPLAINED; n++)
        printf("explained: %s=%lu\n", explained[n].what, explained[n].count);
    if (all.unfound)
        printf("entries that a look-up misses: %lu\n", all.unfound);
    return unexplained || all.unfound || all.rows == 0 ? 1 : 0;
}
