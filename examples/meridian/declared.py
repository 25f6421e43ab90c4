"""What was missed before some movements of Meridian, as `breaches.yaml` declares it.

Comes in: that file. Goes out: what was left undone for a person, and the incidents by which moves to
the same recipient were paused until somebody had reviewed what happened.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml


class Declared:
    def __init__(self, file: Path) -> None:
        self.rows: list[dict[str, Any]] = yaml.safe_load(file.read_text("utf-8"))["breaches"]
        self._missed = {row["person"]: row["missed"] for row in self.rows}

    def missed(self, person: str) -> str:
        """What was left undone for this person, "" for everybody else."""
        return self._missed.get(person, "")

    def incidents(
        self, went: Mapping[str, str], number: Callable[[str, str], str]
    ) -> list[dict[str, Any]]:
        """The pause after each movement the office itself carried out, and its review."""
        found: list[dict[str, Any]] = []
        for row in self.rows:
            if row["missed"] == "nothing":
                continue
            left: dt.date = row["left"][0]
            ref = {"ref": number("incidents", "N"), "person": row["person"]}
            found.append(
                {**ref, "date": row["found"], "destination": went[row["person"]],
                 "severity": 1, "happened_on": left, "reviewed": False, "of_breach": True}
            )  # fmt: skip
            if "reviewed" in row:
                found.append({**ref, "date": row["reviewed"], "reviewed": True})
        return found
