# SPDX-License-Identifier: MIT
"""What scripts/compare found, as a Markdown table: a row for each folder of tests/leaks, a
column for each tool, and in README.md between its two marks."""

from collections import defaultdict
from dataclasses import dataclass, field

BEGIN = "<!-- comparison: made by scripts/compare --write -->"
END = "<!-- end of comparison -->"

# What each folder is about, for a reader who has not seen it.
GROUPS = {
    "lost": "plain leaks: lists, rings, realloc, epoll data",
    "stale": "a stale pointer is left: dead frames, ended threads",
    "unwound": "longjmp, cancelled threads, exit handlers, coroutines",
    "cxx": "C++: exceptions, release(), closures, containers",
    "libc": "what libc made for the caller to free",
    "services": "servers, pools, caches, error paths",
    "endings": "other ways to end: faults, signals, _exit, exec, plugins",
    "descriptors": "descriptors, streams, folders",
    "tasks": "threads, children, timers",
    "reported": "reduced from public bug reports",
    "reachable": "no leak: tagged, interior, kernel-held pointers",
    "silent": "no leak: what libc and libstdc++ keep",
}


@dataclass
class Score:
    """How often a tool was right about a group of programs."""

    found: int = 0
    partly: int = 0  # of these, with too low a count
    false: int = 0
    seconds: float = 0.0
    lines: list = field(default_factory=list)  # what it missed or made up, for --details


@dataclass
class Scores:
    """Of all tools, by group; `expected` by group."""

    tools: list
    expected: dict = field(default_factory=lambda: defaultdict(int))
    runs: int = 0
    by_group: dict = field(default_factory=lambda: defaultdict(Score))  # (group, tool)

    def total(self, tool):
        rows = [score for (_, name), score in self.by_group.items() if name == tool]
        return Score(sum(score.found for score in rows), sum(score.partly for score in rows),
                     sum(score.false for score in rows), sum(score.seconds for score in rows))


def add_program(scores, tool, program, outcomes):
    """`outcomes`: (outcome of the leaky one, outcome of the twin) of each run."""
    score = scores.by_group[program.group, tool.name]
    for leaky, twin in outcomes:
        for expectation in program.expectations:
            told = [record.count for record in leaky.records
                    if tool.tells(record, expectation)]
            score.found += bool(told)
            if not told:
                score.lines.append(f"{program.name}: missed {expectation} {leaky.failed}")
            elif sum(told) < (expectation.count or 0) and not expectation.whole:
                score.partly += 1
                score.lines.append(f"{program.name}: {sum(told)} only of {expectation}")
        wrong = twin.records + (leaky.records if program.is_silent else [])
        score.false += len(wrong)
        score.seconds += leaky.seconds
        score.lines += [f"{program.name}: false {record.kind} x{record.count} at "
                        f"{' < '.join(map(str, record.stack[:6]))}" for record in wrong]


def format_cell(score, expected):
    words = [f"{score.found} of {expected}"] if expected else []
    if score.partly:
        words.append(f"{score.partly} in part")
    if score.false:
        words.append(f"{score.false} false")
    return ", ".join(words) or "none false"


def make_table(scores, chosen):
    """`chosen`: every column, in order; a tool that was not run has dashes."""
    lines = ["| programs | " + " | ".join(chosen) + " |", "|---" * (len(chosen) + 1) + "|"]
    for group, about in GROUPS.items():
        if group not in scores.expected:
            continue
        cells = [format_cell(scores.by_group[group, tool], scores.expected[group])
                 if tool in scores.tools else "" for tool in chosen]
        lines.append(f"| `{group}`: {about} | " + " | ".join(cells) + " |")
    total = sum(scores.expected.values())
    cells = [format_cell(scores.total(tool), total) if tool in scores.tools else ""
             for tool in chosen]
    lines.append("| **all** | " + " | ".join(f"**{cell}**" if cell else "" for cell in cells)
                 + " |")
    cells = [f"{scores.total(tool).seconds:.0f} s" if tool in scores.tools else ""
             for tool in chosen]
    lines.append(f"| time of the {scores.runs} runs | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_readme(path, table):
    """Whether the two marks were there to put it between."""
    text = path.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        return False
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    path.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")
    return True
