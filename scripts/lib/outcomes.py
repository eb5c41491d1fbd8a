# SPDX-License-Identifier: MIT
"""Reads what test programs say and counts it.

Three voices are understood: lines ("ok NAME", "FAILED NAME: why", "skipped NAME: why"),
cmocka ("[       OK ] name") and TAP ("ok 1 - name", "not ok 1", "# SKIP why"). A
program that says nothing of the kind counts as one test, by its exit status.
"""

import re
from dataclasses import dataclass

LINE_OK = re.compile(r"^ok (?!\d)(\S.*)")
LINE_SKIPPED = re.compile(r"^skipped (\S+?):? (.*)")
LINE_FAILED = re.compile(r"^FAILED (.*)")
CMOCKA = re.compile(r"^\[\s+(OK|FAILED|SKIPPED|ERROR)\s+\] (\w+)\s*$")
TAP = re.compile(r"^(not )?ok (\d+)(?: - )?(.*)")


@dataclass
class Outcome:
    name: str
    result: str  # passed, failed, skipped
    why: str = ""


def read_lines(text):
    for line in text.splitlines():
        if match := LINE_OK.match(line):
            yield Outcome(match[1], "passed")
        elif match := LINE_SKIPPED.match(line):
            yield Outcome(match[1], "skipped", match[2])
        elif match := LINE_FAILED.match(line):
            name, _, why = match[1].partition(": ")
            yield Outcome(name, "failed", why)


def read_cmocka(text):
    results = {"OK": "passed", "FAILED": "failed", "ERROR": "failed", "SKIPPED": "skipped"}
    seen = {}
    for line in text.splitlines():
        if match := CMOCKA.match(line):
            # cmocka repeats failed and skipped names in its closing summary.
            seen[match[2]] = Outcome(match[2], results[match[1]], "see the output")
    return seen.values()


def read_tap(text):
    for line in text.splitlines():
        match = TAP.match(line)
        if not match:
            continue
        name, _, directive = match[3].partition(" # ")
        if directive.upper().startswith("SKIP"):
            yield Outcome(name or match[2], "skipped", directive[len("SKIP"):].strip())
        else:
            yield Outcome(name or match[2], "failed" if match[1] else "passed")


def read_output(program, status, text):
    """The outcomes of one program that ended with `status` after printing `text`."""
    outcomes = []
    for reader in (read_cmocka, read_tap, read_lines):
        outcomes = list(reader(text))
        if outcomes:
            break
    for outcome in outcomes:
        outcome.name = f"{program}:{outcome.name}"
    if not outcomes:
        return [Outcome(program, "passed" if status == 0 else "failed", f"status {status}")]
    if status != 0 and not any(outcome.result == "failed" for outcome in outcomes):
        outcomes.append(Outcome(program, "failed", f"status {status} with no test failed"))
    return outcomes


def read_meson_entry(entry):
    """The outcomes of one line of meson's testlog.json."""
    name = entry["name"].rpartition(" / ")[2]
    text = entry.get("stdout", "") + "\n" + entry.get("stderr", "")
    if entry["result"] == "SKIP":
        lines = text.strip().splitlines()
        return [Outcome(name, "skipped", lines[-1] if lines else "no reason given")]
    good = entry["result"] in ("OK", "EXPECTEDFAIL")
    if entry["result"] == "TIMEOUT":
        return [Outcome(name, "failed", "timed out")]
    return read_output(name, 0 if good else entry.get("returncode", 1) or 1, text)
