# SPDX-License-Identifier: MIT
"""What programs say of their own leaks: by our header in each language that it is for, by
LeakSanitizer's functions, and in a program that has LeakSanitizer, whose they stay."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from arrangements import compile_hello, need, run
from tracing import Mismatch, Skip

HEADERS = Path(__file__).resolve().parents[2] / "preload" / "ctx"
STRICT = ("-pedantic-errors", "-Wall", "-Wextra", "-Werror")
LANGUAGES = (("gcc", "-std=c99"), ("clang", "-std=c99"), ("g++", "-std=c++11", "-xc++"),
             ("clang++", "-std=c++11", "-xc++"))
REASON = "kept until the end"
ANNOTATED = """#include "ctxtrace_annotate.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
static char region[64];
static void *kept, *block;
int main(void)
{
    int file;
    int results[5];
    ctxtrace_ignore_begin("%s");
    kept = malloc(1000);
    file = open("/dev/null", O_RDONLY);
    ctxtrace_ignore_end();
    block = malloc(2000);
    errno = 7;
    results[0] = ctxtrace_ignore_mem(block, "a block");
    results[1] = ctxtrace_ignore_fd(file, "a descriptor");
    results[2] = ctxtrace_root_range(region, sizeof region);
    results[3] = ctxtrace_root_range_end(region, sizeof region);
    results[4] = ctxtrace_root_range_end(region, sizeof region);
    printf("%%d %%d %%d %%d %%d %%d\\n", results[0], results[1], results[2], results[3],
           results[4], errno);
    return 0;
}
""" % REASON
SANITIZED = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
void __lsan_disable(void);
void __lsan_enable(void);
void __lsan_ignore_object(const void *block);
void __lsan_register_root_region(const void *start, size_t bytes);
void __lsan_unregister_root_region(const void *start, size_t bytes);
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    (void)!write(STDOUT_FILENO, "asked\\n", 6);
    return "leak:no_such_function\\n";
}
__attribute__((noinline)) static void lose(int is_told)
{
    void **hidden = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *volatile lost;
    if (is_told)
        __lsan_disable();
    lost = malloc(1000);
    if (is_told)
        __lsan_enable();
    lost = malloc(2000);
    if (is_told)
        __lsan_ignore_object(lost);
    hidden[0] = malloc(3000);
    if (is_told)
        __lsan_register_root_region(hidden, 4096);
    lost = NULL;
}
__attribute__((noinline)) static void overwrite(void)
{
    volatile char many[4096];
    memset((char *)many, 0, sizeof many);
}
int main(int argc, char **argv)
{
    lose(argc < 2);
    overwrite();
    puts("through");
    return 0;
}
"""


def compile_annotated(folder, compiler, *flags):
    return compile_hello(folder, compiler, *flags, *STRICT, f"-I{HEADERS}", text=ANNOTATED)


def read_report(tracker, folder):
    dumps = list(Path(folder).glob("*.ctt"))
    if len(dumps) != 1:
        raise Mismatch(f"{len(dumps)} dumps")
    return json.loads(run([tracker.tool, "report", "--format=json", dumps[0]]).stdout)


def test_annotated(tracker):
    """The header is C99 and C++11; its calls do nothing without the tracker, and with it
    what is acquired in a scope is held by a context that has the reason for a name."""
    for compiler, *flags in LANGUAGES:
        need(compiler)
        with tempfile.TemporaryDirectory() as folder:
            program = compile_annotated(folder, compiler, *flags)
            native = run([program])
            traced = run([program], env=tracker.environment(f"dir={folder}"))
            if (native.stdout, traced.stdout) != ("-1 -1 -1 -1 -1 7\n", "0 0 0 0 -1 7\n"):
                raise Mismatch(f"{compiler}: {native.stdout!r} and {traced.stdout!r}")
            report = read_report(tracker, folder)
    contexts = {row.get("name"): row["id"] for row in report["contexts"]}
    if REASON not in contexts:
        raise Mismatch(f"contexts {sorted(filter(None, contexts))}")


def run_traced(tracker, sanitizer, program, folder):
    """LeakSanitizer's runtime may come behind us; AddressSanitizer's must not, and the
    launcher sees to that."""
    if sanitizer == "leak":
        return run([program], env=tracker.environment(TMPDIR=folder))
    return run([tracker.tool, "run", f"--dir={folder}", "--", program],
               env={**os.environ, "CTXTRACE_LIB": str(tracker.library)})


def test_sanitizers_own(tracker):
    """hazard: C17: in a program with LeakSanitizer its functions are called, not ours alone,
    and the program's suppressions are for it to ask for."""
    for sanitizer in ("leak", "address"):
        with tempfile.TemporaryDirectory() as folder:
            program = compile_hello(folder, "gcc", "-g", f"-fsanitize={sanitizer}", text=SANITIZED)
            if run([program, "untold"]).returncode == 0:
                raise Skip(f"-fsanitize={sanitizer} finds no leak here")
            native = run([program])
            traced = run_traced(tracker, sanitizer, program, folder)
        if native.returncode:
            raise Skip(f"-fsanitize={sanitizer} finds what it is told to ignore")
        if (traced.returncode, traced.stdout) != (native.returncode, native.stdout):
            raise Mismatch(f"{sanitizer}: status {traced.returncode}, {traced.stdout!r} instead of "
                           f"{native.stdout!r}; {traced.stderr[-400:]!r}")


def test_own_suppressions(tracker):
    """Without a sanitizer the program's suppressions are asked for once, and what it tells
    LeakSanitizer it tells us."""
    with tempfile.TemporaryDirectory() as folder:
        text = SANITIZED.replace("int main", "".join(
            f"__attribute__((weak)) {line}\n" for line in SANITIZED.splitlines()
            if line.startswith("void __lsan")) + "int main")
        source, program = Path(folder) / "told.c", Path(folder) / "told"
        source.write_text(text, encoding="ascii")
        # As a library's functions, which are there or not, are called: by the loader.
        done = run(["gcc", "-rdynamic", "-fPIE", "-pie", source, "-o", program])
        if done.returncode:
            raise Skip(f"does not link: {done.stderr[-200:]}")
        untraced = subprocess.run([program, "untold"], capture_output=True, text=True, check=False)
        done = run([program], env=tracker.environment(f"dir={folder}"))
        report = read_report(tracker, folder)
    if untraced.stdout != "through\n" or done.stdout != "asked\nthrough\n":
        raise Mismatch(f"{untraced.stdout!r} and {done.stdout!r}; {done.stderr[-300:]!r}")
    if "told LeakSanitizer to ignore it" not in {row.get("name") for row in report["contexts"]}:
        raise Mismatch("no context for what LeakSanitizer was told")


TESTS = (test_annotated, test_sanitizers_own, test_own_suppressions)
