"""The stages of one fold as text, in the order they run, and what they read.

Exists so that what `--explain` prints is what every engine runs. Goes in: a rulebook and a moment.
Comes out: the chain from corrections to tables (`FoldPlan`), in its parts and as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from onward.caseload.heard import scope_stages
from onward.caseload.latest import latest_stages
from onward.caseload.model import EventTables
from onward.caseload.moment import Moment
from onward.caseload.readable import notice_stages, readable_stages, there_stages
from onward.caseload.units import unit_stages
from onward.engine import Stage
from onward.rulebook.model import Rulebook


class FoldPlan:
    """The stages of one fold, as text: what `--explain` prints and every engine runs."""

    def __init__(self, rulebook: Rulebook, moment: Moment) -> None:
        self.rulebook = rulebook
        self.moment = moment
        self.scope = scope_stages(moment)
        self.latest = {
            kind.name: latest_stages(kind, rulebook, moment) for kind in rulebook.kinds.values()
        }
        self.there = there_stages(rulebook)
        self.units = unit_stages(rulebook, moment.as_of)
        self.readable = {
            kind.name: readable_stages(kind, rulebook, moment)
            for kind in rulebook.kinds.values()
        }
        self.notices = notice_stages(moment)

    def all_stages(self, kinds: Sequence[str] | None = None) -> list[Stage]:
        """Every stage in the order it runs; of some kinds alone, where `<kind>_there` of the
        others is an input."""
        chosen = self.rulebook.kinds if kinds is None else kinds
        stages = [
            *self.scope,
            Stage(
                "person_moved",
                "SELECT e.* FROM person_events AS e "
                "INNER JOIN merged AS m ON m.subject = e.subject",
                "The events of merged records, which count for the person merged into.",
                keep=True,
            ),
        ]
        for name in chosen:
            stages += self.latest[name]
        there = {f"{name}_there" for name in chosen}
        stages += [stage for stage in self.there if stage.name in there]
        stages += self.units
        for name in chosen:
            why = "All of them here; in a large operation, one part at a time."
            stages.append(Stage(f"{name}_batch", f"SELECT * FROM {name}_there", why))
            stages += self.readable[name]
        return stages + list(self.notices)

    @property
    def outputs(self) -> list[str]:
        """The stages whose tables make the caseload."""
        return self.outputs_of(list(self.rulebook.kinds))

    def outputs_of(self, kinds: Sequence[str]) -> list[str]:
        return [*kinds, "unit", "breach", "override"]

    def inputs(
        self, events: EventTables, kinds: Sequence[str] | None = None
    ) -> dict[str, pa.Table]:
        """Everything the stages read when they run over the whole log at once."""
        tables = {**self.scope_inputs(events), **self.word_inputs(events)}
        for name in events.facts if kinds is None else kinds:
            tables[f"{name}_events"] = events.facts[name]
            tables[f"{name}_ids"] = events.ids[name]
        return {**tables, "breaches": events.breaches, "overrides": events.overrides}

    def scope_inputs(self, events: EventTables) -> dict[str, pa.Table]:
        return {"corrections": events.corrections, "merges": events.merges}

    def word_inputs(self, events: EventTables) -> dict[str, pa.Table]:
        return {"words": events.words}
