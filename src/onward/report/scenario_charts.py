"""Figures about forecasts beside the fan: scenarios in pairs, changes by size, regret, waiting, and
past forecasts over what happened.

Comes in: plain numbers. Goes out: SVG text in the manner of `charts.py`: no script, readable in
grey, every mark named in words, drawn for a page and for a phone.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence

from onward.report.charts import ACCENT, INK, LINE, QUIET, WIDE, opened, safe
from onward.report.saying import PLAIN, Sayer

PALE, GREY = "#b0cbdc", "#c9ced4"


def fan_pairs(
    dates: Sequence[dt.date],
    pairs: Sequence[tuple[str, Mapping[str, Sequence[float]]]],
    plan: Mapping[str, Sequence[float]],
    *,
    title: str,
    description: str,
    width: int = WIDE,
    say: Sayer = PLAIN,
) -> str:
    """One small picture per scenario: its 8 in 10 beside the plan's.

    pairs   (title, series "q10" "median" "q90" of people still here on each date)
    plan    the same series under the plan
    """
    columns = 1 if width < 500 else 2
    gap, tall, head = 28, 190, 40
    wide = (width - gap * (columns - 1)) / columns
    rows = math.ceil(len(pairs) / columns)
    every = [plan, *(series for _, series in pairs)]
    low, high = _nice(
        min(min(series["q10"]) for series in every), max(max(series["q90"]) for series in every)
    )
    parts = [opened(width, int(rows * (tall + head + 34)), title, description, say)]
    for number, (name, series) in enumerate(pairs):
        left = (number % columns) * (wide + gap)
        top = (number // columns) * (tall + head + 34)
        parts.append(
            f'<text x="{left:.1f}" y="{top + 15}" font-weight="600" fill="{INK}">'
            f"{say.lettering(safe(_cut(name, int(wide / 7.2))))}</text>"
        )
        parts.append(_pair(left, top + head, wide, tall, dates, series, plan, low, high, say))
    parts.append("</svg>")
    return "".join(parts)


def _pair(
    left: float, top: float, width: float, tall: float, dates: Sequence[dt.date],
    series: Mapping[str, Sequence[float]], plan: Mapping[str, Sequence[float]], low: float,
    high: float, say: Sayer,
) -> str:  # fmt: skip
    right = left + width - 82
    start = left + 42
    span = max((dates[-1] - dates[0]).days, 1)

    def x(day: dt.date) -> float:
        return start + (right - start) * (day - dates[0]).days / span

    def y(value: float) -> float:
        return top + tall * (high - value) / (high - low)

    def band(values: Mapping[str, Sequence[float]]) -> str:
        upper = [
            f"{x(day):.1f},{y(v):.1f}" for day, v in zip(dates, values["q90"], strict=True)
        ]
        lower = [
            f"{x(day):.1f},{y(v):.1f}" for day, v in zip(dates, values["q10"], strict=True)
        ]
        return " ".join([*upper, *reversed(lower)])

    def line(values: Sequence[float]) -> str:
        return " ".join(
            f"{x(day):.1f},{y(v):.1f}" for day, v in zip(dates, values, strict=True)
        )

    parts = []
    for value in _ticks(low, high):
        parts.append(
            f'<line x1="{start:.1f}" x2="{right:.1f}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="{LINE}"/><text x="{start - 6:.1f}" y="{y(value) + 4:.1f}" font-size="11" '
            f'text-anchor="end" fill="{QUIET}">{say(f"{value:,.0f}")}</text>'
        )
    parts.append(
        f'<polygon points="{band(plan)}" fill="{GREY}" stroke="{QUIET}" stroke-width="0.7"/>'
    )
    parts.append(
        f'<polygon points="{band(series)}" fill="{ACCENT}" fill-opacity="0.34" stroke="{ACCENT}" stroke-width="1"/>'
    )
    parts.append(
        f'<polyline points="{line(plan["median"])}" fill="none" stroke="{QUIET}" '
        f'stroke-width="1.6" stroke-dasharray="2 3"/>'
    )
    parts.append(
        f'<polyline points="{line(series["median"])}" fill="none" stroke="{INK}" stroke-width="2"/>'
    )
    for day in (dates[0], dates[-1]):
        anchor = "start" if day == dates[0] else "end"
        parts.append(
            f'<text x="{x(day):.1f}" y="{top + tall + 16:.1f}" font-size="11" text-anchor="{anchor}" '
            f'fill="{QUIET}">{_day(day, say)}</text>'
        )
    ends = sorted(
        [("plan", plan["median"][-1], QUIET, 400), ("so", series["median"][-1], INK, 600)],
        key=lambda one: -one[1],
    )
    heights = [y(ends[0][1]) - 2, y(ends[1][1]) + 10]
    if heights[1] - heights[0] < 15:
        middle = sum(heights) / 2
        heights = [middle - 7.5, middle + 7.5]
    for (name, value, colour, weight), at in zip(ends, heights, strict=True):
        word = "plan" if name == "plan" else "with it"
        parts.append(
            f'<text x="{right + 6:.1f}" y="{at:.1f}" font-size="11.5" font-weight="{weight}" '
            f'fill="{colour}">{say.lettering(safe(say(f"{value:,.0f} {word}")))}</text>'
        )
    return "".join(parts)


def tornado(
    rows: Sequence[tuple[str, float, float, float, str]],
    *,
    title: str,
    description: str,
    width: int = WIDE,
    say: Sayer = PLAIN,
) -> str:
    """Changes by size: (what, low, mean, high, remark); the bar is the mean, the line 8 in 10."""
    narrow = width < 500
    left = 0.0 if narrow else 388.0
    each = 58 if narrow else 40
    low = min(0.0, *(row[1] for row in rows))
    high = max(0.0, *(row[3] for row in rows))
    span = max(high - low, 1e-9)
    room = width - left - 70

    def x(value: float) -> float:
        return left + 30 + room * (value - low) / span

    tall = 22 + len(rows) * each
    parts = [opened(width, tall + 8, title, description, say)]
    if not narrow:
        parts.append(
            f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="18" y2="{tall}" stroke="{INK}"/>'
        )
    parts.append(
        f'<text x="{x(0):.1f}" y="12" text-anchor="middle" font-size="11" fill="{QUIET}">{say.lettering(safe(say("as in the plan")))}</text>'
    )
    for number, (name, least, mean, most, remark) in enumerate(rows):
        top = 22 + number * each
        length = int((width - 8) / 6.6) if narrow else 60
        parts.append(
            f'<text x="0" y="{top + 14}" fill="{INK}">{say.lettering(safe(_cut(name, length)))}</text>'
        )
        if remark:
            parts.append(
                f'<text x="0" y="{top + 29}" font-size="11" fill="{QUIET}">{say.lettering(safe(_cut(remark, 58 if narrow else 72)))}</text>'
            )
        bar = top + (36 if narrow else 8)
        begin, end = sorted((x(0), x(mean)))
        if narrow:
            parts.append(
                f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{bar - 3}" y2="{bar + 15}" stroke="{INK}"/>'
            )
        parts.append(
            f'<rect x="{begin:.1f}" y="{bar}" width="{max(end - begin, 1):.1f}" height="12" fill="{PALE}"/>'
            f'<line x1="{x(least):.1f}" x2="{x(most):.1f}" y1="{bar + 6}" y2="{bar + 6}" stroke="{INK}" stroke-width="1.6"/>'
        )
        for value in (least, most):
            parts.append(
                f'<line x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{bar + 2}" y2="{bar + 10}" stroke="{INK}" stroke-width="1.6"/>'
            )
        side = max(x(most), end) + 6
        parts.append(
            f'<text x="{side:.1f}" y="{bar + 10}" font-weight="600" fill="{INK}">{say.figures(_signed(mean))}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def regrets(
    rows: Sequence[tuple[str, Mapping[str, float], float]],
    *,
    title: str,
    description: str,
    width: int = WIDE,
    say: Sayer = PLAIN,
) -> str:
    """Regret of each choice: (choice, levels, mean). Box: half of the futures; line: to 9 in 10."""
    narrow = width < 500
    left = 0.0 if narrow else 260.0
    each = 48 if narrow else 34
    high = max(1.0, *(row[1]["q90"] for row in rows), *(row[2] for row in rows))
    room = width - left - 80
    tall = 26 + len(rows) * each

    def x(value: float) -> float:
        return left + room * value / high

    parts = [opened(width, tall + 24, title, description, say)]
    for value in _ticks(0, high):
        parts.append(
            f'<line x1="{x(value):.1f}" x2="{x(value):.1f}" y1="8" y2="{tall}" stroke="{LINE}"/>'
            f'<text x="{x(value):.1f}" y="{tall + 15}" font-size="11" text-anchor="middle" fill="{QUIET}">{say(f"{value:,.0f}")}</text>'
        )
    for number, (name, at, mean) in enumerate(rows):
        top = 10 + number * each
        length = int((width - 8) / 6.6) if narrow else 38
        parts.append(
            f'<text x="0" y="{top + 14}" fill="{INK}">{say.lettering(safe(_cut(name, length)))}</text>'
        )
        bar = top + (22 if narrow else 5)
        parts.append(
            f'<line x1="{x(at["q10"]):.1f}" x2="{x(at["q90"]):.1f}" y1="{bar + 6}" y2="{bar + 6}" stroke="{QUIET}" stroke-width="1.6"/>'
            f'<rect x="{x(at["q25"]):.1f}" y="{bar}" width="{max(x(at["q75"]) - x(at["q25"]), 1):.1f}" height="12" fill="{PALE}"/>'
            f'<circle cx="{x(mean):.1f}" cy="{bar + 6}" r="4.5" fill="{INK}"/>'
            f'<text x="{max(x(at["q90"]), x(at["q75"]), x(mean) + 5) + 6:.1f}" y="{bar + 10}" font-weight="600" fill="{INK}">{say(f"{mean:,.0f}")}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def waits(
    days: Sequence[dt.date],
    low: Sequence[float],
    mean: Sequence[float],
    high: Sequence[float],
    marks: Sequence[tuple[dt.date, str]],
    *,
    title: str,
    description: str,
    width: int = WIDE,
    say: Sayer = PLAIN,
) -> str:
    """What a choice opens by the day it is decided; marks: (last day, how much it keeps)."""
    tall, left, foot = 230.0, 46.0, 40.0
    right = width - 20.0
    bottom, top = _nice(min(0.0, *low), max(1.0, *high))
    span = max((days[-1] - days[0]).days, 1)

    def x(day: dt.date) -> float:
        return left + (right - left) * (day - days[0]).days / span

    def y(value: float) -> float:
        return 34 + tall * (top - value) / (top - bottom)

    parts = [opened(width, int(34 + tall + foot), title, description, say)]
    for value in _ticks(bottom, top):
        parts.append(
            f'<line x1="{left}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="{LINE}"/>'
            f'<text x="{left - 6}" y="{y(value) + 4:.1f}" font-size="11" text-anchor="end" fill="{QUIET}">{say(f"{value:,.0f}")}</text>'
        )
    upper = [f"{x(d):.1f},{y(v):.1f}" for d, v in zip(days, high, strict=True)]
    lower = [f"{x(d):.1f},{y(v):.1f}" for d, v in zip(days, low, strict=True)]
    centre = " ".join(f"{x(d):.1f},{y(v):.1f}" for d, v in zip(days, mean, strict=True))
    parts.append(f'<polygon points="{" ".join([*upper, *reversed(lower)])}" fill="{PALE}"/>')
    parts.append(f'<polyline points="{centre}" fill="none" stroke="{INK}" stroke-width="2"/>')
    for number, (day, word) in enumerate(marks):
        at = x(day)
        anchor = "end" if at > width * 0.6 else "start"
        parts.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{20 + number * 14}" y2="{34 + tall:.1f}" stroke="{INK}" stroke-dasharray="2 2"/>'
            f'<text x="{at + (-4 if anchor == "end" else 4):.1f}" y="{18 + number * 14}" font-size="11.5" text-anchor="{anchor}" fill="{INK}">{say.lettering(safe(word))}</text>'
        )
    for day in (days[0], days[-1]):
        anchor = "start" if day == days[0] else "end"
        parts.append(
            f'<text x="{x(day):.1f}" y="{34 + tall + 18:.1f}" font-size="11" text-anchor="{anchor}" fill="{QUIET}">{_day(day, say, "decided ")}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def past_forecasts(
    counted: Sequence[tuple[dt.date, float]],
    forecasts: Sequence[tuple[dt.date, Sequence[tuple[dt.date, float, float, float]]]],
    *,
    title: str,
    description: str,
    width: int = WIDE,
    say: Sayer = PLAIN,
) -> str:
    """Past forecasts over what happened.

    counted    (day, people) as the record now knows it
    forecasts  (day it was made, [(day, low, middle, high)]) with 8 in 10 between low and high
    """
    tall, left = 250.0, 52.0
    right = width - 16.0
    days = [day for day, _ in counted] + [row[0] for _, rows in forecasts for row in rows]
    values = [value for _, value in counted]
    values += [v for _, rows in forecasts for _, a, _, b in rows for v in (a, b)]
    first, last = min(days), max(days)
    low, high = _nice(min(values), max(values))
    span = max((last - first).days, 1)

    def x(day: dt.date) -> float:
        return left + (right - left) * (day - first).days / span

    def y(value: float) -> float:
        return 12 + tall * (high - value) / (high - low)

    parts = [opened(width, int(tall + 44), title, description, say)]
    for value in _ticks(low, high):
        parts.append(
            f'<line x1="{left}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="{LINE}"/>'
            f'<text x="{left - 6}" y="{y(value) + 4:.1f}" font-size="11" text-anchor="end" fill="{QUIET}">{say(f"{value:,.0f}")}</text>'
        )
    for made, rows in forecasts:
        if not rows:
            continue
        upper = [f"{x(day):.1f},{y(b):.1f}" for day, _, _, b in rows]
        lower = [f"{x(day):.1f},{y(a):.1f}" for day, a, _, _ in rows]
        middle = " ".join(f"{x(day):.1f},{y(m):.1f}" for day, _, m, _ in rows)
        parts.append(
            f'<polygon points="{" ".join([*upper, *reversed(lower)])}" fill="{ACCENT}" fill-opacity="0.25" stroke="{ACCENT}" stroke-width="0.8"/>'
            f'<polyline points="{middle}" fill="none" stroke="{ACCENT}" stroke-width="1.6" stroke-dasharray="6 3"/>'
            f'<line x1="{x(made):.1f}" x2="{x(made):.1f}" y1="{12 + tall - 6:.1f}" y2="{12 + tall:.1f}" stroke="{INK}" stroke-width="1.6"/>'
        )
    path = " ".join(f"{x(day):.1f},{y(value):.1f}" for day, value in counted)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{INK}" stroke-width="2.2"/>')
    if counted:
        at = counted[len(counted) // 3]
        parts.append(
            f'<text x="{x(at[0]):.1f}" y="{y(at[1]) - 8:.1f}" font-size="12" fill="{INK}" paint-order="stroke" stroke="#fff" stroke-width="3">{say.lettering(safe(say("counted")))}</text>'
        )
    for day in (first, last):
        anchor = "start" if day == first else "end"
        parts.append(
            f'<text x="{x(day):.1f}" y="{tall + 30:.1f}" font-size="11" text-anchor="{anchor}" fill="{QUIET}">{_day(day, say)}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def _day(day: dt.date, say: Sayer, before: str = "") -> str:
    return say.lettering(safe(say(f"{before}{day.day} {day:%b %Y}")))


def _signed(value: float) -> str:
    return f"{value:+,.0f}" if round(value) else "0"


def _nice(low: float, high: float) -> tuple[float, float]:
    """Round ends around a range, a little room included."""
    room = max((high - low) * 0.06, 1.0)
    step = _step(high - low + 2 * room)
    bottom = math.floor((low - room) / step) * step
    if low >= 0:
        bottom = max(bottom, 0.0)
    return bottom, math.ceil((high + room) / step) * step


def _step(span: float, wanted: int = 5) -> float:
    raw = max(span / wanted, 1e-9)
    unit: float = 10.0 ** math.floor(math.log10(raw))
    factor = next((one for one in (1.0, 2.0, 2.5, 5.0, 10.0) if one * unit >= raw), 10.0)
    return max(factor * unit, 1.0)


def _ticks(low: float, high: float) -> list[float]:
    step = _step(high - low)
    first = math.ceil(low / step)
    return [step * n for n in range(first, math.floor(high / step) + 1)]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0] + " …"
