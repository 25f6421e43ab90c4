"""After departure, families and complaints, and movements made although a safeguard was not met."""

from __future__ import annotations

from typing import Literal

from onward.caseload import contacts
from onward.report.disclosure import TOTAL
from onward.report.indicators import afterwards
from onward.report.indicators.definitions import PERIOD_DAYS
from onward.report.ledger import LEAST_BEHIND
from onward.report.model import Block, Cell, Section, Table, Text, count, share, words
from onward.report.writer import Writer


def after_departure(w: Writer) -> Section | None:
    if w.counted.contacts is None and "incidents" not in w.ledger:
        return None
    blocks: list[Block] = [
        Text("Silence is not safety: read incidents beside the contact rate.")
    ]
    name = "follow-ups"
    if w.counted.contacts is not None and any(w.counted.contacts.due.values.values()):
        shown = w.ledger.table(name)
        heads = [
            "Way",
            "Due",
            "Safe",
            "Concern",
            "Refused",
            "Answered later",
            "Tried, not reached",
            "Not yet done",
            "Overdue",
            "Contact rate",
        ]
        rows = []
        for way in (*shown.counts.labels[0], TOTAL):
            values = {state: shown.shown[way, state] for state in contacts.STANDINGS}
            due = shown.shown[way, TOTAL]
            safe, concern = (values[state] for state in contacts.REACHED)
            reached = (
                None
                if None in (safe, concern, due) or not due
                else ((safe or 0) + (concern or 0)) / due
            )
            late = values[contacts.OVERDUE]
            rows.append(
                [words("All" if way == TOTAL else w.reading.way(way)), count(due), count(safe),
                 count(concern),
                 *(count(values[state]) for state in (
                     contacts.REFUSED, contacts.FOUND_SINCE, contacts.TRIED, contacts.WAITING)),
                 count(late, "late" if late else ""),
                 words("…") if reached is None else share(min(reached, 1.0))]
            )  # fmt: skip
        calendar = "; ".join(
            f"{w.reading.way(way).lower()}: {rule.tolerance_days} days"
            for way, rule in w.rulebook.follow_up.items()
        )
        blocks.append(Table("follow-ups", "Contacts due so far, and what became of them", heads, rows, w.on,
                            f"Overdue after: {calendar}. {w.note}", (), "follow_ups"))  # fmt: skip
        blocks.append(Text(f"Due in the next 30 days: {w.cell('follow-ups soon').text}."))
    if "incidents" in w.ledger:
        seen = w.ledger.value("incidents")
        months = afterwards.person_months_observed(w.record)
        rate = words("…")
        if seen is not None and months >= LEAST_BEHIND[w.audience]:
            rate = Cell(f"{100 * seen / months:.1f}", round(100 * seen / months, 1))
        elif seen is not None:
            rate = words("too little observed")
        rows2 = [("Incidents after departure", w.cell("incidents")),
                 ("of these of the gravest kind", w.cell("incidents", "gravest"))]  # fmt: skip
        if "incidents reviewed" in w.ledger:
            rows2.append(("waiting for review", w.cell("incidents reviewed", "waiting")))
        rows2.append(("Incidents for every 100 months observed", rate))
        if w.counted.contacts is not None and name in w.ledger:
            rows2.append(("Contact rate", _contact_rate(w)))
        blocks.append(
            w.measures(
                "incidents",
                "Incidents after departure, beside the contact rate",
                rows2,
                "incidents",
            )
        )
    return Section("after", "After departure", blocks)


def _contact_rate(w: Writer) -> Cell:
    shown = w.ledger.table("follow-ups").shown
    due = shown[TOTAL, TOTAL]
    safe, concern = (shown[TOTAL, state] for state in contacts.REACHED)
    if due is None or safe is None or concern is None:
        return words("…")
    return share(min((safe + concern) / due, 1.0) if due else None)


def protection(w: Writer) -> Section | None:
    blocks: list[Block] = []
    rows: list[tuple[str, Cell]] = []
    if "split households" in w.ledger:
        rows += [("Households in different places, every adult agreed", w.cell("split households", "agreed")),
                 ("Households in different places, not every adult agreed", w.cell("split households", "not agreed"))]  # fmt: skip
    if "separated children" in w.ledger:
        rows += [("Separated or unaccompanied children", w.cell("separated children", "apart")),
                 ("of these with a best-interests determination", w.cell("separated children", "determined")),
                 ("Share with a determination", w.ratio(("separated children", "determined"), ("separated children", "apart")))]  # fmt: skip
    if rows:
        blocks.append(w.measures("family", "Families and children apart", rows, "family"))
    rows = []
    if "withdrawals" in w.ledger:
        rows += [(f"Consents withdrawn in {PERIOD_DAYS} days", w.cell("withdrawals", "withdrawn")),
                 ("Share of the consents valid in them", w.ratio(("withdrawals", "withdrawn"), ("withdrawals",)))]  # fmt: skip
        blocks.append(w.measures("withdrawals", "Consents withdrawn", rows, "withdrawal_rate",
                                    "Withdrawing is a right, not a failure."))  # fmt: skip
    if w.counted.heard is not None:
        days = w.counted.heard.median_days
        rows = [
            (
                f"Complaints received in {PERIOD_DAYS} days",
                w.cell("complaints received", "yes"),
            ),
            ("Complaints open", w.cell("complaints open", "yes")),
            (
                "Median days to close",
                words("–") if days is None else Cell(f"{days:.0f}", days),
            ),
            (
                "Coercion complaints waiting for triage",
                w.cell("complaints coercion", "yes"),
            ),
        ]
        blocks.append(w.measures("complaints", "Complaints", rows, "complaints"))
    return Section("protection", "Families, consents, complaints", blocks) if blocks else None


def breaches(w: Writer) -> Section:
    findings = {
        f.key: f for guard in w.rulebook.safeguards.values() for f in guard.findings.values()
    }
    rows = [
        [words(w.safeguard(key)), words(findings[key].sentence if key in findings else key),
         w.cell(f"breach {key}", "yes"), words(findings[key].owner_role if key in findings else "–")]
        for key, _ in w.counted.breached
    ]  # fmt: skip
    every, recent = w.ledger.value("breaches"), w.ledger.value("breaches", "recent")
    tone: Literal["", "wait", "late"] = ""
    if w.internal and not w.counted.breached:
        text = "No movement is on record with a failed safeguard."
    elif every is None:
        text = "How many movements went ahead although a safeguard was not met is not shown."
    else:
        text = (
            f"Movements on record that went ahead although a safeguard was not met: {every:,}."
        )
        tone = "wait"
        if recent is not None:
            text += f" In the last {PERIOD_DAYS} days: {recent:,}."
            tone = "late" if recent else "wait"
    blocks: list[Block] = [Text(text, tone)]
    if rows:
        blocks.append(
            Table("breaches", "Movements recorded although a safeguard was not met",
                  ["Safeguard", "What should have held", "Movements", "Whose job"], rows, w.on,
                  f"One movement can breach several: never add the rows. {w.note}", (), "breaches")
        )  # fmt: skip
    if "breaches answered" in w.ledger:
        lines = [
            ("Somebody was not told in time", w.cell("breaches answered", "late")),
            ("Somebody is still to be told", w.cell("breaches answered", "waiting")),
            ("Everybody was told; not closed", w.cell("breaches answered", "told")),
            ("Closed, with what was learned", w.cell("breaches answered", "closed")),
        ]
        blocks.append(
            w.measures(
                "breaches answered", "Who must be told of them, and was", lines, "breaches"
            )
        )
    if w.counted.excepted:
        blocks.append(Text(_exceptions(w)))
    return Section("breaches", "Breaches", blocks)


def _exceptions(w: Writer) -> str:
    """How often two people set a safeguard aside, where the table of rules lets it be told."""
    every, recent = w.ledger.value("exceptions"), w.ledger.value("exceptions", "recent")
    if every is None:
        return "Two people set safeguards aside; how often is not shown."
    text = f"Safeguards set aside by two people, each for one step and one day: {every:,}."
    if recent is not None:
        text += f" In the last {PERIOD_DAYS} days: {recent:,}."
    used, unused = (w.ledger.value("exceptions used", kind) for kind in ("used", "unused"))
    if used is not None:
        text += f" A step was taken under them: {used:,}."
    if unused is not None:
        text += f" Their day passed without it: {unused:,}."
    return text
