"""What a reader meets first: the headline, the summary, the decisions needed and what changed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from onward.plan.draws import milestone_chances
from onward.report.disclosure import TOTAL, Key
from onward.report.model import Cell, Points, Section, Table, Text, count, words
from onward.report.phrases import between, day_text, lower_first
from onward.report.writer import Writer


def headline(w: Writer) -> str:
    if not w.record.n or not w.record.active.any():
        nobody = (
            "Nobody is on record yet" if not w.record.n else "Nobody on record is still here"
        )
        return f"{nobody} on {day_text(w.on)}."
    people = "Few" if w.people is None else f"{w.people:,}"
    text = f"{people} {'person is' if people == '1' else 'people are'} here"
    if _past_the_record(w) and w.material.record_ends is not None:
        one = "person was" if people == "1" else "people were"
        text = (
            f"{people} {one} here when the record ended on {day_text(w.material.record_ends)}"
        )
    if w.material.deadline is not None:
        days = (w.material.deadline - w.on).days
        text += (
            f", with {days:,} days until {day_text(w.material.deadline)}"
            if days > 0 and not _past_the_record(w)
            else f"; from {day_text(w.on)} there are {days:,} days until {day_text(w.material.deadline)}"
            if days > 0
            else f"; the deadline was {day_text(w.material.deadline)}"
        )
    if w.material.forecast is not None:
        levels = w.material.forecast.deadline_levels()
        low, high = (w.expected(levels[name]) for name in ("q10", "q90"))
        text += (
            f". Under the plan as it stands, {between(low, high)} of them will probably "
            "still be here then (8 futures in 10)"
        )
    return text + "."


def summary(w: Writer) -> list[str]:
    lines = [beyond(w.on, w.material.record_ends)] if _past_the_record(w) else []
    if w.material.steps is not None and w.record.active.any():
        line = f"{w.ledger.say('next step', 'held back')} people have no open next step."
        if w.counted.remedies:
            top = w.counted.remedies[0]
            shown = w.ledger.value(f"options {top.finding}")
            line += (
                f" What would open most lawful, voluntary options: {lower_first(top.remedy)} "
                f"({top.owner_role}{'' if shown is None else f'; {shown:,} options'})."
            )
        lines.append(
            line.replace("a number not shown of people", "A number of people not shown here")
        )
    late = _late(w)
    if late:
        chance = late[0].in_time or 0.0
        many = f"{len(late)} milestones are" if len(late) > 1 else "1 milestone is"
        lines.append(
            f"{many} more likely missed than met; first: {lower_first(late[0].title)} "
            f"({chance:.0%} by {day_text(late[0].by)})."
        )
    return lines


def beyond(on: dt.date, ends: dt.date | None) -> str:
    """What a reader must know first of a report for a day after the record's last."""
    if ends is None:
        return ""
    days = (on - ends).days
    return (
        f"The record ends on {day_text(ends)}. Of the {days} day{'' if days == 1 else 's'} from "
        f"then to {day_text(on)} nothing is known: people, places and follow-ups are as last "
        "recorded, and nothing here says that nothing happened."
    )


def _past_the_record(w: Writer) -> bool:
    return w.material.record_ends is not None and w.on > w.material.record_ends


def _late(w: Writer) -> list[Any]:
    if w.material.plan is None or w.material.draws is None or not w.internal:
        return []
    return [c for c in milestone_chances(w.material.plan, w.material.draws)
            if c.in_time is not None and c.in_time < 0.5 and c.kind == "milestone"]  # fmt: skip


def decisions(w: Writer) -> Section | None:
    """What somebody has to decide now, from the plan's clocks and the blocked steps."""
    if not w.internal:
        return None
    items: list[str] = []
    # People first: what touches somebody already is decided before dates and figures.
    if "complaints coercion" in w.ledger and w.ledger.value("complaints coercion", "yes") != 0:
        items.append(
            "Triage the coercion complaints that wait: no move they touch can go ahead."
        )
    if (
        "incidents reviewed" in w.ledger
        and w.ledger.value("incidents reviewed", "waiting") != 0
    ):
        items.append(
            "Review the incidents after departure that wait; until then the recipient's pending moves stay paused."
        )
    recent = w.ledger.value("breaches", "recent")
    if recent or recent is None:
        items.append("Review the movements recorded with a failed safeguard (see Breaches).")
    for x in w.counted.remedies[:3]:
        shown = w.ledger.value(f"options {x.finding}")
        many = "some" if shown is None else f"{shown:,}"
        items.append(
            f"{x.remedy} It would open {many} lawful, voluntary options ({x.owner_role})."
        )
    items += _late_dates(w)
    if w.counted.backlog is not None and not w.counted.backlog.agrees:
        items.append("Check the claims whose recorded beginning or end is missing.")
    if not items:
        return None
    return Section("decisions", "Decisions needed", [Points(items)])


def _late_dates(w: Writer) -> list[str]:
    """Dates more likely missed than met, by the work that holds them up most often."""
    if w.material.plan is None or w.material.draws is None:
        return []
    actions = w.material.plan.actions
    held_up: dict[str, list[str]] = {}
    for chance in milestone_chances(w.material.plan, w.material.draws):
        if chance.in_time is None or chance.in_time >= 0.5 or not chance.critical:
            continue
        action = actions.get(chance.critical[0][0])
        if action is not None and w.offers.quiet(action.title, chance.title):
            held_up.setdefault(action.id, []).append(
                f"{lower_first(chance.title)} ({chance.in_time:.0%} likely by {day_text(chance.by)})"
            )
    return [
        f"Decide on “{actions[id].title}” ({actions[id].owner}), which holds up: {'; '.join(dates)}."
        for id, dates in held_up.items()
    ]


def changed(w: Writer) -> Section | None:
    """What changed since the last report; internal only, from what both reports showed."""
    earlier = w.material.earlier
    if not w.rule.changes or not earlier or "tables" not in earlier:
        return None
    then = {
        name: {tuple(key): value for key, value in cells}
        for name, cells in earlier["tables"].items()
    }
    lines: list[tuple[str, str, Key]] = [("People here", "pipeline", (TOTAL,))]
    lines += [(w.reading.way(way), "whereabouts", (way,)) for way in w.reading.ways]
    lines += [(w.step(name), "pipeline", (name,)) for name in w.rulebook.forecast_states]
    lines += [("With no open next step", "next step", ("held back",)),
              ("No open pathway", "open pathway", ("none",)),
              ("Contacts overdue", "follow-ups", (TOTAL, "overdue")),
              ("Breaches on record", "breaches", (TOTAL,)),
              ("Coercion complaints waiting", "complaints coercion", ("yes",))]  # fmt: skip
    rows = []
    for label, name, key in lines:
        if name not in then or name not in w.ledger:
            continue
        was = then[name].get(key, 0 if len(key) == 1 else None)
        now = w.ledger.table(name).shown.get(key, 0)
        if was == now:
            continue
        change = None if was is None or now is None else now - was
        few = change is not None and abs(change) <= w.rule.hide_to
        rows.append(
            [words(label), count(None if few else was), count(now),
             words("…" if change is None else "fewer than 5") if few or change is None
             else Cell(f"{change:+,}", change)]
        )  # fmt: skip
    since = f"What changed since {day_text(dt.date.fromisoformat(earlier['as_of']))}"
    if not rows:
        return Section("changed", since, [Text("No figure that may be shown has changed.")])
    return Section(
        "changed", since,
        [Table("changes", "Figures that changed, then and now", ["What", "Then", "Now", "Change"], rows, w.on,
               "Inside the operation only. Worked out from what both reports showed. " + w.note)],
    )  # fmt: skip
