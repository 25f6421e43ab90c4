"""The plan on paper: a Gantt chart with deadline lines, and the same as a list of words.

Exists because work against a deadline is understood at a glance or not at all. In come a plan,
its drawn dates and a day; out come SVG text (no scripts, no outside references, no style
attributes) and a table. Readable in greyscale and on paper: what holds the plan up is solid
dark, the rest light with an outline; ranges are thin lines; every deadline is named on its
line. Narrow widths put each label above its bar, so that a phone shows it at reading size.
"""

from __future__ import annotations

import datetime as dt
import html
import math
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from onward.plan.draws import (
    FloatArray,
    PlanDraws,
    Spread,
    criticality,
    milestone_chances,
    ready,
    spread,
)
from onward.plan.model import Audience, Plan

INK, QUIET, LINE, PALE, DONE = "#1b1f24", "#5b6570", "#d5dae0", "#c3d4e0", "#eef1f4"
FONT = "Noto Sans, Noto Sans Arabic, Segoe UI, Helvetica, Arial, sans-serif"
CRITICAL = 0.5
"""An action is drawn as critical when it holds a deadline up in at least half of the futures."""

WORDS: Mapping[str, str] = {
    "title": "Plan of work against its deadlines",
    "today": "as of",
    "milestones": "Milestones",
    "critical": "holds a deadline up",
    "other": "other work",
    "done": "done",
    "range": "done within, 8 in 10 times",
    "wanted": "wanted by",
    "in_time": "in time",
    "never": "not reached",
    "succeeds": "succeeds",
    "ever": "ever",
    "by": "by",
}

_CRITICAL_LOOK = f'fill="{INK}"'
_OTHER_LOOK = f'fill="{PALE}" stroke="{INK}" stroke-width="0.8"'
_DONE_LOOK = f'fill="{DONE}" stroke="{QUIET}" stroke-width="0.8" stroke-dasharray="2 2"'

LIST_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("what", pa.string()),
        ("title", pa.string()),
        ("owner", pa.string()),
        ("state", pa.string()),
        ("start", pa.date32()),
        ("done_p10", pa.date32()),
        ("done_likely", pa.date32()),
        ("done_p90", pa.date32()),
        ("wanted_by", pa.date32()),
        ("in_time", pa.float64()),
        ("chance", pa.float64()),
        ("critical", pa.float64()),
    ]
)


@dataclass(frozen=True)
class _Bar:
    kind: str
    id: str
    title: str
    owner: str
    state: str
    start: Spread
    done: Spread
    by: dt.date | None
    in_time: float | None
    critical: float


def gantt_list(plan: Plan, draws: PlanDraws, *, audience: Audience = "internal") -> pa.Table:
    """The chart's rows in words: work by likely start, then milestones by likely day.

    returns  columns of LIST_SCHEMA: state ("done", "under way", "to come"), chance (that it
             is ever done), dates (over the futures in which it is; null when there is none),
             in_time (share of all futures; null without a wanted date), critical (share of
             futures in which it holds a deadline up; null for milestones). For "external"
             only what is public, at its likely date, without chances
    """
    rows = [
        {
            "kind": bar.kind,
            "what": bar.id,
            "title": bar.title,
            "owner": bar.owner,
            "state": bar.state,
            "start": bar.start.p50 if bar.kind == "action" else None,
            "done_p10": bar.done.p10,
            "done_likely": bar.done.p50,
            "done_p90": bar.done.p90,
            "wanted_by": bar.by,
            "in_time": bar.in_time,
            "chance": bar.done.chance if audience == "internal" else None,
            "critical": bar.critical
            if bar.kind == "action" and audience == "internal"
            else None,
        }
        for bar in _bars(plan, draws, audience)
    ]
    return pa.Table.from_pylist(rows, schema=LIST_SCHEMA)


def gantt_svg(
    plan: Plan,
    draws: PlanDraws,
    as_of: dt.date,
    *,
    width: int = 760,
    mirrored: bool = False,
    audience: Audience = "internal",
    words: Mapping[str, str] | None = None,
    figures: Callable[[str], str] = str,
) -> str:
    """The plan as one SVG figure.

    as_of     the day marked; usually the draws' own
    width     units of the drawing; below 600 labels stand above their bars (use 380 for phones)
    mirrored  time runs from right to left, for readers of Arabic script
    audience  "external" draws only what is public, at its likely dates: how sure anybody is of
              a State's answer stays inside
    words     translations of WORDS; missing ones stay English
    figures   writes the numbers and days of a text as the reader does
    returns   SVG text that scales to the width it is given
    """
    say = {**WORDS, **(words or {})}
    bars = _bars(plan, draws, audience)
    deadlines = sorted(
        (d for d in plan.deadlines.values() if audience == "internal" or d.confidentiality == "public"),
        key=lambda d: (d.date, d.id),
    )  # fmt: skip
    canvas = _Canvas(bars, [d.date for d in deadlines], as_of, width, mirrored, figures)
    work = [bar for bar in bars if bar.kind == "action"]
    stones = [bar for bar in bars if bar.kind == "milestone"]

    body: list[str] = []
    y = canvas.legend(body, say, audience)
    head = y
    for i, deadline in enumerate(deadlines):
        canvas.deadline_label(body, deadline.date, deadline.title, y + 13 + 17 * i)
    y += 17 * len(deadlines) + 8
    axis = y
    y = axis + 22
    rows: list[str] = []
    for bar in work:
        y = canvas.row(rows, bar, y, say)
    if stones:
        canvas.text(rows, 0, y + 22, say["milestones"], size=13, weight=True)
        y += 32
        for bar in stones:
            y = canvas.row(rows, bar, y, say)
    height = y + 6
    under: list[str] = []
    canvas.axis(under, body, axis, height, as_of, say)
    for i, deadline in enumerate(deadlines):
        canvas.deadline_line(under, deadline.date, head + 17 * i + 17, height)
    described = _described(bars, deadlines_text=[(d.title, d.date) for d in deadlines], say=say)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" role="img" direction="ltr"'
        f' font-family="{FONT}" font-size="12">'
        f"<title>{_safe(say['title'])}, {figures(as_of.isoformat())}</title>"
        f"<desc>{_safe(figures(described))}</desc>"
        f'<rect width="{width}" height="{height:.0f}" fill="#ffffff"/>'
        + "".join([*under, *body, *rows])
        + "</svg>"
    )


class _Canvas:
    """Where things stand: one scale of days, one column of labels, and mirroring."""

    def __init__(
        self,
        bars: list[_Bar],
        deadlines: list[dt.date],
        as_of: dt.date,
        width: int,
        mirrored: bool,
        figures: Callable[[str], str],
    ) -> None:
        self.width, self.mirrored, self.figures = width, mirrored, figures
        self.narrow = width < 600
        self.left = 0.0 if self.narrow else round(width * 0.37)
        self.right = width - 14.0
        known = [s for bar in bars for s in (bar.start.p50, bar.done.p50) if s]
        earliest = min([as_of, *(day for day in known if day <= as_of)])
        self.first = max(earliest, as_of - dt.timedelta(days=75))
        ends = [bar.done.p90 or bar.done.p50 for bar in bars]
        latest = max([as_of + dt.timedelta(days=90), *deadlines, *(d for d in ends if d)])
        # A year-long tail would squeeze everything else; what lies beyond gets an arrow.
        limit = max([as_of, *deadlines]) + dt.timedelta(days=150)
        self.last = min(latest, limit) if deadlines else latest
        self.days = max((self.last - self.first).days, 1)

    def x(self, day: dt.date | None) -> float:
        """Position of a day, held inside the drawing; None is beyond the end."""
        if day is None:
            return self.right
        share = (day - self.first).days / self.days
        return self.left + (self.right - self.left) * min(max(share, 0.0), 1.0)

    def at(self, x: float) -> float:
        return self.width - x if self.mirrored else x

    def text(
        self,
        out: list[str],
        x: float,
        y: float,
        words: str,
        *,
        size: float = 12,
        quiet: bool = False,
        weight: bool = False,
        anchor: str = "start",
        room: float = 0,
        halo: bool = False,
    ) -> None:
        """A label at x. Words that run from right to left keep to the same edges."""
        words = full = self.figures(words)
        if room:
            words = _fitted(words, room, size)
        rtl = _right_to_left(words)
        if self.mirrored:
            anchor = {"start": "end", "end": "start"}.get(anchor, anchor)
        # An isolate carries its own direction. The attribute `direction` would also turn the
        # anchor round, and not every renderer (paper, PNG) follows it there.
        shown = f"\u2067{words}\u2069" if rtl else words
        tip = f"<title>{_safe(full)}</title>" if full != words else ""
        out.append(
            f'<text x="{self.at(x):.1f}" y="{y:.1f}" font-size="{size:g}"'
            f' fill="{QUIET if quiet else INK}" text-anchor="{anchor}"'
            + (' font-weight="600"' if weight else "")
            + (' paint-order="stroke" stroke="#ffffff" stroke-width="3"' if halo else "")
            + f">{tip}{_safe(shown)}</text>"
        )

    def box(self, out: list[str], x0: float, x1: float, y: float, h: float, look: str) -> None:
        x0, x1 = min(x0, x1), max(x0, x1, x0 + 2)
        left = min(self.at(x0), self.at(x1))
        out.append(
            f'<rect x="{left:.1f}" y="{y:.1f}" width="{x1 - x0:.1f}" height="{h:g}" {look}/>'
        )

    def stroke(
        self, out: list[str], x0: float, y0: float, x1: float, y1: float, look: str
    ) -> None:
        out.append(
            f'<line x1="{self.at(x0):.1f}" y1="{y0:.1f}" x2="{self.at(x1):.1f}" y2="{y1:.1f}" {look}/>'
        )

    # -- parts --------------------------------------------------------------------------------
    def legend(self, out: list[str], say: Mapping[str, str], audience: Audience) -> float:
        """What the marks mean; returns the y below it."""
        marks = [
            (say["critical"], _CRITICAL_LOOK),
            (say["other"], _OTHER_LOOK),
            (say["done"], _DONE_LOOK),
        ]
        lines = [(say["range"], "range"), (say["wanted"], "wanted")]
        if audience == "external":
            marks, lines = marks[1:], lines[1:]
        x, y = 0.0, 6.0
        for words, look in marks:
            wide = 22 + _wide(words, 11) + 14
            if x + wide > self.width:
                x, y = 0.0, y + 17
            self.box(out, x + 1, x + 17, y, 8, look)
            self.text(out, x + 22, y + 8.5, words, size=11)
            x += wide
        for words, draw in lines:
            wide = 26 + _wide(words, 11) + 14
            if x + wide > self.width:
                x, y = 0.0, y + 17
            if draw == "range":
                self._range(out, x + 1, x + 19, y + 4, False)
            else:
                self._wanted(out, x + 10, y + 12)
            self.text(out, x + 24, y + 8.5, words, size=11)
            x += wide
        return y + 20

    def axis(
        self,
        under: list[str],
        over: list[str],
        y: float,
        bottom: float,
        as_of: dt.date,
        say: Mapping[str, str],
    ) -> None:
        """Lines of months under everything, their names over the deadline lines."""
        today = self.x(as_of)
        words = f"{say['today']} {self.whole(as_of.isoformat())}"
        wide = _wide(words, 10.5)
        begin = min(max(today - wide / 2, self.left), self.right - wide)
        taken = [(begin - 6, begin + wide + 6)]
        every = 3 if self.narrow or self.days > 500 else 2
        month = self.first.replace(day=1)
        while month <= self.last:
            x, half = self.x(month), 24
            if month >= self.first and (month.month - 1) % every == 0:
                self.stroke(under, x, y + 6, x, bottom, f'stroke="{LINE}" stroke-width="0.8"')
                apart = all(x + half < a or x - half > b for a, b in taken)
                if apart and self.left <= x - half and x + half <= self.width:
                    taken.append((x - half, x + half))
                    name = month.strftime("%Y-%m")
                    self.text(
                        over, x, y + 3, name, size=10.5, quiet=True, anchor="middle", halo=True
                    )
            month = (month + dt.timedelta(days=32)).replace(day=1)
        self.stroke(under, today, y + 6, today, bottom, f'stroke="{INK}" stroke-width="1"')
        self.text(over, begin, y + 3, words, size=10.5, halo=True)

    def whole(self, text: str) -> str:
        """A date or a share inside words of Arabic script: else 2026-10-31 is read 31-10-2026."""
        return f"\u2066{text}\u2069" if self.mirrored else text

    def deadline_label(self, out: list[str], day: dt.date, title: str, y: float) -> None:
        """The deadline's day and name, on the side of its line that has more room."""
        x = self.x(day)
        before = x > self.width / 2 or _wide(title, 12) + 80 < x
        room = (x if before else self.width - x) - 10 - _wide("2027-11-30 ", 11.5)
        words = f"{self.whole(day.isoformat())} {_fitted(title, room, 12)}"
        side, anchor = (x - 6, "end") if before else (x + 6, "start")
        self.text(out, side, y, words, size=11.5, weight=True, anchor=anchor, halo=True)

    def deadline_line(self, out: list[str], day: dt.date, top: float, bottom: float) -> None:
        x = self.x(day)
        self.stroke(out, x, top - 12, x, bottom, f'stroke="{INK}" stroke-width="1.4" stroke-dasharray="5 3"')  # fmt: skip

    def row(self, out: list[str], bar: _Bar, y: float, say: Mapping[str, str]) -> float:
        """One bar or milestone with its words; returns the y below it."""
        note = bar.owner
        if bar.kind == "action" and bar.state != "done" and bar.done.chance < 0.995:
            note = f"{note} · {say['succeeds']} {self.whole(f'{bar.done.chance:.0%}')}"
        if bar.kind == "milestone":
            parts = []
            if bar.in_time is not None:
                parts.append(f"{say['in_time']} {self.whole(f'{bar.in_time:.0%}')}")
            if bar.done.chance < 0.995:
                parts.append(f"{say['ever']} {self.whole(f'{bar.done.chance:.0%}')}")
            if bar.by:
                parts.append(f"{say['by']} {self.whole(bar.by.isoformat())}")
            note = ", ".join(parts)
        bold = bar.kind == "action" and bar.critical >= CRITICAL and bar.state != "done"
        room = self.width if self.narrow else self.left - 12
        size = 12.5 if self.narrow else 12.0
        lines = _wrapped(bar.title, room, size * (1.08 if bold else 1.0))
        for i, line in enumerate(lines):
            self.text(out, 0, y + 12 + 14 * i, line, size=size, weight=bold, halo=True)
        low = y + 12 + 14 * (len(lines) - 1)
        if note:
            low += 13
            self.text(out, 0, low, note, size=11, quiet=True, room=room, halo=True)
        if self.narrow:
            self.mark(out, bar, low + 13 + (4 if bar.by else 0))
            return low + 25
        self.mark(out, bar, y + 14)
        return max(low, y + 25) + 7

    def mark(self, out: list[str], bar: _Bar, y: float) -> None:
        """The bar of an action or the diamond of a milestone, with its range."""
        if bar.by:
            self._wanted(out, self.x(bar.by), y)
        if bar.done.p50 is None:
            return
        start, done = self.x(bar.start.p50), self.x(bar.done.p50)
        low, high = self.x(bar.done.p10), self.x(bar.done.p90)
        beyond = self._beyond(bar.done.p90)
        if bar.kind == "milestone":
            if self._beyond(bar.done.p50):
                words = bar.done.p50.isoformat()
                self.text(out, self.right - 8, y + 4, words, size=10.5, anchor="end")
                self._range(out, self.right - 4, self.right, y, True, feet=False)
                return
            self._range(out, low, high, y, beyond)
            x = self.at(done)
            shape = f"M{x:.1f},{y - 6:.1f}l6,6l-6,6l-6,-6z"
            out.append(f'<path d="{shape}" fill="{INK}" stroke="#ffffff"/>')
            return
        if bar.state == "done":
            self.box(out, start, done, y - 5, 10, _DONE_LOOK)
            return
        dark = bar.critical >= CRITICAL
        self._range(out, low, high, y, beyond)
        self.box(out, start, done, y - 5, 10, _CRITICAL_LOOK if dark else _OTHER_LOOK)
        # Inside the bar the range is cut out of the dark, or drawn on the light.
        inside = max(low, start)
        if inside < done:
            look = f'stroke="{"#ffffff" if dark else INK}" stroke-width="1.3"'
            self.stroke(out, inside, y, done, y, look)
            if low >= start:
                self.stroke(out, low, y - 3.5, low, y + 3.5, look)

    def _beyond(self, day: dt.date | None) -> bool:
        return day is None or day > self.last

    def _range(
        self, out: list[str], x0: float, x1: float, y: float, beyond: bool, *, feet: bool = True
    ) -> None:
        """A thin line with feet; an arrow where it runs beyond the drawing."""
        if x0 == x1 and not beyond:
            return
        a, b = self.at(x0), self.at(x1)
        shape = f"M{a:.1f},{y:.1f}H{b:.1f}"
        if feet:
            shape += f"M{a:.1f},{y - 3.5:.1f}v7"
        if not beyond:
            shape += f"M{b:.1f},{y - 3.5:.1f}v7"
        for look in (
            'stroke="#ffffff" stroke-width="3.4"',
            f'stroke="{INK}" stroke-width="1.3"',
        ):
            out.append(f'<path d="{shape}" {look}/>')
        if beyond:
            tip, back = self.at(x1 + 9), self.at(x1)
            shape = f"M{tip:.1f},{y:.1f}L{back:.1f},{y - 4.5:.1f}L{back:.1f},{y + 4.5:.1f}z"
            out.append(f'<path d="{shape}" fill="{INK}"/>')

    def _wanted(self, out: list[str], x: float, y: float) -> None:
        """An open triangle above the line, so that it never hides what stands on the line."""
        shape = f"M{self.at(x):.1f},{y - 4:.1f}l-5,-8h10z"
        out.append(f'<path d="{shape}" fill="#ffffff" stroke="{INK}" stroke-width="1.2"/>')


def _bars(plan: Plan, draws: PlanDraws, audience: Audience) -> list[_Bar]:
    shares = criticality(plan, draws)
    bars: list[_Bar] = []
    for a in plan.actions.values():
        if audience == "external" and a.confidentiality != "public":
            continue
        state = "to come"
        if a.finished is not None and a.finished <= draws.as_of:
            state = "done"
        elif a.started is not None and a.started <= draws.as_of:
            state = "under way"
        start = _when(draws.starts[a.id], draws.finishes[a.id], draws)
        done = _when(draws.finishes[a.id], draws.finishes[a.id], draws)
        bars.append(
            _Bar("action", a.id, a.title, a.owner, state, start, done, None, None, shares[a.id])
        )
    bars.sort(key=lambda b: (b.start.p50 or dt.date.max, b.done.p50 or dt.date.max, b.id))
    for m in milestone_chances(plan, draws):
        if m.kind != "milestone":
            continue
        if audience == "external" and plan.milestones[m.id].confidentiality != "public":
            continue
        day = ready(plan, m.id, draws)
        when = m.when if day is None else _when(day, day, draws)
        bars.append(_Bar("milestone", m.id, m.title, "", "", when, when, m.by, m.in_time, 0.0))
    if audience == "external":
        bars = [
            replace(
                bar, start=_plain(bar.start), done=_plain(bar.done), in_time=None, critical=0.0
            )
            for bar in bars
        ]
    return bars


def _plain(when: Spread) -> Spread:
    """The likely day alone."""
    return Spread(when.p50, when.p50, when.p50, 1.0)


def _when(days: FloatArray, done: FloatArray, draws: PlanDraws) -> Spread:
    """Where a day lies among the futures in which the work is done; the chance that it is."""
    ever = done < math.inf
    if not ever.any():
        return Spread(None, None, None, 0.0)
    return replace(spread(days[ever], draws), chance=float(ever.mean()))


def _described(
    bars: list[_Bar], *, deadlines_text: list[tuple[str, dt.date]], say: Mapping[str, str]
) -> str:
    parts = [f"{title} {day.isoformat()}" for title, day in deadlines_text]
    for bar in bars:
        if bar.kind == "milestone":
            when = bar.done.p50.isoformat() if bar.done.p50 else say["never"]
            chance = f", {say['in_time']} {bar.in_time:.0%}" if bar.in_time is not None else ""
            parts.append(f"{bar.title}: {when}{chance}")
    return "; ".join(parts)


def _right_to_left(text: str) -> bool:
    """Whether the first letter with a direction runs from right to left."""
    for letter in text:
        way = unicodedata.bidirectional(letter)
        if way in ("R", "AL"):
            return True
        if way == "L":
            return False
    return False


def _wide(text: str, size: float) -> float:
    """About how wide a text is; a little too much rather than too little."""
    return sum(0.62 if c.isupper() or c.isdigit() else 0.5 for c in text) * size


def _fitted(text: str, room: float, size: float) -> str:
    if _wide(text, size) <= room:
        return text
    fits = max(math.floor(room / (0.54 * size)) - 2, 1)
    return text[:fits].rsplit(" ", 1)[0] + " …"


def _wrapped(text: str, room: float, size: float) -> list[str]:
    """At most two lines; what does not fit on the second is cut with dots."""
    lines, words = [""], text.split()
    while words:
        longer = f"{lines[-1]} {words[0]}".strip()
        if not lines[-1] or _wide(longer, size) <= room:
            lines[-1] = longer
            words.pop(0)
        elif len(lines) == 2:
            lines[-1] = _fitted(" ".join([lines[-1], *words]), room, size)
            break
        else:
            lines.append("")
    return lines


def _safe(text: str) -> str:
    return html.escape(text, quote=True)
