/* SPDX-License-Identifier: MIT */
/* What the file is that an exec names, as far as it can be read. */
#include "preload/hooks/exec.h"

#include <elf.h>
#include <fcntl.h>
#include <gnu/lib-names.h>
#include <link.h>
#include <paths.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/ground/machine.h"
#include "preload/ground/sys.h"

#define SCRIPT_DEPTH  4   /* interpreters of interpreters, as in the kernel */
#define HEAD_BYTES    256 /* of a file: the kernel reads as much for #! */
#define DIRECTORY_MAX 512 /* longer parts of PATH are passed over */
#define HEADERS_MAX   128
#define DYNAMIC_MAX   128         /* entries of PT_DYNAMIC */
#define NAMES_MAX     (256 << 10) /* bytes of names looked through */
#define START_NAME    "__libc_start_main"

/* Our own ELF header: its class and machine are what a program must have. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- what a file is ---- */

static ssize_t file_read(int fd, void *to, size_t bytes, uint64_t at)
{
    return sys_call(SYS_pread64, fd, (long)to, (long)bytes, (long)at, 0, 0);
}

static int file_open(int directory, const char *path)
{
    return (int)sys_call(SYS_openat, directory, (long)path,
                         O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0, 0, 0);
}

static bool part_read(int fd, const ElfW(Ehdr) * header, unsigned i, ElfW(Phdr) * ret_part)
{
    uint64_t at = header->e_phoff + (uint64_t)i * header->e_phentsize;
    return file_read(fd, ret_part, sizeof *ret_part, at) == (ssize_t)sizeof *ret_part;
}

static bool part_find(int fd, const ElfW(Ehdr) * header, uint32_t type, ElfW(Phdr) * ret_part)
{
    for (unsigned i = 0; i < header->e_phnum && i < HEADERS_MAX; i++) {
        if (!part_read(fd, header, i, ret_part))
            return false;
        if (ret_part->p_type == type)
            return true;
    }
    return false;
}

/* Where in the file what is loaded at `address` is; 0: nowhere. */
static uint64_t offset_of(int fd, const ElfW(Ehdr) * header, uint64_t address)
{
    ElfW(Phdr) part;
    for (unsigned i = 0; i < header->e_phnum && i < HEADERS_MAX; i++)
        if (part_read(fd, header, i, &part) && part.p_type == PT_LOAD &&
            address - part.p_vaddr < part.p_filesz)
            return address - part.p_vaddr + part.p_offset;
    return 0;
}

/* Whether the names of a file's dynamic symbols have this one: NUL, name, NUL. */
static bool names_have(int fd, uint64_t at, uint64_t bytes, const char *name)
{
    char part[1024];
    size_t wanted = strlen(name) + 2, kept = 0;
    for (uint64_t done = 0; done < bytes && done < NAMES_MAX;) {
        size_t room = sizeof part - kept;
        size_t next = bytes - done < room ? (size_t)(bytes - done) : room;
        if (file_read(fd, part + kept, next, at + done) != (ssize_t)next)
            return false;
        size_t used = kept + next;
        for (size_t i = 0; i + wanted <= used; i++)
            if (!part[i] && memcmp(part + i + 1, name, wanted - 1) == 0)
                return true;
        done += next;
        kept = used < wanted ? used : wanted;
        memmove(part, part + used - kept, kept);
    }
    return false;
}

/* A program with an entry of its own (Go's, linked without a C compiler) is loaded
 * with us and never starts us. */
static bool starts_by_libc(int fd, const ElfW(Ehdr) * header)
{
    ElfW(Phdr) part;
    ElfW(Dyn) entry;
    uint64_t names = 0, bytes = 0;
    if (!part_find(fd, header, PT_DYNAMIC, &part))
        return false;
    for (unsigned i = 0; i < DYNAMIC_MAX && (i + 1) * sizeof entry <= part.p_filesz; i++) {
        if (file_read(fd, &entry, sizeof entry, part.p_offset + i * sizeof entry) !=
                (ssize_t)sizeof entry ||
            entry.d_tag == DT_NULL)
            break;
        if (entry.d_tag == DT_STRTAB)
            names = offset_of(fd, header, entry.d_un.d_ptr);
        if (entry.d_tag == DT_STRSZ)
            bytes = entry.d_un.d_val;
    }
    return names && names_have(fd, names, bytes, START_NAME);
}

/* With more rights than ours the loader passes LD_PRELOAD over. */
static bool gains_rights(int fd)
{
    char rights[64];
    struct stat facts;
    if (sys_call(SYS_newfstatat, fd, (long)"", (long)&facts, AT_EMPTY_PATH, 0, 0) < 0 ||
        facts.st_mode & (S_ISUID | S_ISGID))
        return true;
    return sys_call(SYS_fgetxattr, fd, (long)"security.capability", (long)rights, sizeof rights, 0,
                    0) >= 0;
}

/* The beginning of crt1.o's _start, whatever else the program brings: a linker's -e may
 * say that it begins elsewhere. */
static bool starts_as_usual(int fd, const ElfW(Ehdr) * header)
{
    unsigned char code[MACHINE_START_BYTES];
    uint64_t at = offset_of(fd, header, header->e_entry);
    return at && file_read(fd, code, sizeof code, at) == (ssize_t)sizeof code &&
           machine_is_start(code);
}

/* No loader of its own: static, LD_PRELOAD means nothing to it. */
static enum exec_fit program_fit(int fd, const ElfW(Ehdr) * header, bool surely)
{
    ElfW(Phdr) part;
    char loader[HEAD_BYTES + 1] = "";
    if (!part_find(fd, header, PT_INTERP, &part))
        return EXEC_UNKNOWN;
    size_t bytes = part.p_filesz < HEAD_BYTES ? part.p_filesz : HEAD_BYTES;
    if (file_read(fd, loader, bytes, part.p_offset) <= 0)
        return EXEC_UNKNOWN;
    if (strcmp(base_name(loader), LD_SO) != 0)
        return EXEC_FOREIGN;
    return surely && !gains_rights(fd) && starts_as_usual(fd, header) && starts_by_libc(fd, header)
               ? EXEC_SURE
               : EXEC_UNKNOWN;
}

static enum exec_fit file_fit(int fd, int depth, bool surely);

static enum exec_fit script_fit(char *head, int depth, bool surely)
{
    char *name = head + strspn(head, " \t");
    name[strcspn(name, " \t\r\n")] = '\0';
    int fd = depth < SCRIPT_DEPTH ? file_open(AT_FDCWD, name) : -1;
    if (fd < 0)
        return EXEC_UNKNOWN;
    enum exec_fit fit = file_fit(fd, depth + 1, surely);
    sys_close(fd);
    return fit;
}

/* What cannot be read or is not understood is not called foreign. */
static enum exec_fit file_fit(int fd, int depth, bool surely)
{
    union {
        ElfW(Ehdr) elf;
        char text[HEAD_BYTES + 1];
    } head;
    memset(&head, 0, sizeof head);
    ssize_t bytes = file_read(fd, head.text, HEAD_BYTES, 0);
    if (bytes > 2 && head.text[0] == '#' && head.text[1] == '!')
        return script_fit(head.text + 2, depth, surely);
    if (bytes >= 0 && memcmp(head.text, ELFMAG, SELFMAG) != 0)
        return EXEC_TEXT;
    if (bytes < (ssize_t)sizeof(Elf32_Ehdr))
        return EXEC_UNKNOWN;
    if (head.elf.e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
        head.elf.e_machine != __ehdr_start.e_machine)
        return EXEC_FOREIGN;
    return program_fit(fd, &head.elf, surely);
}

/* ---- which file it is ---- */

static int search_part(const char *part, size_t bytes, const char *file)
{
    char directory[DIRECTORY_MAX] = ".";
    if (bytes >= sizeof directory)
        return -1;
    if (bytes) {
        memcpy(directory, part, bytes);
        directory[bytes] = '\0';
    }
    int at = (int)sys_call(SYS_openat, AT_FDCWD, (long)directory, O_PATH | O_CLOEXEC | O_DIRECTORY,
                           0, 0, 0);
    if (at < 0)
        return -1;
    bool runs = sys_call(SYS_faccessat, at, (long)file, X_OK, 0, 0, 0) == 0;
    int fd = runs ? file_open(at, file) : -1;
    sys_close(at);
    return fd;
}

/* Along the caller's PATH, not the new program's: as execvp does it. */
static int search_open(const char *file)
{
    const char *path = NULL;
    for (char **v = environ; v && *v && !path; v++)
        if (strncmp(*v, "PATH=", 5) == 0)
            path = *v + 5;
    int fd = -1;
    for (const char *part = path ? path : "/bin:/usr/bin"; part && fd < 0;) {
        size_t bytes = strcspn(part, ":");
        fd = search_part(part, bytes, file);
        part = part[bytes] ? part + bytes + 1 : NULL;
    }
    return fd;
}

/* What is open by its path alone (O_PATH) cannot be read. */
static int open_again(int fd)
{
    char path[sizeof "/proc/thread-self/fd/" + 10];
    struct text text = TEXT_OF(path);
    text_add(&text, "/proc/thread-self/fd/");
    text_add_u64(&text, (uint64_t)fd);
    return fd < 0 ? -1 : file_open(AT_FDCWD, path);
}

static int target_open(const struct exec_target *target)
{
    const char *file = target->file;
    if (target->is_open && (!file || !*file))
        return open_again(target->descriptor);
    if (!file)
        return -1;
    if (target->search && !strchr(file, '/'))
        return search_open(file);
    return file_open(target->is_open ? target->descriptor : AT_FDCWD, file);
}

static enum exec_fit path_fit(int fd, bool surely)
{
    if (fd < 0)
        return EXEC_UNKNOWN;
    enum exec_fit fit = file_fit(fd, 0, surely);
    sys_close(fd);
    return fit;
}

enum exec_fit exec_fit_of(const struct exec_target *target, bool surely)
{
    enum exec_fit fit = path_fit(target_open(target), surely);
    if (fit != EXEC_TEXT)
        return fit;
    fit = target->shell ? path_fit(file_open(AT_FDCWD, _PATH_BSHELL), surely) : EXEC_UNKNOWN;
    return fit == EXEC_TEXT ? EXEC_UNKNOWN : fit;
}

bool exec_target_is_there(const struct exec_target *target)
{
    bool is_named = target->file && !target->search && !target->is_open;
    if (is_named && sys_call(SYS_faccessat, AT_FDCWD, (long)target->file, X_OK, 0, 0, 0) != 0)
        return false;
    struct stat facts;
    int fd = target_open(target);
    bool is_file =
        fd >= 0 && sys_call(SYS_fstat, fd, (long)&facts, 0, 0, 0, 0) == 0 && S_ISREG(facts.st_mode);
    if (fd >= 0)
        sys_close(fd);
    return is_file;
}
