# SPDX-License-Identifier: MIT
"""The table of test suites, in the order in which scripts/test runs them.

A suite is a build directory, a way to run, and what to run in it:

  meson   the build's meson tests whose executables lie under `folders`
  lines   programs that print "ok NAME", "skipped NAME: why", "FAILED NAME: why"
  build   compiling is the test
  fuzz    libFuzzer targets of the build, for FUZZ_SECONDS in all
"""

from dataclasses import dataclass, field

UNIT_FOLDERS = ("tests/unit", "tests/fuzz")
LIBCTX_UNITS = ("tests/unit/ctx",)
TRACKER_UNITS = ("tests/unit/tracker", "tests/unit/unwind")
# Tests that choose a sanitizer for themselves, or load the library into real programs,
# have no place in a sanitized build; nor has one that compiles the rules of whole libraries
# by itself, or one that single-steps through the code, and
# would through the sanitizer's own locks.
NOT_SANITIZED = ("*sanitized*", "*differential*", "*library*", "*memo*", "*recipes*")
COMMAND_UNITS = ("tests/unit/report", "tests/unit/symbols", "tests/fuzz")


@dataclass(frozen=True)
class Build:
    """One build directory: the compiler and the meson options that make it."""

    name: str
    compiler: str
    options: tuple = ()
    environment: dict = field(default_factory=dict)
    only: tuple = ()  # folders whose tests are built; everything when empty


@dataclass(frozen=True)
class Suite:
    name: str
    how: str
    build: str = "gcc"
    quick: bool = False
    folders: tuple = ()  # meson: where the executables lie
    programs: tuple = ()  # lines: globs of programs in the source tree
    command: tuple = ()  # lines: one program with its arguments instead
    timeout_s: int = 600


BUILDS = {
    build.name: build
    for build in (
        Build("gcc", "gcc"),
        Build("clang", "clang"),
        Build(
            "asan",
            "clang",
            ("-Db_sanitize=address,undefined", "-Db_lundef=false"),
            {
                "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:strict_string_checks=1"
                # A thread that is cancelled ends in clang 14's own report without it.
                ":use_sigaltstack=0",
                "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
            },
            only=COMMAND_UNITS + LIBCTX_UNITS,
        ),
        Build(
            "tsan",
            "gcc",
            # gcc says that TSan does not model fences; it may not stop the build.
            ("-Db_sanitize=thread", "-Db_lundef=false", "-Dc_args=-Wno-error=tsan"),
            {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"
             ":die_after_fork=0"},  # libctx's children begin threads
            only=TRACKER_UNITS + LIBCTX_UNITS,
        ),
    )
}

SUITES = (
    Suite("build", "build", quick=True),
    Suite("lint", "lines", quick=True, command=("scripts/lint", "{build}")),
    Suite("unit", "meson", quick=True, folders=UNIT_FOLDERS),
    Suite("unit-asan", "meson", build="asan", folders=COMMAND_UNITS + LIBCTX_UNITS),
    Suite("unit-tsan", "meson", build="tsan", folders=TRACKER_UNITS + LIBCTX_UNITS),
    Suite("build-clang", "build", build="clang"),
    Suite("unit-clang", "meson", build="clang", folders=UNIT_FOLDERS),
    Suite("apps", "lines", programs=("tests/apps/run_*.py",)),
    Suite("examples", "lines", programs=("tests/examples/run_*.py",)),
    Suite("patterns", "lines", programs=("tests/patterns/run_*.py",)),
    Suite("leaks", "lines", command=("tests/leaks/run_leaks.py", "--ctxtrace", "{tool}",
                                     "--lib", "{lib}")),
    Suite("leaks-compare", "lines", programs=("tests/leaks/test_*.py",)),
    Suite("hosts", "lines", programs=("tests/hosts/run_*.py", "tests/hosts/test_*.py"),
          timeout_s=900),
    Suite("hazards", "lines", programs=("tests/hazards/test_*.py", "tests/hazards/run_*.py")),
    Suite("bench", "lines", programs=("tests/bench/test_*.py",)),
    Suite("bench-clang", "lines", build="clang",
          command=("tests/bench/test_instructions.py", "--lib", "{lib}")),
    Suite("fuzz", "fuzz", build="asan", folders=("tests/fuzz",)),
)
