"""The report's figures as inline SVG: fan, blocked bars, pathway flows.

Comes in: numbers that have passed the disclosure rules. Goes out: SVG text without scripts or
outside references, readable in greyscale and on paper: bands differ in lightness, lines in
dash, and every mark is labelled in words. Each figure is drawn twice, for a page (WIDE) and for
a phone (NARROW), so that letters keep their size. The fan is Altair drawn by vl-convert; bars
and flows are our own templates.
"""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from onward.report.model import NARROW as NARROW
from onward.report.model import WIDE as WIDE
from onward.report.saying import PLAIN, Sayer

INK, QUIET, LINE, ACCENT = "#1b1f24", "#5b6570", "#d5dae0", "#1f5f8b"
BANDS = ("#dce8f0", "#b0cbdc", "#74a3bf")
FONT = "Noto Sans, Noto Sans Arabic, Segoe UI, Helvetica, Arial, sans-serif"


FAN_WORDS = ("counted", "1 in 10 above", "middle", "1 in 10 below")


def fan(
    dates: Sequence[dt.date],
    bands: Mapping[str, Sequence[float]],
    observed: Sequence[tuple[dt.date, float]],
    deadline: dt.date,
    *,
    deadline_label: str,
    title: str,
    description: str,
    width: int = WIDE,
    say: Sayer = PLAIN,
) -> str:
    """People present: what was counted, then the fan of what may come.

    dates     days of the forecast
    bands     series of the same length: "q025" "q10" "q25" "median" "q75" "q90" "q975" (people)
    observed  (day, people) counted so far
    say       whose words, digits and calendar it is drawn in
    """
    import altair as alt

    narrow = width < 500
    size = 12 if narrow else 13
    data: Any = alt.Data
    rows: list[dict[str, Any]] = [
        {"day": day.isoformat(), **{name: float(values[i]) for name, values in bands.items()}}
        for i, day in enumerate(dates)
    ]
    past: list[dict[str, Any]] = [
        {"day": day.isoformat(), "people": float(value)} for day, value in observed
    ]
    if observed and observed[-1][0] < dates[0]:
        # The fan opens from what was counted last: a gap would look like days nobody knows of.
        rows.insert(0, {"day": past[-1]["day"], **dict.fromkeys(bands, past[-1]["people"])})
    top = max([r["q975"] for r in rows] + [r["people"] for r in past]) * 1.18
    scale = alt.Scale(domain=[0, top])
    span = (dates[-1] - (observed[0][0] if observed else dates[0])).days
    steps = max(round(span / 30.4 / (3 if narrow else 7)), 1)
    steps = next((s for s in (1, 2, 3, 6, 12, 24) if s >= steps), 24)
    said = Lettered(say)
    axis = alt.Axis(format="%b %Y", labelAngle=0, tickCount={"interval": "month", "step": steps},
                    grid=False, labelOverlap=True)  # fmt: skip
    if say.speech.language != "en":
        axis = alt.Axis(
            labelAngle=0, tickCount={"interval": "month", "step": steps}, grid=False, labelOverlap=True,
            labelExpr=f"{json.dumps(_months(said, observed, dates))}[timeFormat(datum.value, '%Y-%m')]",
        )  # fmt: skip
    x = alt.X("day:T", title=None, axis=axis)
    y_axis = alt.Axis(tickCount=5, format=",d")

    def y(name: str) -> Any:
        return alt.Y(f"{name}:Q", scale=scale, title=None, axis=y_axis)

    layers: list[Any] = []
    for (low, high), colour in zip(
        (("q025", "q975"), ("q10", "q90"), ("q25", "q75")), BANDS, strict=True
    ):
        layers.append(
            alt.Chart(data(values=rows))
            .mark_area(color=colour)
            .encode(x=x, y=y(low), y2=f"{high}:Q")
        )
    for name in ("q10", "q90"):
        layers.append(
            alt.Chart(data(values=rows))
            .mark_line(color=QUIET, strokeWidth=0.8)
            .encode(x=x, y=y(name))
        )
    layers.append(
        alt.Chart(data(values=rows))
        .mark_line(color=INK, strokeWidth=2, strokeDash=[6, 3])
        .encode(x=x, y=y("median"))
    )
    if past:
        layers.append(
            alt.Chart(data(values=past))
            .mark_line(color=INK, strokeWidth=2)
            .encode(x=x, y=y("people"))
        )
    labels = []
    if len(past) > 1:
        at = past[len(past) // 2]
        labels.append(
            {
                "day": at["day"],
                "y": at["people"] + top * 0.045,
                "label": said("counted"),
                "side": "m",
            }
        )
        now = observed[-1][0]
        labels.append(
            {
                "day": now.isoformat(),
                "y": top * 0.03,
                "label": said(f"{now.day} {now:%b %Y}"),
                "side": "l",
            }
        )
    labels.append(
        {"day": deadline.isoformat(), "y": top * 0.99, "label": deadline_label, "side": "l"}
    )
    last = rows[-1]
    ends = [("q90", "1 in 10 above"), ("median", "middle"), ("q10", "1 in 10 below")]
    gap = top * (0.075 if narrow else 0.06)
    heights = [float(last[name]) for name, _ in ends]
    heights[0] = max(heights[0], heights[1] + gap)
    heights[2] = max(min(heights[2], heights[1] - gap), 0.0)
    for (name, what), at_y in zip(ends, heights, strict=True):
        text = said(f"{last[name]:,.0f}: {what}")
        labels.append({"day": last["day"], "y": at_y, "label": text, "side": "r"})
    ruled = [deadline, *([observed[-1][0]] if len(past) > 1 else [])]
    layers.append(
        alt.Chart(data(values=[{"day": day.isoformat()} for day in ruled]))
        .mark_rule(color=INK, strokeDash=[2, 2], strokeWidth=1.2)
        .encode(x="day:T")
    )
    for side, align, dx in (("m", "center", 0), ("l", "right", -5), ("r", "left", 6)):
        found = [label for label in labels if label["side"] == side]
        if found:
            written = alt.Chart(data(values=found)).encode(x="day:T", y=y("y"), text="label:N")
            look: dict[str, Any] = {"align": cast(Any, align), "dx": dx, "fontSize": size}
            if side == "l":  # a line of the scale may run through it
                layers.append(written.mark_text(**look, stroke="white", strokeWidth=5))
            layers.append(written.mark_text(**look, color=INK))
    chart = alt.layer(*layers).properties(
        width=width - (172 if narrow else 200), height=250 if narrow else 300,
        padding={"left": 4, "top": 6, "right": 4, "bottom": 4},
    )  # fmt: skip
    return _drawn(chart, title, description, size, say)


def blocked_bars(
    rows: Sequence[tuple[str, str, int | None]],
    *,
    title: str,
    description: str,
    width: int = WIDE,
    say: Sayer = PLAIN,
) -> str:
    """Horizontal bars: (safeguard, sentence, people whose next step it blocks; None hidden)."""
    narrow = width < 500
    left = 0 if narrow else 350
    each = 58 if narrow else 38
    shown = [value for _, _, value in rows if value is not None]
    top = max(shown, default=1) or 1
    said = Lettered(say, width)
    begin = said.anchor("start")
    parts = [opened(width, max(len(rows) * each + 6, 20), title, description, say)]
    for index, (name, sentence, value) in enumerate(rows):
        y = 4 + index * each
        parts.append(
            f'<text x="{said.at(0)}" y="{y + 12}" font-weight="600" fill="{INK}"{begin}>{safe(said(name))}</text>'
        )
        parts.append(
            f'<text x="{said.at(0)}" y="{y + 27}" font-size="11" fill="{QUIET}"{begin}>{safe(said(sentence, 58))}</text>'
        )
        bar = y + (33 if narrow else 7)
        if value is None:
            parts.append(
                f'<text x="{said.at(left)}" y="{bar + 12}" fill="{QUIET}"{begin}>{said("… not shown")}</text>'
            )
            continue
        size = max((width - left - 60) * value / top, 1.0)
        parts.append(
            f'<rect x="{said.at(left, size)}" y="{bar}" width="{size:.1f}" height="15" fill="{ACCENT}"/>'
            f'<text x="{said.at(left + size + 6):.1f}" y="{bar + 12}" fill="{INK}"{begin}>{say(f"{value:,}")}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def flows(
    layers: Sequence[Sequence[tuple[str, str, int | None]]],
    links: Sequence[tuple[str, str, int | None]],
    *,
    title: str,
    description: str,
    width: int = WIDE,
    say: Sayer = PLAIN,
) -> str:
    """Pathway flows from left to right; from right to left for who reads so.

    layers  columns of (id, label, people); None is hidden
    links   (from id, to id, people); hidden ones are drawn as a thin dashed line
    """
    bar, pad = 12, 15.5
    most = max(len(layer) for layer in layers)
    tall = 190.0
    height = int(most * pad + tall + 24)
    known = [sum(value or 0 for _, _, value in layer) for layer in layers]
    scale = tall / max(*known, 1)
    right = 205
    step = (width - right) / max(len(layers) - 1, 1)
    place: dict[str, tuple[float, float, float, int]] = {}
    letters = Lettered(say, width)
    begin = letters.anchor("start")
    parts = [opened(width, height, title, description, say)]
    boxes: list[str] = []
    for column, layer in enumerate(layers):
        x = column * step
        spread = (height - 24 - sum((v or 0) * scale for _, _, v in layer)) / max(len(layer), 1)
        y = 10.0 if column == len(layers) - 1 else 34.0
        for name, label, value in layer:
            size = max((value or 0) * scale, 2.0)
            place[name] = (x, y, size, column)
            said = "…" if value is None else say(f"{value:,}")
            last = column == len(layers) - 1
            at = (
                f'x="{letters.at(x + bar + 5):.1f}" y="{y + size / 2 + 4:.1f}"'
                if last
                else f'x="{letters.at(x):.1f}" y="{y - 6:.1f}"'
            )
            if column == 0:
                at = f'x="{letters.at(x):.1f}" y="{y + size + 15:.1f}"'
            boxes.append(
                f'<rect x="{letters.at(x, bar):.1f}" y="{y:.1f}" width="{bar}" height="{size:.1f}" fill="{INK}"/>'
                f'<text {at} fill="{INK}" font-size="12" paint-order="stroke" stroke="#fff"'
                f' stroke-width="3"{begin}>{_beside(safe(say(label)), said, say)}</text>'
            )
            y += size + (pad if last else min(max(spread, pad), 90.0))
    out = dict.fromkeys(place, 0.0)
    into = dict.fromkeys(place, 0.0)
    for source, target, value in links:
        if source not in place or target not in place:
            continue
        x0, y0, _, _ = place[source]
        x1, y1, _, _ = place[target]
        thick = (value or 0) * scale
        a, b = y0 + out[source] + thick / 2, y1 + into[target] + thick / 2
        out[source] += thick
        into[target] += thick
        middle = (x0 + bar + x1) / 2
        x0, middle, x1 = (letters.at(x) for x in (x0 + bar, middle, x1))
        curve = f"M{x0:.1f},{a:.1f}C{middle:.1f},{a:.1f} {middle:.1f},{b:.1f} {x1:.1f},{b:.1f}"
        style = (
            f'stroke="{ACCENT}" stroke-opacity="0.28" stroke-width="{max(thick, 0.8):.1f}"'
            if value is not None
            else f'stroke="{QUIET}" stroke-width="1" stroke-dasharray="3 3"'
        )
        parts.append(f'<path d="{curve}" fill="none" {style}/>')
    return "".join([*parts, *boxes, "</svg>"])


def _beside(label: str, figure: str, say: Sayer) -> str:
    """A label and its figure, in the order in which they are read."""
    both = f'{label} <tspan font-weight="600">{figure}</tspan>'
    return f"\u2067{both}\u2069" if say.mirrored else both


def slim(svg: str) -> str:
    """The same drawing with a tenth of a unit as its finest step: half the bytes."""
    svg = re.sub(r"(\d+\.\d)\d+", r"\1", svg)
    return re.sub(r"(\d)\.0(?=[^\d])", r"\1", svg).replace(' text-anchor="start"', "")


class Lettered:
    """Writes on a drawing: words in the reader's language, and the side on which they begin."""

    def __init__(self, say: Sayer, width: float = WIDE) -> None:
        self.say, self.width = say, width

    def __call__(self, text: str, most: int = 0) -> str:
        """A text in the reader's words, cut to so many letters."""
        said = self.say(text)
        return self.say.lettering(_short(said, most) if most else said)

    def at(self, x: float, wide: float = 0.0) -> float:
        """Where something so wide stands: counted from the side on which reading begins."""
        return round(self.width - x - wide, 1) if self.say.mirrored else x

    def anchor(self, side: str) -> str:
        """The attribute that holds words to their beginning, middle or end."""
        if self.say.mirrored:
            side = {"start": "end", "end": "start"}.get(side, side)
        return f' text-anchor="{side}"' if side != "start" else ""


def _months(
    said: Lettered, observed: Sequence[tuple[dt.date, float]], dates: Sequence[dt.date]
) -> dict[str, str]:
    """How each month from the first day to the last is written under the axis."""
    month = (observed[0][0] if observed else dates[0]).replace(day=1)
    found = {}
    while month <= dates[-1] + dt.timedelta(days=31):
        found[f"{month:%Y-%m}"] = said(f"{month:%Y-%m}")
        month = (month + dt.timedelta(days=32)).replace(day=1)
    return found


def opened(width: int, height: int, title: str, description: str, say: Sayer = PLAIN) -> str:
    way = ' direction="ltr"' if say.mirrored else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"{way} role="img"'
        f' font-family="{FONT}" font-size="12.5">'
        f"<title>{safe(title)}</title><desc>{safe(description)}</desc>"
    )


def _drawn(chart: Any, title: str, description: str, size: int, say: Sayer) -> str:
    import vl_convert

    configured = (
        chart.configure(font=FONT)
        .configure_view(strokeWidth=0)
        .configure_axis(
            labelColor=INK,
            titleColor=QUIET,
            gridColor=LINE,
            domainColor=LINE,
            labelFontSize=size,
            titleFontSize=size,
            titleFontWeight="normal",
        )
    )
    own: dict[str, Any] = {}
    if say.speech.language != "en":
        own["format_locale"] = {
            "decimal": ".", "thousands": "\u202f", "grouping": [3], "currency": ["", ""],
            "numerals": [say.speech.figures(digit) for digit in "0123456789"],
        }  # fmt: skip
    drawing = configured.to_dict()
    _complete(drawing)
    svg = vl_convert.vegalite_to_svg(drawing, allowed_base_urls=[], **own)
    svg = slim(svg)
    svg = re.sub(r'\s(aria-[a-z]+|class)="[^"]*"', "", svg)
    svg = re.sub(r'\srole="graphics-[a-z]+"', "", svg)
    start = svg.index("<svg")
    end = svg.index(">", start) + 1
    opening = svg[start:end]
    if "viewBox" in opening:
        opening = re.sub(r'\s(width|height)="[^"]*"', "", opening)
    head = f"<title>{safe(title)}</title><desc>{safe(description)}</desc>"
    way = ' direction="ltr"' if say.mirrored else ""
    return opening[:-1] + f'{way} role="img">' + head + svg[end:]


def _complete(part: Any, name: str = "") -> None:
    """Refuse a chart that takes something from elsewhere: the drawing program fetches no address, and
    leaves out without a word what it could not read, so that a page would show an empty chart."""
    if isinstance(part, dict):
        if outside := {"url", "href"} & part.keys():
            raise ValueError(
                f"A chart asks for something from elsewhere ({name or 'chart'}: {min(outside)}). "
                "Charts hold all their data themselves."
            )
        for key, each in part.items():
            if key not in ("datasets", "values"):  # rows, whose columns may have any name
                _complete(each, key)
    elif isinstance(part, list):
        for each in part:
            _complete(each, name)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0] + " …"


def safe(text: str) -> str:
    return html.escape(text, quote=True)
