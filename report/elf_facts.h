/* SPDX-License-Identifier: MIT */
/*
 * What an executable or library is, as far as preloading is concerned: read
 * from the file alone, nothing is run. `run` decides by it whether the tracker
 * can be loaded; `doctor` tells what it saw.
 */
#ifndef REPORT_ELF_FACTS_H
#define REPORT_ELF_FACTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define ELF_BUILD_ID_ROOM  129 /* hex digits and NUL */
#define ELF_SCRIPT_DEPTH   4   /* interpreters of interpreters: the kernel's own limit */
#define ELF_ALLOCATOR_ROOM 32

struct elf_facts {
    char path[PATH_MAX]; /* of the ELF file: for a script, of its interpreter */
    bool script;         /* the program itself is a #! script */
    int class;           /* ELFCLASS64, … */
    int machine;         /* EM_X86_64, … */
    int type;            /* ET_EXEC, ET_DYN */
    bool dynamic;        /* has a program interpreter */
    char interpreter[PATH_MAX];
    bool privileged; /* setuid, setgid or file capabilities that will apply */
    bool go;
    bool debug_info; /* .debug_info inside */
    bool symtab;
    char build_id[ELF_BUILD_ID_ROOM];
    char allocator[ELF_ALLOCATOR_ROOM]; /* "jemalloc"; "" when libc's */
    char sanitizer[NAME_MAX + 1];       /* soname of the runtime it needs, or "" */
    char **needed;                      /* sonames, NULL-terminated */
    size_t needed_count;
};

enum elf_facts_error {
    ELF_FACTS_OK = 0,
    ELF_FACTS_MISSING, /* no such file */
    ELF_FACTS_NO_EXEC, /* not executable by us, or a folder */
    ELF_FACTS_NOT_ELF, /* neither ELF nor script */
};

/* `path` is a path, not a name to be searched. Returns enum elf_facts_error,
 * or a negative errno. Whatever is returned, elf_facts_clear() is due. */
int elf_facts_read(struct elf_facts *ret, const char *path);
void elf_facts_clear(struct elf_facts *facts);

/* Finds a command as execvp() would. Returns false when there is none. */
bool program_find(const char *name, char ret_path[PATH_MAX]);

/* Whether a preloaded library of ours would be loaded into the program. */
enum preload_verdict {
    PRELOAD_WORKS,
    PRELOAD_STATIC,
    PRELOAD_PRIVILEGED,
    /* From here on the preload would not merely be ignored: */
    PRELOAD_OTHER_CLASS,   /* … the loader complains in the program's stderr */
    PRELOAD_OTHER_MACHINE, /* … the same */
    PRELOAD_OTHER_LIBC,    /* … the program does not start */
};

/* `ours` are the facts of a program built with the library. */
enum preload_verdict preload_judge(const struct elf_facts *program, const struct elf_facts *ours);
const char *preload_verdict_sentence(enum preload_verdict verdict);
/* Whether LD_PRELOAD has to be left out for the program's sake. */
bool preload_is_harmful(enum preload_verdict verdict);

#endif
