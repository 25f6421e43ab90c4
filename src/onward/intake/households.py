"""Builds households from the lists' own groups and checks them; people repair what is wrong.

Why: consent, travel and best interests hang on who lives with whom, and lists say it with a
number in a column. In: staged rows. Out: households with their members and head, and findings:
what cannot be, what is unusual. Nothing is moved or corrected here.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from onward.intake.dates import PartialDate
from onward.intake.match import Suggestion
from onward.intake.names import compare_names
from onward.intake.stage import StagedRow
from onward.said import Said

# Below these gaps a stated parent and child are not impossible but need a look. A product choice.
YOUNGEST_PARENT_YEARS = 12
WIDEST_PARENT_YEARS = 60
ADULT_YEARS = 18
LARGE_HOUSEHOLD = 20


@dataclass(frozen=True)
class Household:
    """One household. members: row keys in the order of the list; head: a row key or None."""

    key: str
    members: tuple[str, ...]
    head: str | None


@dataclass(frozen=True)
class Finding:
    """Something about a household that a person must look at.

    household   its key
    rows        the rows concerned, as the user sees them
    kind        "two_heads", "no_head", "child_older_than_parent", "parent_too_young",
                "parent_too_old", "child_alone", "two_spouses", "in_two_households", "very_large",
                "same_person_twice"
    found       in a sentence, without names
    remedy      what to do
    impossible  True: it cannot be so; False: unusual
    """

    household: str
    rows: tuple[int, ...]
    kind: str
    found: str
    remedy: str
    impossible: bool


def build_households(rows: Iterable[StagedRow]) -> tuple[Household, ...]:
    """Households from the lists' own group column; rows without a group are in none."""
    members: dict[str, list[StagedRow]] = defaultdict(list)
    for row in rows:
        if row.household is not None:
            members[row.household].append(row)
    made = []
    for key, group in members.items():
        heads = [row.key for row in group if row.role == "head"]
        made.append(
            Household(
                key, tuple(row.key for row in group), heads[0] if len(heads) == 1 else None
            )
        )
    return tuple(sorted(made, key=lambda household: household.key))


def check_households(
    rows: Sequence[StagedRow],
    *,
    on: dt.date,
    suggestions: Iterable[Suggestion] = (),
    birth: str | None = None,
) -> tuple[Finding, ...]:
    """Everything in the households that a person must look at.

    rows         staged rows of one or several lists
    on           the day ages are counted on
    suggestions  from matching: the same person in two households is found through them
    birth        name of the birth date fact; None: the first fact whose name holds "birth"
    returns      findings, ordered by row; a range of possible births counts only where every
                 day in it would be wrong
    """
    by_household: dict[str, list[StagedRow]] = defaultdict(list)
    for row in rows:
        if row.household is not None:
            by_household[row.household].append(row)
    found: list[Finding] = []
    for key, group in by_household.items():
        found.extend(_check(key, group, on, birth))
    found.extend(_in_two(rows, suggestions))
    return tuple(sorted(found, key=lambda finding: (finding.rows, finding.kind)))


def _born(row: StagedRow, fact: str | None) -> PartialDate | None:
    for name, value in row.facts.items():
        if isinstance(value, PartialDate) and (name == fact if fact else "birth" in name):
            return value
    return None


def _years(day: dt.date, years: int) -> dt.date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _check(
    key: str, group: list[StagedRow], on: dt.date, birth: str | None
) -> Iterable[Finding]:
    heads = [row for row in group if row.role == "head"]
    if len(heads) > 1:
        yield Finding(
            key,
            tuple(row.row for row in heads),
            "two_heads",
            Said("%(a)s heads in one household", a=len(heads)),
            "Ask which of them is the focal point; the others get their relation to that person.",
            False,
        )
    if not heads and any(row.role for row in group):
        yield Finding(
            key,
            tuple(row.row for row in group),
            "no_head",
            "nobody is the head of the household",
            "Ask the household whom it names as its focal point.",
            False,
        )
    if len(group) > LARGE_HOUSEHOLD:
        yield Finding(
            key,
            tuple(row.row for row in group),
            "very_large",
            Said("%(a)s people in one household", a=len(group)),
            "Check that the group column is the household and not the block or the bus.",
            False,
        )
    yield from _same_twice(key, group, birth)
    if len(heads) == 1:
        yield from _relations(key, heads[0], group, birth)
    births = [_born(row, birth) for row in group]
    if all(b is not None and b.earliest > _years(on, -ADULT_YEARS) for b in births):
        yield Finding(
            key,
            tuple(row.row for row in group),
            "child_alone",
            "only children in the household",
            "Check at once: unaccompanied or separated children need a best interests procedure.",
            False,
        )


def _relations(
    key: str, head: StagedRow, group: list[StagedRow], birth: str | None
) -> Iterable[Finding]:
    """Ages of stated parents and children of the head."""
    head_born = _born(head, birth)
    if head_born is None:
        return
    for row in group:
        born = _born(row, birth)
        if born is None or row.role not in ("child", "parent"):
            continue
        parent, child = (head_born, born) if row.role == "child" else (born, head_born)
        rows = (head.row, row.row)
        if child.latest <= parent.earliest:
            yield Finding(
                key, rows, "child_older_than_parent", "a child born before the parent",
                "Check both birth dates and the relation.", True,
            )  # fmt: skip
        elif child.latest < _years(parent.earliest, YOUNGEST_PARENT_YEARS):
            yield Finding(
                key, rows, "parent_too_young",
                Said("a parent less than %(a)s years older than the child", a=YOUNGEST_PARENT_YEARS),
                "Check both birth dates and the relation.", False,
            )  # fmt: skip
        elif child.earliest > _years(parent.latest, WIDEST_PARENT_YEARS):
            yield Finding(
                key, rows, "parent_too_old",
                Said("a parent more than %(a)s years older than the child", a=WIDEST_PARENT_YEARS),
                "Check both birth dates: this may be a grandchild.", False,
            )  # fmt: skip


def _same_twice(key: str, group: list[StagedRow], birth: str | None) -> Iterable[Finding]:
    """The same name and birth twice in one household: a doubled row, or twins with one name."""
    if len(group) > LARGE_HOUSEHOLD:
        return
    for i, a in enumerate(group):
        for b in group[i + 1 :]:
            names = [name.text for name in a.identity.names if name.part in ("full", "given")]
            others = [name.text for name in b.identity.names if name.part in ("full", "given")]
            born_a, born_b = _born(a, birth), _born(b, birth)
            if born_a is None or born_b is None or born_a.earliest > born_b.latest:
                continue
            if born_b.earliest > born_a.latest:
                continue
            if any(compare_names(x, y).agrees for x in names for y in others):
                yield Finding(
                    key, (a.row, b.row), "same_person_twice",
                    "two members with the same name and birth",
                    "Ask whether they are one person written twice.", False,
                )  # fmt: skip


def _in_two(rows: Sequence[StagedRow], suggestions: Iterable[Suggestion]) -> Iterable[Finding]:
    by_key: Mapping[str, StagedRow] = {row.key: row for row in rows}
    for suggestion in suggestions:
        a, b = by_key.get(suggestion.first), by_key.get(suggestion.second)
        if a is None or b is None or a.household is None or b.household is None:
            continue
        if a.household != b.household and suggestion.probability >= 0.5:
            yield Finding(
                a.household, tuple(sorted((a.row, b.row))), "in_two_households",
                "someone who may be one person stands in two households",
                "Decide first whether they are one person, then in which household they live.",
                False,
            )  # fmt: skip
