/* SPDX-License-Identifier: MIT */
/*
 * Reading the facts with libelf. The files are the user's own programs, but
 * they may as well be cut or damaged: every header comes through libelf's
 * checks, and what cannot be read is simply not known.
 */
#include "elf_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPT_LINE_MAX 256 /* the kernel reads no more of it */

/* A symbol, or the start of one, that only the allocator's own code defines. */
static const struct {
    const char *symbol;
    const char *allocator;
} allocators[] = {
    {"je_malloc", "jemalloc"}, {"mallocx", "jemalloc"},   {"tc_malloc", "tcmalloc"},
    {"mi_malloc", "mimalloc"}, {"scudo_malloc", "scudo"}, {"rpmalloc", "rpmalloc"},
    {"hoardmalloc", "Hoard"},  {"GC_malloc", "Boehm GC"}, {"malloc", "its own malloc"},
};

static const char *const sanitizers[] = {"libasan.so",  "libtsan.so",   "liblsan.so",
                                         "libubsan.so", "libhwasan.so", "libclang_rt."};

static const char *const go_sections[] = {".note.go.buildid", ".go.buildinfo", ".gopclntab"};

static bool text_starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static void text_set(char *room, size_t size, const char *text)
{
    snprintf(room, size, "%s", text);
}

static int needed_add(struct elf_facts *facts, const char *soname)
{
    char **bigger = reallocarray(facts->needed, facts->needed_count + 2, sizeof(*bigger));

    if (!bigger)
        return -ENOMEM;
    facts->needed = bigger;
    bigger[facts->needed_count] = strdup(soname);
    if (!bigger[facts->needed_count])
        return -ENOMEM;
    bigger[++facts->needed_count] = NULL;
    for (size_t i = 0; i < sizeof(sanitizers) / sizeof(sanitizers[0]); i++) {
        if (text_starts(soname, sanitizers[i]) && !facts->sanitizer[0])
            text_set(facts->sanitizer, sizeof(facts->sanitizer), soname);
    }
    return 0;
}

static int dynamic_read(struct elf_facts *facts, Elf *elf, Elf_Scn *section,
                        const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Dyn entry;

    for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
        const char *soname;

        if (entry.d_tag != DT_NEEDED)
            continue;
        soname = elf_strptr(elf, header->sh_link, entry.d_un.d_val);
        if (soname && needed_add(facts, soname) < 0)
            return -ENOMEM;
    }
    return 0;
}

static void symbols_read(struct elf_facts *facts, Elf *elf, Elf_Scn *section,
                         const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Sym symbol;

    for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
        const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);

        if (!name || symbol.st_shndx == SHN_UNDEF || GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
            continue;
        /* The rows stand in order of how much they tell: an earlier row may
         * still replace a later one. */
        for (size_t k = 0; k < sizeof(allocators) / sizeof(allocators[0]); k++) {
            if (strcmp(name, allocators[k].symbol) != 0)
                continue;
            if (!facts->allocator[0] || strcmp(allocators[k].symbol, "malloc") != 0)
                text_set(facts->allocator, sizeof(facts->allocator), allocators[k].allocator);
        }
    }
}

static void notes_read(struct elf_facts *facts, Elf_Scn *section)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t next = 0;
    size_t name;
    size_t description;
    GElf_Nhdr note;

    while (data && (next = gelf_getnote(data, next, &note, &name, &description)) > 0) {
        const unsigned char *bits = (const unsigned char *)data->d_buf + description;

        if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
            memcmp((const char *)data->d_buf + name, "GNU", sizeof("GNU")) != 0 ||
            note.n_descsz > ELF_BUILD_ID_ROOM / 2)
            continue;
        for (size_t i = 0; i < note.n_descsz; i++)
            snprintf(facts->build_id + 2 * i, 3, "%02x", bits[i]);
    }
}

static int section_read(struct elf_facts *facts, Elf *elf, Elf_Scn *section, size_t names)
{
    GElf_Shdr header;
    const char *name;

    if (!gelf_getshdr(section, &header))
        return 0;
    name = elf_strptr(elf, names, header.sh_name);
    if (!name)
        name = "";
    for (size_t i = 0; i < sizeof(go_sections) / sizeof(go_sections[0]); i++)
        facts->go = facts->go || strcmp(name, go_sections[i]) == 0;
    if (strcmp(name, ".debug_info") == 0 || strcmp(name, ".zdebug_info") == 0)
        facts->debug_info = header.sh_type != SHT_NOBITS;
    switch (header.sh_type) {
    case SHT_DYNAMIC:
        return dynamic_read(facts, elf, section, &header);
    case SHT_SYMTAB:
        facts->symtab = true;
        symbols_read(facts, elf, section, &header);
        return 0;
    case SHT_DYNSYM:
        symbols_read(facts, elf, section, &header);
        return 0;
    case SHT_NOTE:
        notes_read(facts, section);
        return 0;
    default:
        return 0;
    }
}

static void interpreter_read(struct elf_facts *facts, Elf *elf)
{
    size_t count;

    if (elf_getphdrnum(elf, &count) != 0)
        return;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;
        Elf_Data *data;

        if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_INTERP)
            continue;
        facts->dynamic = true;
        data = elf_getdata_rawchunk(elf, (int64_t)header.p_offset, header.p_filesz, ELF_T_BYTE);
        if (data && data->d_size < sizeof(facts->interpreter))
            memcpy(facts->interpreter, data->d_buf, data->d_size);
    }
}

static int elf_read(struct elf_facts *facts, int fd)
{
    Elf *elf;
    GElf_Ehdr header;
    Elf_Scn *section = NULL;
    size_t names;
    int error = ELF_FACTS_NOT_ELF;

    elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ, NULL);
    if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header)) {
        facts->class = header.e_ident[EI_CLASS];
        facts->machine = header.e_machine;
        facts->type = header.e_type;
        error = ELF_FACTS_OK;
        interpreter_read(facts, elf);
        if (elf_getshdrstrndx(elf, &names) == 0) {
            while (!error && (section = elf_nextscn(elf, section)))
                error = section_read(facts, elf, section, names);
        }
    }
    elf_end(elf);
    return error;
}

/* Rights that the file gives and we do not have: then the kernel tells the
 * loader to distrust the environment. */
static bool privileged_read(int fd, const struct stat *facts)
{
    char capabilities[64];

    if ((facts->st_mode & S_ISUID) && facts->st_uid != geteuid())
        return true;
    if ((facts->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && facts->st_gid != getegid())
        return true;
    return geteuid() != 0 &&
           fgetxattr(fd, "security.capability", capabilities, sizeof(capabilities)) > 0;
}

/* "#! /bin/sh -e" -> "/bin/sh". False: not a script. */
static bool script_interpreter(int fd, char *ret_path, size_t room)
{
    char line[SCRIPT_LINE_MAX + 1];
    ssize_t bytes = pread(fd, line, SCRIPT_LINE_MAX, 0);
    char *start;

    if (bytes < 2 || line[0] != '#' || line[1] != '!')
        return false;
    line[bytes] = 0;
    line[strcspn(line, "\n")] = 0;
    start = line + 2 + strspn(line + 2, " \t");
    start[strcspn(start, " \t")] = 0;
    if (!*start)
        return false;
    text_set(ret_path, room, start);
    return true;
}

static int file_read(struct elf_facts *ret, const char *path, unsigned depth)
{
    char interpreter[PATH_MAX];
    struct stat facts;
    int result;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? ELF_FACTS_MISSING
               : errno == EACCES                   ? ELF_FACTS_NO_EXEC
                                                   : -errno;
    text_set(ret->path, sizeof(ret->path), path);
    if (fstat(fd, &facts) < 0 || !S_ISREG(facts.st_mode)) {
        result = ELF_FACTS_NO_EXEC;
    } else if (depth < ELF_SCRIPT_DEPTH &&
               script_interpreter(fd, interpreter, sizeof(interpreter))) {
        ret->script = true;
        result = file_read(ret, interpreter, depth + 1);
    } else {
        ret->privileged = privileged_read(fd, &facts);
        result = elf_read(ret, fd);
    }
    close(fd);
    return result;
}

int elf_facts_read(struct elf_facts *ret, const char *path)
{
    *ret = (struct elf_facts){0};
    return file_read(ret, path, 0);
}

void elf_facts_clear(struct elf_facts *facts)
{
    for (size_t i = 0; i < facts->needed_count; i++)
        free(facts->needed[i]);
    free(facts->needed);
    facts->needed = NULL;
    facts->needed_count = 0;
}

static bool is_program(const char *path)
{
    struct stat facts;

    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode) && access(path, X_OK) == 0;
}

bool program_find(const char *name, char ret_path[PATH_MAX])
{
    const char *folders = getenv("PATH");

    if (strchr(name, '/')) {
        text_set(ret_path, PATH_MAX, name);
        return is_program(name);
    }
    for (const char *at = folders ? folders : "/bin:/usr/bin"; *name && at;) {
        size_t length = strcspn(at, ":");

        /* An empty entry is the current folder. */
        snprintf(ret_path, PATH_MAX, "%.*s%s%s", (int)length, at, length ? "/" : "./", name);
        if (is_program(ret_path))
            return true;
        at = at[length] ? at + length + 1 : NULL;
    }
    return false;
}

enum preload_verdict preload_judge(const struct elf_facts *program, const struct elf_facts *ours)
{
    char theirs_name[PATH_MAX];
    char ours_name[PATH_MAX];

    /* A static program ignores LD_PRELOAD, of whatever class it is. */
    if (!program->dynamic)
        return PRELOAD_STATIC;
    if (program->class != ours->class)
        return PRELOAD_OTHER_CLASS;
    if (program->machine != ours->machine)
        return PRELOAD_OTHER_MACHINE;
    /* The loader's name is the libc's: ld-linux-…, ld-musl-…. Its folder may
     * differ between distributions. */
    text_set(theirs_name, sizeof(theirs_name), program->interpreter);
    text_set(ours_name, sizeof(ours_name), ours->interpreter);
    if (ours_name[0] && strcmp(basename(theirs_name), basename(ours_name)) != 0)
        return PRELOAD_OTHER_LIBC;
    return program->privileged ? PRELOAD_PRIVILEGED : PRELOAD_WORKS;
}

static const char *const verdict_sentences[] = {
    [PRELOAD_WORKS] = "the tracker can be loaded",
    [PRELOAD_STATIC] = "static program: the tracker cannot be loaded",
    [PRELOAD_PRIVILEGED] = "setuid, setgid or file capabilities: the loader ignores the tracker",
    [PRELOAD_OTHER_CLASS] = "other ELF class (32-bit or 64-bit): the tracker cannot be loaded",
    [PRELOAD_OTHER_MACHINE] = "built for another machine: the tracker cannot be loaded",
    [PRELOAD_OTHER_LIBC] = "not a glibc program: the tracker cannot be loaded",
};

const char *preload_verdict_sentence(enum preload_verdict verdict)
{
    return verdict_sentences[verdict];
}

bool preload_is_harmful(enum preload_verdict verdict)
{
    return verdict >= PRELOAD_OTHER_CLASS;
}
