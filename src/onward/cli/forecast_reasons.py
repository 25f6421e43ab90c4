"""Why people are still here and what is not known, in words for the terminal.

Comes in: a forecast and the titles of states and safeguards. Goes out: lines of text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onward.forecast.run import Forecast

MOST = 8
TOO_NARROW = (
    "These ranges are too narrow: where they were checked, fewer than 8 in 10 counts lay inside. "
    "Plan for wider ones."
)


def why(made: Forecast, titles: Mapping[str, str]) -> list[str]:
    """Who is left and why, and whom safeguards hold back."""
    lines: list[str] = []
    if made.why:
        from onward.forecast.telling.wording import (
            REASONS,
            groups_told,
            in_groups,
            reason_title,
        )

        told = groups_told(made.why)
        names = [name.replace("_", " ") for name in told]
        beside = f"; of these, middle of {', '.join(names)}" if told else ""
        lines += ["", f"Why they will still be here   middle, 8 in 10{beside}"]
        kinds: dict[str, list[Mapping[str, Any]]] = {}
        for row in made.why:
            kinds.setdefault(str(row["kind"]), []).append(row)
        for kind, rows in kinds.items():
            for row in [row for row in rows if row["q90"] >= 0.5][:MOST]:
                what = f"{REASONS[kind]}: {reason_title(str(row['name']), titles)}"
                between = f"{row['q10']:,.0f} to {row['q90']:,.0f}"
                line = f"  {what:<58}{row['median']:>6,.0f}   {between:<14}"
                of = "".join(f"{people:>8,.0f}" for people in in_groups(row, told))
                lines.append((line + of).rstrip())
    if made.held:
        on_the_day = (
            "at the pace of remedies on record"
            if made.remedies
            else "if as large a share of each state is held back as today"
        )
        lines += ["", f"Held back by a safeguard   today, and 8 in 10 on the day {on_the_day}"]
        for guard, at in list(made.held.items())[:MOST]:
            lines.append(
                f"  {titles.get(guard, guard):<58}{at['today']:>6,.0f}   "
                f"{at['q10']:,.0f} to {at['q90']:,.0f}"
            )
        lines.append(f"  {TOO_NARROW}")
    return lines


def doubt(made: Forecast) -> list[str]:
    """What the uncertainty comes from, what would narrow it, and what is not known yet."""
    lines: list[str] = []
    if made.split:
        from onward.forecast.telling.wording import DOUBTS

        words = dict(DOUBTS)
        if "plan" not in made.inputs:
            # Without the plan, the only dates drawn are those of what people leave by.
            words["plan dates"] = "on which days convoys and flights go"
        lines += ["", "What the uncertainty comes from"]
        lines += [
            f"  {words.get(name, name):<44}{share:>5.0%}"
            for name, share in sorted(made.split.items(), key=lambda item: -item[1])
        ]
    if made.narrow:
        from onward.forecast.telling.reasons import NARROWEST, narrower, said_names

        lines += ["", f"{NARROWEST}, and by about how much"]
        lines += [
            f"  {said_names([(row['kind'], row['name'], row['share'])]):<64}"
            f"{narrower(row['share']):>5.0%}"
            for row in made.narrow
        ]
    if made.unknown:
        from onward.forecast.telling.reasons import NARROWEST

        lines += ["", "Not yet known"]
        lines += [f"  - {text}" for text in made.unknown if not text.startswith(NARROWEST)]
    if made.step:
        lines += [
            "",
            f"Steps of a day leave {made.step['bias']:+,.1f} people (give or take "
            f"{made.step['error']:,.1f}) against {made.step['per_day']:.0f} steps a day, which "
            "this run used.",
        ]
    return lines
