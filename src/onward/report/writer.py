"""What every section writes with: the protected ledger, and the cells and tables made from it.

Comes in: the material and an audience. Goes out: figures, shares and tables in which every
number has passed the disclosure rules. A section is a function that takes a writer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from onward.forecast.telling.wording import remark, titles
from onward.report.counted import Counted
from onward.report.disclosure import RULES, TOTAL, Audience, rounded
from onward.report.indicators.record import Record
from onward.report.ledger import Ledger
from onward.report.material import Material
from onward.report.model import Cell, Table, count, share, words
from onward.report.offers import Offers, discreet

HIDDEN_NOTE: Mapping[Audience, str] = {
    "internal": "… stands for fewer than 5, or for a count hidden to protect one.",
    "external": "Rounded to 5; … stands for 10 or fewer, or for a count hidden to protect one.",
}


class Writer:
    """Asked by the sections of one report.

    material  what comes in, sensitive work by no name; record and reading: the same as columns,
              and the rulebook's words
    offers    which pledges this audience may know of
    counted   what was counted, to name the tables by; figures are asked of the ledger alone
    people    how many are here; None when that is hidden
    """

    def __init__(self, material: Material, audience: Audience) -> None:
        self.offers = Offers(material.plan, audience, work=True)
        if material.plan is not None:
            material = replace(material, plan=discreet(material.plan))
        self.material, self.audience = material, audience
        self.internal = audience == "internal"
        self.rule = RULES[audience]
        self.on = material.caseload.as_of
        self.rulebook = material.caseload.rulebook
        self.record = Record(material.caseload, material.spells, material.engine)
        self.reading = self.record.reading
        self.counted = Counted(material, self.record, self.offers, audience)
        self.ledger = Ledger(self.counted.tables, audience, material.frozen)
        self.people = self.ledger.value("pipeline")

    def cell(self, name: str, *key: str) -> Cell:
        """One count of the ledger, or of a whole table without a key; – where not recorded."""
        return count(self.ledger.value(name, *key)) if name in self.ledger else words("–")

    def ratio(self, part: tuple[str, ...], whole: tuple[str, ...]) -> Cell:
        """A share of two shown figures; hidden when either is."""
        if part[0] not in self.ledger or whole[0] not in self.ledger:
            return words("–")
        above, below = self.ledger.value(*part), self.ledger.value(*whole)
        if above is None or below is None:
            return words("…")
        return share(min(above / below, 1.0) if below else None)

    def crosstab(self, name: str, title: str, *, head: str, note: str = "", indicator: str = "",
                 labels: Mapping[str, str] | None = None, hxl: Sequence[str] = ()) -> Table:  # fmt: skip
        """A protected table with its margins."""
        shown, named = self.ledger.table(name), labels or {}
        dims = shown.counts.labels
        rows: list[list[Cell]] = []
        if len(dims) == 1:
            columns = [head, "People"]
            for label in (*dims[0], TOTAL):
                rows.append(
                    [words("All" if label == TOTAL else named.get(label, label)),
                     count(shown.shown[(label,)])]
                )  # fmt: skip
        else:
            columns = [head, *(named.get(label, label) for label in dims[1]), "All"]
            for label in (*dims[0], TOTAL):
                first = words("All" if label == TOTAL else named.get(label, label))
                rows.append(
                    [
                        first,
                        *(count(shown.shown[(label, other)]) for other in (*dims[1], TOTAL)),
                    ]
                )
        hidden = any(value is None for value in shown.shown.values())
        note = " ".join(
            p for p in (note, self.note if hidden or not self.internal else "") if p
        )
        return Table(name, title, columns, rows, self.on, note, hxl, indicator or name)

    @property
    def note(self) -> str:
        return HIDDEN_NOTE[self.audience]

    def measures(self, name: str, title: str, rows: Sequence[tuple[str, Cell]], indicator: str, note: str = "") -> Table:  # fmt: skip
        """A table of measure and value."""
        return Table(name, title, ["Measure", "Value"], [[words(a), b] for a, b in rows], self.on,
                     f"{note} {self.note}".strip(), (), indicator)  # fmt: skip

    def expected(self, value: float) -> str:
        """A forecast figure, rounded to what it can carry."""
        return f"{rounded(value, 5 if value < 100 and self.internal else 10):,}"

    def country(self, code: str) -> str:
        """What the plan calls a country; the code where it has no name for it."""
        plan = self.material.plan
        names = plan.country_names.get(code) if plan is not None else None
        return names[0] if names else code

    def whose(self, owner: str) -> str:
        """Whose job something is: a State by its name, everybody else as written."""
        return self.country(owner) if re.fullmatch("[A-Z]{3}", owner) else owner

    def safeguard(self, finding: str) -> str:
        """The safeguard behind a finding, as the table of what holds people back names it."""
        guard = self.rulebook.safeguards.get(finding.partition(".")[0])
        return f"{guard.name} {guard.title}" if guard is not None else finding

    def remark(self, text: str) -> str:
        """A remark of the forecast in the titles of the plan and the rulebook, without their keys."""
        return remark(text, self.rulebook, self._titles)

    @cached_property
    def _titles(self) -> Mapping[str, str]:
        return titles(self.rulebook, self.material.plan)

    def step(self, name: str) -> str:
        """What a step on the way is called."""
        state = self.rulebook.forecast_states.get(name)
        return state.title if state else name.capitalize()
