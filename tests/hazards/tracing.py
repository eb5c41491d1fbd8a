# SPDX-License-Identifier: MIT
"""What the hazard tests share: where the tracker is, and how a test ends early."""

import os
from dataclasses import dataclass
from pathlib import Path


class Mismatch(Exception):
    """The program behaved otherwise, or the tracker did not do its job."""


class Skip(Exception):
    """Something that the test needs is not here."""


@dataclass(frozen=True)
class Tracker:
    tool: Path
    library: Path

    @property
    def build(self):
        return self.library.parents[1]

    def app(self, name):
        return self.build / "tests" / "apps" / name

    def environment(self, options="", **more):
        """The caller's environment with the tracker in it."""
        ours = {"LD_PRELOAD": str(self.library), "CTXTRACE_TOOL": str(self.tool)}
        if options:
            ours["CTXTRACE_OPTIONS"] = options
        return {**os.environ, **ours, **more}
