/* SPDX-License-Identifier: MIT */
#include "preload/outlets/warning.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "preload/ground/config.h"
#include "preload/ground/sys.h"
#include "preload/outlets/terminal.h"

#define MAPS_PATH 64u
#define PART      4096u
#define OVERLAP   32u /* a name may lie across two parts */

/* Nothing is left in the environment that a child could tell by: it must look
 * as without us. So the parent's mappings are read, in this one case. */
static bool parent_is_traced(void)
{
    static char part[OVERLAP + PART + 1];
    char path[MAPS_PATH];
    struct text text = TEXT_OF(path);
    text_add(&text, "/proc/");
    text_add_u64(&text, (uint64_t)sys_call(SYS_getppid, 0, 0, 0, 0, 0, 0));
    text_add(&text, "/maps");
    int fd = sys_open(path, O_RDONLY, 0);
    if (fd < 0)
        return false;
    bool found = false;
    size_t kept = 0;
    ssize_t n;
    while (!found && (n = sys_read(fd, part + kept, PART)) > 0) {
        size_t used = kept + (size_t)n;
        part[used] = '\0';
        found = strstr(part, "/libctxtrace.so") != NULL;
        kept = used < OVERLAP ? used : OVERLAP;
        memmove(part, part + used - kept, kept);
    }
    sys_close(fd);
    return found;
}

void warning_options(bool said)
{
    const char *setting = config_complaint();
    if (!setting || said || parent_is_traced())
        return;
    char words[256];
    struct text text = TEXT_OF(words);
    text_add(&text, "not understood in CTXTRACE_OPTIONS: ");
    /* A terminal obeys more than letters. */
    for (const char *at = setting; *at; at++)
        text_add_bytes(&text, (unsigned char)*at < ' ' || *at == 0x7f ? "?" : at, 1);
    text_add(&text, " (see ctxtrace run --help)");
    terminal_line(words, -1);
}

void warning_faults(void)
{
    terminal_line("--fail: not understood, or no such function: the program was not started", -1);
}
