"""How past forecasts did: the running score and a picture of them over what happened.

Comes in: a `Track` and the counts so far. Goes out: blocks of a report, or a page of its own.
Internal only: past days are free dates.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onward.report import scenario_charts as charts
from onward.report.disclosure import rounded
from onward.report.model import Block, Cell, Figure, Report, Section, Table, Text, words
from onward.report.saying import Sayer

if TYPE_CHECKING:
    from onward.forecast.track import Running, Track

MOST_DRAWN = 6


def sentences(track: Track) -> list[str]:
    """The running score as a planner would say it."""
    if track.together is None:
        return ["No day of a kept forecast has passed yet, so there is nothing to score."]
    one = track.together
    said = [
        f"{_many(one.forecasts, 'kept forecast')} can be compared with what happened, on "
        f"{_many(one.days, 'day')}. The 8-in-10 range held the truth on {one.covered80:.0%} of them, "
        f"the 19-in-20 range on {one.covered95:.0%}.",
        f"On average they missed by {_amount(one.crps)} people; repeating the count of the day of "
        f"the forecast would have missed by {_amount(one.crps_no_change)}.",
    ]
    verdict = track.verdict
    if verdict == "few":
        said.append(
            "That is too few to judge by: the days of one forecast hang together, so one good or bad "
            "month decides."
        )
    elif verdict == "narrow":
        said.append(
            "The ranges have been too narrow. Read today's forecast as less sure than it looks."
        )
    elif verdict == "wide":
        said.append("The ranges have been wider than they needed to be.")
    later = track.afterwards
    if track.only_afterwards:
        said.append(
            "All of them were made afterwards, from a day already past: a trial of the method, no "
            "record of forecasts. Whoever set them up could know what came."
        )
    elif later is not None:
        said.append(
            f"Not counted in that: {later.forecasts} made afterwards, from a day already past (8-in-10 "
            f"range {later.covered80:.0%}, missed by {_amount(later.crps)} people)."
        )
    return said


def blocks(
    track: Track, counted: Sequence[tuple[dt.date, float]], on: dt.date, *, to: int = 1
) -> list[Block]:
    """Running score, picture and table; only sentences while nothing can be scored.

    counted  (day, people) so far
    to       every number of people is rounded to this
    """
    found: list[Block] = [Text(text) for text in sentences(track)]
    if track.together is None:
        return found
    found.append(_figure(track, counted, on, to))
    if len(track.by_lead) > 1:
        found.append(_by_lead(track.by_lead, on))
    return found


def track_report(
    track: Track,
    counted: Sequence[tuple[dt.date, float]],
    *,
    title: str,
    on: dt.date,
    demonstration: bool,
    rulebook: str,
    rulebook_hash: str,
) -> Report:
    """A page of its own."""
    said = sentences(track)
    return Report(
        operation=title, as_of=on, audience="internal", headline=said[0], summary=said[1:],
        sections=[
            Section("track", "Past forecasts over what happened",
                    [block for block in blocks(track, counted, on) if not isinstance(block, Text)]),
            Section("each", "Each kept forecast", [_each(track, on, 1)]),
        ],
        demonstration=demonstration, rulebook=rulebook, rulebook_hash=rulebook_hash, floor_hash="",
        notes=["The miss is the CRPS, in people: it counts the whole forecast, not only its middle, "
               "and is 0 for one that was sure and right."],
        kind="How past forecasts did",
    )  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """What is drawn: (day, people) as the record has them, and each forecast drawn as
    `scenario_charts.past_forecasts` takes it; more: how many are scored and not drawn."""

    truth: Sequence[tuple[dt.date, float]]
    forecasts: Sequence[tuple[dt.date, Sequence[tuple[dt.date, float, float, float]]]]
    more: int


def picture(
    track: Track, counted: Sequence[tuple[dt.date, float]] = (), *, to: int = 1
) -> Picture:
    """A few of the scored forecasts spread over time, and what happened; as `blocks` takes them."""
    drawn = _spread_out(track.scores)
    forecasts = []
    for row in drawn:
        made = dt.date.fromisoformat(row["as_of"])
        start = float(rounded(row["start"], to))
        days = [(made, start, start, start)]
        for d in row["days"]:
            low, middle, high = (float(rounded(d[n], to)) for n in ("q10", "median", "q90"))
            days.append((dt.date.fromisoformat(d["date"]), low, middle, high))
        forecasts.append((made, days))
    first = min(made for made, _ in forecasts)
    known = {day: float(rounded(value, to)) for day, value in counted}
    for row in track.scores:
        made = dt.date.fromisoformat(row["as_of"])
        known.setdefault(made, float(rounded(row["start"], to)))
        for d in row["days"]:
            day = dt.date.fromisoformat(d["date"])
            known.setdefault(day, float(rounded(d["present"], to)))
    truth = sorted((day, value) for day, value in known.items() if first <= day)
    return Picture(truth, forecasts, len(track.scores) - len(drawn))


def _figure(
    track: Track, counted: Sequence[tuple[dt.date, float]], on: dt.date, to: int
) -> Figure:
    shown = picture(track, counted, to=to)

    def draw(*, say: Sayer, width: int) -> str:
        return charts.past_forecasts(
            shown.truth, shown.forecasts, width=width, say=say, title=say("Past forecasts over what happened"),
            description=say("People counted, and for each past forecast its 8 in 10 and its middle."),
        )  # fmt: skip

    left = f" {shown.more} more are kept and scored, and not drawn." if shown.more > 0 else ""
    return Figure(
        "past-forecasts", "Past forecasts over what happened", draw, _each(track, on, to), on,
        "The full line is what was counted. Each band is one past forecast, from the day it was made "
        "(the short mark below): 8 in 10 of its futures, its middle dashed. The line should run inside "
        "the bands on about 8 days in 10." + left,
    )  # fmt: skip


def _spread_out(scores: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A few forecasts spread over time, one per day of forecast, the latest always among them."""
    by_day = {row["as_of"]: row for row in scores}
    rows = list(by_day.values())
    if len(rows) <= MOST_DRAWN:
        return rows
    step = (len(rows) - 1) / (MOST_DRAWN - 1)
    return [rows[round(i * step)] for i in range(MOST_DRAWN)]


def _each(track: Track, on: dt.date, to: int) -> Table:
    rows = []
    for row in track.scores:
        last = row["days"][-1]
        low, high, present = (rounded(last[n], to) for n in ("q10", "q90", "present"))
        rows.append(
            [
                words(_day(row["as_of"]) + (", afterwards" if row["afterwards"] else "")),
                words(_day(last["date"])),
                Cell(f"{low:,} to {high:,}"),
                Cell(f"{present:,}", float(present)),
                Cell(f"{row['covered80']:.0%}", float(row["covered80"])),
                Cell(_amount(row["crps"]), float(row["crps"])),
                Cell(_amount(row["crps_no_change"]), float(row["crps_no_change"])),
            ]
        )
    return Table(
        "past-forecasts-table", "Each kept forecast beside what happened",
        ["Made", "Last day passed", "8 in 10 that day", "Counted", "Days inside 8 in 10", "Miss",
         "Miss of repeating the count"],
        rows, on, "Miss: on average over the days that have passed, in people.",
    )  # fmt: skip


def _by_lead(rows: Sequence[Running], on: dt.date) -> Table:
    return Table(
        "by-lead", "How good, by how far ahead",
        ["", "Forecasts", "Days", "Inside 8 in 10", "Inside 19 in 20", "Miss",
         "Miss of repeating the count"],
        [[words(r.lead), Cell(str(r.forecasts), r.forecasts), Cell(str(r.days), r.days),
          Cell(f"{r.covered80:.0%}", r.covered80), Cell(f"{r.covered95:.0%}", r.covered95),
          Cell(_amount(r.crps), r.crps), Cell(_amount(r.crps_no_change), r.crps_no_change)] for r in rows],
        on,
    )  # fmt: skip


def _many(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}"


def _day(text: str) -> str:
    day = dt.date.fromisoformat(text)
    return f"{day.day} {day:%B %Y}"
