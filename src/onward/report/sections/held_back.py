"""What holds people's next step back, what would help most, and what lapses for whom."""

from __future__ import annotations

import itertools

from onward.report import charts
from onward.report.counted import BASIS_DAYS, LAPSE_DAYS
from onward.report.model import Block, Figure, Section, Table, count, words
from onward.report.phrases import day_text, sentence_case
from onward.report.saying import Sayer
from onward.report.writer import Writer

MOST_ROWS = 12


def blocked(w: Writer) -> Section | None:
    if w.material.steps is None or not w.record.active.any():
        return None
    named = [
        (g.name, g.title, _sentence(w, g.name), w.ledger.value(f"held by {g.name}", "held"))
        for g in w.rulebook.safeguards.values()
    ]
    named.sort(key=lambda row: -(row[3] if row[3] is not None else 0))
    bars = [
        (f"{name} {title}", sentence, value)
        for name, title, sentence, value in named
        if value != 0 and (value is not None or w.internal)
    ]
    table = Table(
        "blocked", "People whose next step each safeguard holds back",
        ["Safeguard", "What must hold", "People", "Nothing else holds them back"],
        [
            [words(f"{name} {title}"), words(sentence), count(value), w.cell(f"held by {name}", "alone")]
            for name, title, sentence, value in named
        ],
        w.on, f"One person can be in several rows: never add them. {w.note}",
        ["#indicator+name", "#description", "#indicator+value+num", "#indicator+value+num+alone"], "blocked",
    )  # fmt: skip

    def draw(*, say: Sayer, width: int) -> str:
        return charts.blocked_bars(
            bars[:MOST_ROWS], title=say("People held back by each safeguard"), width=width, say=say,
            description=say("One bar per safeguard; one person can be held back by several."),
        )  # fmt: skip

    held, asked = w.ledger.value("next step", "held back"), w.ledger.value("next step", "asked")
    title = (
        "What holds people's next step back"
        if held is None or asked is None
        else f"{held:,} of {asked:,} people have no open next step"
    )
    blocks: list[Block] = [
        Figure("blocked-bars", title, draw, table, w.on,
               "One bar for each safeguard. A person can be counted in several bars."),
    ]  # fmt: skip
    if "open pathway" in w.ledger:
        blocks.append(
            Table("open-pathway", "To whom any lawful, voluntary pathway is open", ["Pathway", "People"],
                  [[words("At least one open step"), w.cell("open pathway", "some")],
                   [words("No open pathway"), w.cell("open pathway", "none")]],
                  w.on, w.note, (), "no_open_pathway")
        )  # fmt: skip
    if w.counted.remedies:
        blocks.append(
            Table(
                "what-would-help", "What one remedy alone would open, most first",
                ["Remedy", "Whose job", "Options opened", "People"],
                [
                    [words(x.remedy), words(x.owner_role), w.cell(f"options {x.finding}"),
                     w.cell(f"helped {x.finding}", "yes")]
                    for x in w.counted.remedies[:8]
                ],
                w.on,
                "Counts lawful, voluntary options (a person and a pathway). Only remedies owned by an "
                f"authority or the operation are listed. {w.note}", (), "blocked",
            )
        )  # fmt: skip
    return Section("blocked", "What holds people back, and what would help most", blocks)


def _sentence(w: Writer, safeguard: str) -> str:
    findings = w.rulebook.safeguards[safeguard].findings
    return next(iter(findings.values())).sentence


def lapsing(w: Writer) -> Section | None:
    """What ends: dated things one by one, people's own papers and consents by window."""
    if w.material.plan is None or not w.record.active.any():
        return None
    blocks: list[Block] = []
    if "basis" in w.ledger:
        first, second, third = BASIS_DAYS
        rows = [
            [words(f"Within {first} days"), w.cell("basis", f"within {first}")],
            [words(f"Within {second} days"), w.cell("basis", f"up to {second}")],
            [words(f"Within {third} days"), w.cell("basis", f"up to {third}")],
        ]
        blocks.append(Table("basis", "People whose protection basis has its clock run out", ["When", "People"], rows,
                            w.on, f"Each line includes the one before. {w.note}", (), "basis_lapsing"))  # fmt: skip
    rows = [
        [words(day_text(row["date"])), words(row["title"]), words(sentence_case(row["says"])),
         w.cell(name, "yes") if name else words("–"), words(w.whose(row["owner"]) or "–")]
        for row, name in w.counted.dated
    ]  # fmt: skip
    if rows:
        blocks.append(
            Table("lapses", f"What ends in the next {LAPSE_DAYS[-1]} days, and who rests on it",
                  ["Last day", "What", "What it means", "People", "Who acts"], rows, w.on,
                  f"When a clock runs out the basis is reviewed; nobody's case is closed. {w.note}", (), "basis_lapsing")
        )  # fmt: skip
    rows = [
        [
            words(title),
            *(w.cell(f"{name} {days}", "yes") for days in LAPSE_DAYS),
            words(w.whose(owner)),
        ]
        for (title, _, owner), name in w.counted.growing.items()
    ]
    if rows:
        heads = [
            f"In {LAPSE_DAYS[0]} days",
            *(f"{a + 1} to {b}" for a, b in itertools.pairwise(LAPSE_DAYS)),
        ]
        blocks.append(
            Table("growing-old", "People whose papers, checks or consents grow too old", ["What", *heads, "Who acts"], rows, w.on,
                  f"Days from {day_text(w.on)}. Each person once in each column. {w.note}", (), "basis_lapsing")
        )  # fmt: skip
    return Section("lapses", "What lapses, and for whom", blocks) if blocks else None
