#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The headers of libctx with each compiler and standard that is promised, ignored results,
and what the libraries export and need.  test_headers.py SHARED STATIC"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
INCLUDE = HERE.parents[2] / "preload" / "ctx"
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wundef", "-Werror", f"-I{INCLUDE}"]

MATRIX = (
    ("gcc", "-std=c99", "sample.c", ["-pedantic", "-D_POSIX_C_SOURCE=200809L"]),
    ("gcc", "-std=gnu17", "sample.c", ["-pedantic"]),
    ("gcc", "-std=gnu11", "sample.c", ["-O2", "-Wstrict-prototypes"]),
    ("gcc", "-std=gnu17", "sample.c", ["-O3", "-Wclobbered", "-Wconversion"]),
    ("clang", "-std=gnu17", "sample.c", ["-O2", "-pedantic"]),
    ("clang", "-std=gnu11", "sample.c", ["-pedantic"]),
    ("clang", "-std=c99", "sample.c", ["-pedantic", "-D_POSIX_C_SOURCE=200809L"]),
    ("g++", "-std=c++11", "sample.c", ["-x", "c++"]),
    ("g++", "-std=c++17", "sample.c", ["-x", "c++"]),
    ("clang++", "-std=c++11", "sample.c", ["-x", "c++"]),
    ("clang++", "-std=c++17", "sample.c", ["-x", "c++"]),
    ("g++", "-std=c++11", "sample.cpp", ["-pedantic"]),
    ("g++", "-std=c++17", "sample.cpp", []),
    ("clang++", "-std=c++11", "sample.cpp", ["-pedantic"]),
    ("clang++", "-std=c++17", "sample.cpp", []),
)

# What must not be ignored: each is an error.
IGNORED = ("ctx_with_cancel(c)", "ctx_with_timeout(c, 1, 0, 0)", "ctx_with_deadline(c, 1, 0, 0)",
           "ctx_with_value(c, 0, 0)", 'ctx_with_name(c, "n")', 'ctx_with_trace(c, "")',
           'ctx_with_trace_id(c, "", 0)', "ctx_from_env()", "ctx_without_cancel(c)",
           "ctx_wait(c, 1)", "ctx_sleep(c, 1)", "ctx_poll(c, 0, 0)", "ctx_cond_wait(c, 0, 0)",
           "ctx_push(c)", "ctx_capture()", 'ctx_task_begin(c, "n")', "ctx_task_enter(0)",
           "ctx_wg_wait(0, c)", "ctx_go(c, 0, 0, 0, 0)", "ctx_go_copy(c, 0, 0, 0, 0, 0)",
           "ctx_eg_new(c)", "ctx_eg_go(0, 0, 0, 0)", "ctx_eg_try_go(0, 0, 0, 0)",
           "ctx_eg_limit(0, 1)", "ctx_eg_wait(0)")
# What must not compile.
WRONG = (
    ("a cleanup without a block", "if (c) ctx_defer(0, c)"),
    ("a stream for a descriptor", "FILE *f = 0; CTX_CLOSE_FD(f)"),
    ("a number for a block", "long n = 0; CTX_FREE(n)"),
    ("another type's variable", "long n = 0; ctx_defer_of(of_int, n)"),
    ("a try without its recover", "CTX_TRY { } (void)0"),
    ("a recover without its try", "CTX_RECOVER(code, cause) { } (void)0"),
    ("run of what is no handle", "ctx_defer_run(c)"),
    ("a cause that does not fit its format", 'ctx_fail(1, "%d", "text")'),
    ("a registering that nothing ends", "ctxtrace_defer_at(0, 0, 0, 0, 0, 0)"),
)
RIGHT = (
    ("a cleanup in a block", "if (c) { ctx_defer(0, c); }"),
    ("a pointer for a block", "const long *n = 0; CTX_FREE(n)"),
    ("its type's variable", "int n = 0; ctx_defer_of(of_int, n)"),
    ("a try with its recover", "CTX_TRY { } CTX_RECOVER(code, cause) { } (void)0"),
)
# What may be.
TAKEN = ("ctx_after_func(c, 0, 0)", "ctx_ref(c)", "ctx_err(c)", "ctx_stop(0)", "ctx_wg_done(0)",
         "ctx_task_end(0)", "ctx_eg_free(0)")
# What ctxtrace.h is made of: each may be included alone.
PARTS = ("ctxtrace_defer.h", "ctxtrace_resource.h", "ctxtrace_task.h", "ctxtrace_test.h")

failures = []


def check(name, holds, why=""):
    print(f"{'ok' if holds else 'FAILED'} {name}{'' if holds else ': ' + why}")
    if not holds:
        failures.append(name)


def compile_text(compiler, arguments, text, scratch):
    source = scratch / "source.c"
    source.write_text(text, encoding="utf-8")
    return subprocess.run([compiler, *arguments, *WARNINGS, "-c", source, "-o", scratch / "o"],
                          capture_output=True, text=True, check=False)


def check_matrix(scratch):
    for compiler, standard, source, more in MATRIX:
        name = f"{compiler} {standard} {source}"
        if not shutil.which(compiler):
            print(f"skipped {name}: no {compiler}")
            continue
        done = subprocess.run([compiler, standard, *more, *WARNINGS, "-c", HERE / source,
                               "-o", scratch / "o"], capture_output=True, text=True, check=False)
        check(name, done.returncode == 0, done.stderr[:1500])


def check_ignored(scratch):
    frame = "#include <ctxtrace.h>\nvoid f(ctx_t *c);\nvoid f(ctx_t *c) {{ (void)c; {}; }}\n"
    for call in IGNORED:
        done = compile_text("gcc", ["-std=gnu11"], frame.format(call), scratch)
        check(f"ignored {call}", "unused-result" in done.stderr, done.stderr or "compiles")
    for call in TAKEN:
        done = compile_text("gcc", ["-std=gnu11"], frame.format(call), scratch)
        check(f"may be ignored: {call}", done.returncode == 0, done.stderr)


def check_wrong(scratch):
    frame = ("#include <ctxtrace.h>\nCTX_DEFER_DEFINE(of_int, int, (void)it);\n"
             "void f(ctx_t *c);\nvoid f(ctx_t *c) {{ (void)c; {}; }}\n")
    for compiler in ("gcc", "clang"):
        if not shutil.which(compiler):
            print(f"skipped wrong uses: no {compiler}")
            continue
        for name, text in WRONG:
            done = compile_text(compiler, ["-std=gnu11"], frame.format(text), scratch)
            check(f"{compiler} refuses {name}", done.returncode != 0, "compiles")
        for name, text in RIGHT:
            done = compile_text(compiler, ["-std=gnu11"], frame.format(text), scratch)
            check(f"{compiler} takes {name}", done.returncode == 0, done.stderr)


def check_names(scratch):
    text = "#define CTXTRACE_NO_SHORT_NAMES\n#include <ctxtrace.h>\n"
    done = subprocess.run(["gcc", "-E", "-dM", f"-I{INCLUDE}", "-x", "c", "-"], input=text,
                          capture_output=True, text=True, check=True)
    check("no short names", not re.search(r"^#define (ctx_|CTX_)", done.stdout, re.MULTILINE))
    done = compile_text("gcc", ["-std=gnu11"], "#include <ctxtrace.h>\n#include "
                        "<ctxtrace_annotate.h>\n#include <attach.h>\nint x;\n", scratch)
    check("headers together", done.returncode == 0, done.stderr)
    for name in PARTS:
        done = compile_text("gcc", ["-std=gnu11"], f"#include <{name}>\nctx_waitgroup_t x;\n",
                            scratch)
        check(f"{name} alone", done.returncode == 0, done.stderr)


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def check_libraries(shared, static):
    exported = [line.split()[-1] for line in output_of("nm", "-D", "--defined-only", shared)
                .splitlines() if " A " not in line]
    check("exports", exported and all(re.fullmatch(r"ctxtrace_\w+@@LIBCTX_1", name)
                                      for name in exported), str(exported))
    # ctxtrace_annotate.h needs no library.
    header = "".join(path.read_text(encoding="utf-8") for path in INCLUDE.glob("ctxtrace*.h")
                     if path.name != "ctxtrace_annotate.h")
    declared = set(re.findall(r"\b(ctxtrace_\w+)\(", header)) - set(
        re.findall(r"#define (ctxtrace_\w+)\(", header))
    missing = {name.split("@")[0] for name in exported} ^ declared
    check("exports are what the header declares", not missing, str(missing))
    dynamic = output_of("readelf", "-d", shared)
    needed = re.findall(r"NEEDED.*\[(.*)\]", dynamic)
    # libgcc_s: ctx_run and the waits are left by exceptions and by pthread_cancel.
    allowed = re.compile(r"libc\.so|libpthread\.so|libdl\.so|ld-linux|libgcc_s\.so")
    check("needs libc and the unwinder", all(map(allowed.match, needed)), str(needed))
    check("soname", "[libctx.so.0]" in dynamic, dynamic)
    # A global name in the archive may collide with the program's.
    globals_ = [line.split()[-1] for line in output_of("nm", "--defined-only", "-g", static)
                .splitlines() if len(line.split()) == 3]
    odd = [name for name in globals_ if not re.match(r"(ctxtrace|libctx)_|DW\.ref", name)]
    check("names of the archive", not odd, str(odd))


def main():
    shared, static = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as scratch:
        check_matrix(Path(scratch))
        check_ignored(Path(scratch))
        check_wrong(Path(scratch))
        check_names(Path(scratch))
    check_libraries(shared, static)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
