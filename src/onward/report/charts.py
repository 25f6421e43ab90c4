"""The report's figures as inline SVG: fan, blocked bars, pathway flows.

Comes in: numbers that have passed the disclosure rules. Goes out: SVG text without scripts or
outside references, readable in greyscale and on paper: bands differ in lightness, lines in
dash, and every mark is labelled in words. Fan and bars are Altair drawn by vl-convert; the
flows are our own template, since Vega-Lite has none.
"""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Mapping, Sequence
from typing import Any

INK, QUIET, LINE, ACCENT = "#1b1f24", "#5b6570", "#d5dae0", "#1f5f8b"
BANDS = ("#dce8f0", "#b5cfdf", "#7ba9c4")
FONT = "Noto Sans, Segoe UI, Helvetica, Arial, sans-serif"


def fan(
    dates: Sequence[dt.date],
    bands: Mapping[str, Sequence[float]],
    observed: Sequence[tuple[dt.date, float]],
    deadline: dt.date,
    *,
    deadline_label: str,
    title: str,
    description: str,
) -> str:
    """People present: what was counted, then the fan of what may come.

    dates     days of the forecast
    bands     series of the same length: "q025" "q10" "q25" "median" "q75" "q90" "q975" (people)
    observed  (day, people) counted so far
    """
    import altair as alt

    rows = [
        {"day": day.isoformat(), **{name: float(values[i]) for name, values in bands.items()}}
        for i, day in enumerate(dates)
    ]
    past = [{"day": day.isoformat(), "people": float(value)} for day, value in observed]
    top = max([r["q975"] for r in rows] + [r["people"] for r in past]) * 1.06
    x = alt.X("day:T", title=None, axis=_time_axis())
    scale = alt.Scale(domain=[0, top])
    layers: list[Any] = []
    for (low, high), colour in zip(
        (("q025", "q975"), ("q10", "q90"), ("q25", "q75")), BANDS, strict=True
    ):
        layers.append(
            alt.Chart(alt.Data(values=rows))
            .mark_area(color=colour)
            .encode(
                x=x, y=alt.Y(f"{low}:Q", scale=scale, title="people present"), y2=f"{high}:Q"
            )
        )
    layers.append(
        alt.Chart(alt.Data(values=rows))
        .mark_line(color=ACCENT, strokeWidth=2, strokeDash=[6, 3])
        .encode(x=x, y=alt.Y("median:Q", scale=scale))
    )
    layers.append(
        alt.Chart(alt.Data(values=past))
        .mark_line(color=INK, strokeWidth=2)
        .encode(x=x, y=alt.Y("people:Q", scale=scale))
    )
    mark = [{"day": deadline.isoformat(), "label": deadline_label, "y": top}]
    rule = alt.Chart(alt.Data(values=mark))
    layers.append(rule.mark_rule(color=INK, strokeDash=[2, 2], strokeWidth=1.5).encode(x="day:T"))
    layers.append(
        rule.mark_text(align="right", baseline="top", dx=-5, dy=2, fontSize=11, color=INK).encode(
            x="day:T", y=alt.Y("y:Q", scale=scale), text="label:N"
        )
    )
    last = rows[-1]
    ends = [
        {"day": last["day"], "y": last[name], "label": f"{last[name]:,.0f}  {what}"}
        for name, what in (
            ("q975", "upper, 95%"),
            ("median", "middle"),
            ("q025", "lower, 95%"),
        )
    ]
    layers.append(
        alt.Chart(alt.Data(values=ends))
        .mark_text(align="left", dx=6, fontSize=11, color=INK)
        .encode(x="day:T", y=alt.Y("y:Q", scale=scale), text="label:N")
    )
    chart = alt.layer(*layers).properties(
        width=620, height=260, padding={"left": 5, "top": 8, "right": 5, "bottom": 5}
    )
    return _drawn(chart, title, description)


def blocked_bars(
    rows: Sequence[tuple[str, str, int | None]], *, title: str, description: str
) -> str:
    """Horizontal bars: (safeguard, sentence, people whose next step it blocks; None hidden)."""
    width, left, line, gap = 760, 330, 30, 6
    shown = [value for _, _, value in rows if value is not None]
    top = max(shown, default=1) or 1
    height = len(rows) * (line + gap) + 10
    parts = [_open(width, height, title, description)]
    for index, (name, sentence, value) in enumerate(rows):
        y = 5 + index * (line + gap)
        parts.append(
            f'<text x="0" y="{y + 12}" font-weight="600" fill="{INK}">{_safe(name)}</text>'
        )
        parts.append(
            f'<text x="0" y="{y + 26}" font-size="11" fill="{QUIET}">{_safe(_short(sentence, 52))}</text>'
        )
        if value is None:
            parts.append(f'<text x="{left}" y="{y + 20}" fill="{QUIET}">hidden</text>')
            continue
        size = (width - left - 70) * value / top
        parts.append(
            f'<rect x="{left}" y="{y + 4}" width="{size:.1f}" height="{line - 10}" fill="{ACCENT}"/>'
        )
        parts.append(
            f'<text x="{left + size + 6:.1f}" y="{y + 19}" fill="{INK}">{value:,}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def flows(
    layers: Sequence[Sequence[tuple[str, str, int | None]]],
    links: Sequence[tuple[str, str, int | None]],
    *,
    title: str,
    description: str,
) -> str:
    """Pathway flows from left to right.

    layers  columns of (id, label, people); None is hidden
    links   (from id, to id, people); hidden ones are drawn as a thin dashed line
    """
    width, height, bar, pad = 760, 420, 12, 14
    totals = [sum(value or 0 for _, _, value in layer) for layer in layers]
    rows = max(len(layer) for layer in layers)
    scale = (height - 30 - pad * rows) / max(max(totals), 1)
    step = (width - 190) / max(len(layers) - 1, 1)
    place: dict[str, tuple[float, float, float]] = {}
    parts = [_open(width, height, title, description)]
    boxes = []
    for column, layer in enumerate(layers):
        x, y = column * step, 10.0
        for name, label, value in layer:
            size = max((value or 0) * scale, 3.0)
            place[name] = (x, y, size)
            shown = "…" if value is None else f"{value:,}"
            boxes.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{bar}" height="{size:.1f}" fill="{INK}"/>'
                f'<text x="{x + bar + 5:.1f}" y="{y + min(size / 2 + 4, size + 2):.1f}" fill="{INK}"'
                f' font-size="11.5" paint-order="stroke" stroke="#fff" stroke-width="3">'
                f'{_safe(label)} <tspan font-weight="600">{shown}</tspan></text>'
            )
            y += size + pad
    out = {name: 0.0 for name in place}
    into = {name: 0.0 for name in place}
    for source, target, value in links:
        if source not in place or target not in place:
            continue
        x0, y0, _ = place[source]
        x1, y1, _ = place[target]
        thick = max((value or 0) * scale, 0.0)
        a = y0 + out[source] + thick / 2
        b = y1 + into[target] + thick / 2
        out[source] += thick
        into[target] += thick
        middle = (x0 + bar + x1) / 2
        curve = f"M{x0 + bar:.1f},{a:.1f}C{middle:.1f},{a:.1f} {middle:.1f},{b:.1f} {x1:.1f},{b:.1f}"
        style = (
            f'stroke="{ACCENT}" stroke-opacity="0.28" stroke-width="{max(thick, 1.0):.1f}"'
            if value is not None
            else f'stroke="{QUIET}" stroke-width="1" stroke-dasharray="3 3"'
        )
        words = f"{source} to {target}: {'hidden' if value is None else f'{value:,}'}"
        parts.append(f'<path d="{curve}" fill="none" {style}><title>{_safe(words)}</title></path>')
    return "".join([*parts, *boxes, "</svg>"])


def _open(width: int, height: int, title: str, description: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' font-family="{FONT}" font-size="12.5">'
        f"<title>{_safe(title)}</title><desc>{_safe(description)}</desc>"
    )


def _drawn(chart: Any, title: str, description: str) -> str:
    import vl_convert

    configured = (
        chart.configure(font=FONT)
        .configure_view(strokeWidth=0)
        .configure_axis(
            labelColor=INK, titleColor=QUIET, gridColor=LINE, domainColor=LINE, labelFontSize=11,
            titleFontSize=11, titleFontWeight="normal",
        )  # fmt: skip
    )
    svg = vl_convert.vegalite_to_svg(configured.to_dict(), allowed_base_urls=[])
    head = f"<title>{_safe(title)}</title><desc>{_safe(description)}</desc>"
    start = svg.index("<svg")
    end = svg.index(">", start) + 1
    opening = svg[start:end]
    if "viewBox" in opening:
        import re

        opening = re.sub(r'\s(width|height)="[^"]*"', "", opening)
    return opening[:-1] + ' role="img">' + head + svg[end:]


def _time_axis() -> Any:
    import altair as alt

    return alt.Axis(format="%b %Y", labelAngle=0, tickCount={"interval": "month", "step": 3}, grid=False)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0] + " …"


def _safe(text: str) -> str:
    return html.escape(text, quote=True)
