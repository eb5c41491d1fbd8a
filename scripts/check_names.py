# SPDX-License-Identifier: MIT
"""Compares what libctxtrace.so exports with the list of names that it must hook.

    check_names.py LIBRARY

hazard: A8. Prints "ok FAMILY" or "FAILED FAMILY: missing ...": a name in the list and
in libc that the library does not export is a hole. An exported name that libc does
not know would take over some other library's function: it fails too.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMES = ROOT / "tests" / "hazards" / "names.txt"
OWN_PREFIXES = ("ctxtrace_",)


def read_families():
    """{family: [name]} of the list."""
    families = {}
    for line in NAMES.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            family, _, names = line.partition(":")
            families.setdefault(family, []).extend(names.split())
    return families


def list_symbols(library):
    """Names of the functions that a shared object defines for others."""
    listing = subprocess.run(["nm", "-D", "--defined-only", library], check=True,
                             capture_output=True, text=True).stdout
    return {match[1] for match in re.finditer(r" [TWiu] ([\w.]+)", listing)}


def find_libc(library):
    listing = subprocess.run(["ldd", library], check=True, capture_output=True, text=True).stdout
    return re.search(r"libc\.so\.6 => (\S+)", listing)[1]


def main():
    if len(sys.argv) != 2 or not Path(sys.argv[1]).exists():
        print("skipped names: no library" + "".join(f" at {path}" for path in sys.argv[1:]))
        return 0
    ours, libc = list_symbols(sys.argv[1]), list_symbols(find_libc(sys.argv[1]))
    failures = 0
    for family, names in read_families().items():
        missing = [name for name in names if name in libc and name not in ours]
        failures += bool(missing)
        print(f"FAILED {family}: missing {' '.join(missing)}" if missing else f"ok {family}")
    strangers = sorted(name for name in ours - libc if not name.startswith(OWN_PREFIXES))
    failures += bool(strangers)
    print(f"FAILED strangers: {' '.join(strangers)}" if strangers else "ok strangers")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
