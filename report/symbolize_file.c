/* SPDX-License-Identifier: MIT */
/*
 * From a path in a dump to an ELF file that may be believed.
 *
 * The dump names files of another moment and perhaps of another host: the
 * path may by now be gone, replaced, a FIFO or a device. Only a regular file
 * with the dumped build-id is used. When it is gone but the debug file of the
 * very build is installed (a package was upgraded under a running program),
 * that one stands in. Separate debug files are libdwfl's business.
 */
#include "symbolize_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILD_ID_TEXT_MAX 128 /* SHA-1 needs 40; linkers accept any length */
#define BUILD_ID_TEXT_MIN 6   /* below, the folder's two digits leave no name */

static const char COMPLAINT_GONE[] = "file is gone";
static const char COMPLAINT_NOT_A_FILE[] = "not a file";
static const char COMPLAINT_UNREADABLE[] = "file cannot be read";
static const char COMPLAINT_NOT_ELF[] = "not a readable ELF file";
static const char COMPLAINT_BUILD_ID[] = "build-id differs from the file on disk";

static bool build_id_matches(Dwfl_Module *module, const char *expected)
{
    const unsigned char *bits;
    GElf_Addr address;
    GElf_Addr bias;
    char text[BUILD_ID_TEXT_MAX + 1];
    int bytes;

    if (!expected || !*expected)
        return true;
    /* Until the ELF file is loaded the id is unknown: libdwfl's documented
     * order. */
    if (!dwfl_module_getelf(module, &bias))
        return false;
    bytes = dwfl_module_build_id(module, &bits, &address);
    if (bytes <= 0 || bytes > BUILD_ID_TEXT_MAX / 2)
        return false;
    for (int i = 0; i < bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", bits[i]);
    return strcasecmp(text, expected) == 0;
}

/* Returns a descriptor of a regular file, or -1 with *complaint set. */
static int regular_file_open(const char *path, const char **complaint)
{
    struct stat facts;
    int fd;

    if (path[0] != '/') {
        *complaint = COMPLAINT_NOT_A_FILE; /* "[vdso]", "//anon" and the like */
        return -1;
    }
    /* O_NONBLOCK: the path may be a FIFO by now, and nobody writes to it. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        *complaint = access(path, F_OK) == 0 ? COMPLAINT_UNREADABLE : COMPLAINT_GONE;
        return -1;
    }
    if (fstat(fd, &facts) < 0 || !S_ISREG(facts.st_mode)) {
        *complaint = COMPLAINT_NOT_A_FILE;
        close(fd);
        return -1;
    }
    return fd;
}

static bool elf_open(struct module_file *ret, const struct module_file_request *request,
                     const char *path)
{
    int fd = regular_file_open(path, &ret->complaint);

    if (fd < 0)
        return false;
    ret->complaint = COMPLAINT_NOT_ELF;
    ret->dwfl = dwfl_begin(request->callbacks);
    if (!ret->dwfl) {
        close(fd);
        return false;
    }
    dwfl_report_begin(ret->dwfl);
    /* Base 0 relative to the program headers: addresses stay the file's own. */
    ret->module = dwfl_report_elf(ret->dwfl, path, path, fd, 0, true);
    if (!ret->module)
        close(fd); /* on success it is the library's */
    if (ret->module && dwfl_report_end(ret->dwfl, NULL, NULL) == 0) {
        if (build_id_matches(ret->module, request->build_id)) {
            ret->complaint = NULL;
            return true;
        }
        ret->complaint = COMPLAINT_BUILD_ID;
    }
    module_file_close(ret);
    return false;
}

/* DIR/.build-id/ab/cdef….debug. Returns a malloc'ed path or NULL. */
static char *build_id_path(const char *dir, const char *build_id)
{
    char *path;

    if (asprintf(&path, "%s/.build-id/%.2s/%s.debug", dir, build_id, build_id + 2) < 0)
        return NULL;
    return path;
}

static bool build_id_is_sane(const char *build_id)
{
    size_t length = build_id ? strlen(build_id) : 0;

    return length >= BUILD_ID_TEXT_MIN && length <= BUILD_ID_TEXT_MAX &&
           strspn(build_id, "0123456789abcdefABCDEF") == length;
}

void module_file_open(struct module_file *ret, const struct module_file_request *request)
{
    const char *complaint;

    *ret = (struct module_file){0};
    if (elf_open(ret, request, request->path))
        return;
    complaint = ret->complaint;
    for (size_t i = 0; build_id_is_sane(request->build_id) && request->debug_dirs[i]; i++) {
        char *path = build_id_path(request->debug_dirs[i], request->build_id);
        bool found = path && elf_open(ret, request, path);

        free(path);
        if (found)
            return;
    }
    ret->complaint = complaint; /* of the file that the dump named */
}

void module_file_close(struct module_file *file)
{
    if (file->dwfl)
        dwfl_end(file->dwfl);
    file->dwfl = NULL;
    file->module = NULL;
}
