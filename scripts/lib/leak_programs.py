# SPDX-License-Identifier: MIT
"""The programs of tests/leaks and what each of them is to be told of.

Lines of a source's first comment, behind its " * ":

  expect: nothing
  expect: DETECTOR KIND COUNT "INNER < OUTER < main" [bytes=N] [parts=N] [severity=WORD]
          [by=DETECTOR] [whole]
  run: [ARGUMENT...] [ends=TRIGGER] [options=WORDS]
  seen: OWNER/REPOSITORY#NUMBER what was reported there

The functions are on the acquisition stack in this order, with others between them or not.
COUNT, bytes= and parts= (blocks reached only through the lost ones) are exact, or "any".
`whole`: a ring, of which one block or each may stand for all, so that the lost blocks and
their parts are counted together. by=: it takes another detector's knowledge to say so.
Lines that begin with another tool's name, "lsan:" or "valgrind:", say where it answered
otherwise when the program was written: gcc 12, valgrind 3.19; they are for readers.
Without a run: line the program is run once, without arguments, and ends by "exit".
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "leaks"
LINE = re.compile(r"^ \* (expect|run|seen): ?(.*)$", re.MULTILINE)
EXPECT = re.compile(r'^(\S+) (\S+) (\d+|any) "([^"]+)"((?: \S+)*)$')
SEEN = re.compile(r"^([\w.-]+/[\w.-]+)#(\d+) \S")
NOT_PROGRAMS = ("*_library.c",)


class BadHeader(Exception):
    pass


@dataclass(frozen=True)
class Expectation:
    """One finding; a number that is None is not looked at."""

    detector: str
    kind: str
    count: int | None
    functions: tuple
    size: int | None = None
    parts: int | None = 0
    severity: str = ""
    needs: str = ""
    whole: bool = False

    def __str__(self):
        count = "any" if self.count is None else self.count
        return f'{self.detector} {self.kind} {count} "{" < ".join(self.functions)}"'

    def rests_on(self, detectors):
        return self.detector in detectors or self.needs in detectors


@dataclass(frozen=True)
class Run:
    """One way to start the program, and the trigger of the dump that it ends with."""

    arguments: tuple = ()
    ends: str = "exit"
    options: str = ""


@dataclass(frozen=True)
class Program:
    group: str
    source: Path
    expectations: tuple
    runs: tuple
    seen: tuple

    @property
    def name(self):
        return f"{self.group}-{self.source.stem}"

    @property
    def is_silent(self):
        return not self.expectations


def number(text):
    return None if text == "any" else int(text)


def read_options(words, known):
    """{key: value} of "key=value" words; a word alone is its own value."""
    values = {}
    for word in words:
        key, _, value = word.partition("=")
        if key not in known:
            raise BadHeader(f"unknown word {word!r}")
        values[key] = value or key
    return values


def read_expectation(text):
    match = EXPECT.match(text)
    if not match:
        raise BadHeader(f"not an expectation: {text!r}")
    detector, kind, count, stack, rest = match.groups()
    words = read_options(rest.split(), ("bytes", "parts", "severity", "by", "whole"))
    return Expectation(detector, kind, number(count), tuple(stack.split(" < ")),
                       size=number(words.get("bytes", "any")),
                       parts=number(words.get("parts", "any" if kind != "memory" else "0")),
                       severity=words.get("severity", ""), needs=words.get("by", ""),
                       whole="whole" in words)


def read_run(text):
    words = shlex.split(text)
    special = [word for word in words if word.startswith(("ends=", "options="))]
    values = read_options(special, ("ends", "options"))
    return Run(tuple(word for word in words if word not in special),
               values.get("ends", "exit"), values.get("options", ""))


def read_program(source):
    head = source.read_text(encoding="utf-8").split("*/\n#", 1)[0]
    lines = LINE.findall(head)
    expected = [text for key, text in lines if key == "expect"]
    seen = [text for key, text in lines if key == "seen"]
    if not expected or ("nothing" in expected and len(expected) > 1):
        raise BadHeader("it expects nothing in particular")
    for text in seen:
        if not SEEN.match(text):
            raise BadHeader(f"not a report: {text!r}")
    return Program(source.parent.name, source,
                   tuple(read_expectation(text) for text in expected if text != "nothing"),
                   tuple(read_run(text) for key, text in lines if key == "run") or (Run(),),
                   tuple(seen))


def list_programs(folder=FOLDER):
    """All of them, in the order of their names."""
    sources = sorted([*folder.glob("*/*.c"), *folder.glob("*/*.cpp")])
    programs = []
    for source in sources:
        if any(source.match(glob) for glob in NOT_PROGRAMS):
            continue
        try:
            programs.append(read_program(source))
        except BadHeader as error:
            raise BadHeader(f"{source.relative_to(folder)}: {error}") from error
    return programs


def bare_name(function):
    """A function's name as the source has it: tools add versions, arguments, namespaces."""
    name = re.sub(r"@.*|\(anonymous namespace\)", "", function or "?")
    while (shorter := re.sub(r"<[^<>]*>", "", name)) != name:
        name = shorter
    name = re.sub(r"[(\[].*", "", name).strip().rsplit(" ", 1)[-1]
    return name.rsplit("::", 1)[-1].split(".", 1)[0]


def is_on_stack(functions, stack):
    """Whether the stack (innermost first) has these functions in this order."""
    frames = iter(bare_name(frame) for frame in stack)
    return all(any(frame == function for frame in frames) for function in functions)
