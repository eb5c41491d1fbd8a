# SPDX-License-Identifier: MIT
"""Every known hazard has a test or a reason why not.

tests/hazards/ids.txt lists the ids, "ID must|may title" a line. A test names the ids
that it covers in a comment: the word hazard, a colon, ids with commas. An id without a
test needs a line "ID: why" in tests/hazards/not_tested.txt. Fails for an id with
neither, for a reason that is stale (the id has a test), and for ids that nobody knows.
`--stubs` prints the lines that not_tested.txt lacks, to be given reasons.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "hazards"
MARKER = re.compile(r"(?:hazards?:|hazards\.md) ((?:[A-F0]\.?\d+)(?:, *(?:[A-F0]\.?\d+))*)")
FOLDERS = ("tests", "scripts")  # where tests live
SUFFIXES = {".c", ".h", ".py", ".sh", ".cpp", ".cc", ".S"}


def read_ids():
    """{id: (must, title)} in the order of the file."""
    ids = {}
    for line in (FOLDER / "ids.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, weight, title = line.split(maxsplit=2)
            ids[name] = (weight == "must", title)
    return ids


def read_reasons():
    """{id: why} of the hazards that have no test."""
    reasons = {}
    for line in (FOLDER / "not_tested.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, why = line.partition(": ")
            reasons[name] = why.strip()
    return reasons


def find_tests():
    """{id: set of files that name it}."""
    found = {}
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*")):
        if path.suffix not in SUFFIXES or not path.is_file():
            continue
        for match in MARKER.finditer(path.read_text(encoding="utf-8", errors="replace")):
            for name in re.split(r", *", match.group(1)):
                found.setdefault(name, set()).add(path.relative_to(ROOT).as_posix())
    return found


def list_complaints(ids, reasons, tests):
    for name in ids:
        if name in tests and name in reasons:
            yield f"{name}: tested by {sorted(tests[name])[0]}, yet in not_tested.txt"
        if name not in tests and not reasons.get(name):
            yield f"{name}: neither a test nor a reason ({ids[name][1]})"
    for name in tests:
        if name not in ids:
            yield f"{name}: named by {sorted(tests[name])[0]}, but no such hazard is known"
    for name in reasons:
        if name not in ids:
            yield f"{name}: in not_tested.txt, but no such hazard is known"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stubs", action="store_true")
    options = parser.parse_args()
    ids, reasons, tests = read_ids(), read_reasons(), find_tests()
    if options.stubs:
        for name, (_, title) in ids.items():
            if name not in tests and name not in reasons:
                print(f"{name}: not yet: {title}")
        return 0
    complaints = list(list_complaints(ids, reasons, tests))
    for sentence in complaints:
        print(sentence)
    must = [name for name, (required, _) in ids.items() if required]
    tested = sum(1 for name in must if name in tests)
    print(f"{tested} of {len(must)} hazards that need a test have one")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
