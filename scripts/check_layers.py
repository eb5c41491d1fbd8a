# SPDX-License-Identifier: MIT
"""Keeps the layering true: includes point downward only.

ground <- facts <- books <- {hooks, outlets} <- {config, fork, main}; hooks and outlets
never include each other; report/ includes of preload/ the formats alone; the top
level holds exactly what the layout allows. Exits 1 and names each violation.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

TOP_LEVEL = {"preload", "report", "scripts", "tests", "meson.build", "meson.options",
             "meson_options.txt", "README.md", "LICENSE", ".ci"}

# The seams between tracker and command, and tracker and program: everybody may include them.
SEAM = {"preload/format.h", "preload/state.h", "preload/ctx/ctxtrace_annotate.h",
        "preload/ctx/attach.h"}

# Layer -> the layers whose headers it may include (itself always).
MAY_INCLUDE = {
    "ground": set(),
    "facts": {"ground"},
    "books": {"ground", "facts"},
    "hooks": {"ground", "facts", "books"},
    "outlets": {"ground", "facts", "books"},
    "ctx": set(),
    "main": {"ground", "facts", "books", "hooks", "outlets"},
    "report": set(),
}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def layer_of(path):
    """The layer of a file, None where no rule applies (tests)."""
    parts = path.parts
    if parts[0] == "report":
        return "report"
    if parts[0] != "preload":
        return None
    return parts[1] if len(parts) > 2 else "main"


def resolve(source, name):
    """The project file that an #include names, or None for a system header."""
    for folder in (source.parent, Path("."), Path("preload"), Path("report")):
        candidate = (ROOT / folder / name).resolve()
        if candidate.is_file() and candidate.is_relative_to(ROOT):
            return candidate.relative_to(ROOT)
    return None


def judge_include(source, name):
    """A sentence when this include is not allowed, else None."""
    target = resolve(source, name)
    if target is None or target.as_posix() in SEAM:
        return None
    mine, theirs = layer_of(source), layer_of(target)
    if mine not in MAY_INCLUDE:
        return f"{source}: no layer is called {mine}"
    if theirs == mine or theirs in MAY_INCLUDE[mine]:
        return None
    return f"{source}: {mine} includes {target} ({theirs or 'no layer'}): not downward"


def tracked_files():
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True,
                             capture_output=True, text=True).stdout
    return [Path(line) for line in listing.splitlines()]


def list_violations(files):
    for top in sorted({path.parts[0] for path in files} - TOP_LEVEL):
        if not top.startswith("."):
            yield f"{top}: not in the layout's top level"
    for path in files:
        if path.suffix not in (".c", ".h", ".hpp", ".S") or not (ROOT / path).exists():
            continue
        if layer_of(path) is None:
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        for name in INCLUDE.findall(text):
            sentence = judge_include(path, name)
            if sentence:
                yield sentence


def main():
    violations = list(list_violations(tracked_files()))
    for sentence in violations:
        print(sentence)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
