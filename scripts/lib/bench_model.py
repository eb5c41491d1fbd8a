# SPDX-License-Identifier: MIT
"""The words of the bench: contestants are measured by benches, a bench fills rows.

A bench is run once a round for each contestant in turn, and each run gives one
sample for each of its rows. A row knows its targets; whether they are met is
decided over the paired samples (bench_table.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

NATIVE = "native"
CONTROL = "native again"
NULL = "null interposer"
TRACKER = "ctxtrace"
FULL = "ctxtrace, all families"
SAMPLED = "ctxtrace sampled"
OFF = "ctxtrace off=1"


class Unmeasured(Exception):
    """A contestant gave no figure, and why; where it `breaks` the program, the bench fails."""

    def __init__(self, why, breaks=False):
        super().__init__(why)
        self.breaks = breaks


@dataclass(frozen=True)
class Contestant:
    name: str
    prefix: tuple = ()
    environment: dict = field(default_factory=dict)
    scale: float = 1.0  # share of the operations, for what takes very long
    workload: str = ""  # a build of the workload of its own
    micro: bool = True
    programs: bool = True
    heavy: bool = False  # real programs take so long that they run once
    talks: bool = False  # writes lines of its own among the program's
    sees: tuple = ("memory",)  # rows of other kinds say that it does not see them

    @property
    def is_tracker(self):
        return self.name.startswith(TRACKER)


@dataclass(frozen=True)
class Target:
    who: str
    limit: float
    on: str = "ratio"  # to native; or its value, or what it adds to native
    at_least: bool = False
    like: str = ""  # the limit is this contestant's figure, and `limit` the allowance on it


@dataclass(frozen=True)
class Row:
    key: str
    label: str
    unit: str
    targets: tuple = ()
    shows: str = "ratio"  # what the table compares: ratio, added, value
    kind: str = "memory"  # what a tool must see to be a rival here


@dataclass(frozen=True)
class Bench:
    rows: tuple
    sample: Callable  # contestant -> list of figures, one for each row; raises Unmeasured
    contestants: tuple
    rounds: int = 0  # at most, where the figures vary little
    heavy_once: bool = False  # contestants that are heavy have one round
