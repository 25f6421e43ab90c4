"""The pathways on one page, for a lawyer with a pencil.

In comes a rulebook; out goes a self-contained SVG of A3 landscape (text of 8 points and more,
black on white, nothing told by colour alone). The layout is worked out from the rulebook: a
column of common steps, a row for each pathway from the person's choice to its end, and below
them the legal axis and the axis of place. A box is a state, a heavy box with a bar ends the
operation's care; an arrow carries the step, the safeguards asked and who decides. Steps that
lead back are written under their row instead of drawn, so that no line has to be untangled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from onward.rulebook.model import Move, Rulebook, State, Transition

WIDTH, HEIGHT = 1190.55, 841.89  # A3 landscape in points
MARGIN = 24.0
SMALL, TEXT, BIG = 8.0, 8.5, 15.0  # font sizes in points
LINE = 9.6
TALLEST_ROW = 150.0

INK, SOFT, BAND = "#111111", "#555555", "#f0f0f0"


# ---------------------------------------------------------------------------------------------
# Pieces of SVG
# ---------------------------------------------------------------------------------------------
def text_width(text: str, size: float, bold: bool = False) -> float:
    """About how wide a text is in points, from the proportions of a plain sans-serif face."""
    ems = sum(
        0.28 if sign in " .,:;'|il()" else
        0.36 if sign in "jtfrI-/" else
        0.86 if sign in "mwMW→" else
        0.68 if sign.isupper() else
        0.53
        for sign in text
    )  # fmt: skip
    return ems * size * (1.06 if bold else 1.0)


def wrap(text: str, width: float, size: float = SMALL, *, bold: bool = False) -> list[str]:
    """Lines of at most `width` points; a longer word stands alone."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size, bold) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


@dataclass
class Canvas:
    """Collects SVG elements in drawing order."""

    parts: list[str] = field(default_factory=list)

    def text(
        self, x: float, y: float, text: str, *, size: float = SMALL, bold: bool = False,
        anchor: str = "start", soft: bool = False, halo: bool = False,
    ) -> None:  # fmt: skip
        style = ' font-weight="bold"' if bold else ""
        style += f' fill="{SOFT}"' if soft else ""
        style += ' class="halo"' if halo else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}"{style}>'
            f"{escape(text)}</text>"
        )

    def lines(
        self, x: float, y: float, lines: Iterable[tuple[str, bool]], *, anchor: str = "start",
        size: float = SMALL, soft_rest: bool = False,
    ) -> float:  # fmt: skip
        """Lines one below the other; returns the y below the last."""
        for text, bold in lines:
            self.text(
                x, y, text, bold=bold, anchor=anchor, size=size, soft=soft_rest and not bold
            )
            y += LINE
        return y

    def box(self, x: float, y: float, width: float, height: float, state: State) -> None:
        """A state; one that ends the operation's care has a heavy frame and a bar."""
        end = bool(state.ends)
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="3" '
            f'fill="#ffffff" stroke="{INK}" stroke-width="{2 if end else 0.9}"/>'
        )
        if end:
            self.parts.append(
                f'<rect x="{x + width - 5:.1f}" y="{y:.1f}" width="5" height="{height:.1f}" '
                f'fill="{INK}"/>'
            )
        said = f"{state.title} ({state.code})" if state.code else state.title
        lines = wrap(said, width - (13 if end else 8), TEXT, bold=True)
        top = y + height / 2 - (len(lines) - 1) * LINE / 2 + TEXT * 0.35
        middle = x + (width - (5 if end else 0)) / 2
        for i, line in enumerate(lines):
            self.text(middle, top + i * LINE, line, size=TEXT, bold=True, anchor="middle")

    def line(
        self, points: Sequence[tuple[float, float]], *, arrow: bool = True, dashed: bool = False
    ) -> None:
        path = " ".join(
            f"{'M' if i == 0 else 'L'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(points)
        )
        style = ' marker-end="url(#arrow)"' if arrow else ""
        style += ' stroke-dasharray="4 3"' if dashed else ""
        self.parts.append(
            f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="0.9"{style}/>'
        )

    def band(self, x: float, y: float, width: float, height: float, fill: str = BAND) -> None:
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'fill="{fill}"/>'
        )


# ---------------------------------------------------------------------------------------------
# What stands where
# ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Row:
    """One pathway: its states from left to right. A state is (axis, name): most are stages, a
    place where the pathway's movement changes no stage of its own."""

    pathway: str
    states: tuple[tuple[str, str], ...]


def depths(starts: Iterable[str], moves: Iterable[Move], axis: str) -> dict[str, int]:
    """How many steps of one axis each state is from where a record begins."""
    found = dict.fromkeys(starts, 0)
    moves = [move for move in moves if axis in move.targets]
    grew = True
    while grew:
        grew = False
        for move in moves:
            target = move.targets[axis]
            sources = move.sources.get(axis)
            near = min((found[s] for s in sources or () if s in found), default=None)
            if sources is None:
                near = 0 if target not in found else None
            if near is not None and near + 1 < found.get(target, 10**6):
                found[target] = near + 1
                grew = True
    return found


def stage_rows(rulebook: Rulebook) -> tuple[list[str], list[Row]]:
    """The common stages in order, and a row for every pathway in the rulebook's order."""
    axis = rulebook.axes["stage"]
    moves = list(rulebook.moves().values())
    depth = depths([axis.starts], moves, "stage")
    pathway_of = {axis.starts: "common"}
    for move in moves:  # the first step that leads to a stage says where it belongs
        if "stage" in move.targets:
            pathway_of.setdefault(move.targets["stage"], move.pathway)
    common = [
        s for s in axis.states if pathway_of.get(s) == "common" and not axis.states[s].ends
    ]
    common.sort(key=lambda s: (depth.get(s, 99), list(axis.states).index(s)))
    pathways = dict.fromkeys(p for p in pathway_of.values() if p != "common")
    rows = []
    for pathway in pathways:
        own = [("stage", s) for s in axis.states if pathway_of.get(s) == pathway]
        own.sort(key=lambda key: depth.get(key[1], 99))
        for move in moves:
            place = move.targets.get("place")
            stage = move.targets.get("stage")
            to_common = stage is None or pathway_of.get(stage) == "common"
            if move.pathway == pathway and place and to_common and not move.records:
                own.append(("place", place))
        rows.append(Row(pathway, tuple(dict.fromkeys(own))))
    last = [row for row in rows if row.pathway == "handover"]  # the one route without consent
    return common, [row for row in rows if row.pathway != "handover"] + last


def step_words(rulebook: Rulebook, step: Transition, moves: Sequence[Move]) -> list[str]:
    """What is said about a step when it applies only to some: the other axes it asks for."""
    said = []
    for move in moves:
        for axis, states in move.sources.items():
            if axis == "stage" or (axis == "place" and "stage" in move.sources):
                continue
            titles = [rulebook.axes[axis].states[s].title for s in states]
            said.append("if " + " or ".join(titles).lower())
    return list(dict.fromkeys(said))


def label(
    rulebook: Rulebook,
    step: Transition,
    moves: Sequence[Move],
    width: float,
    *,
    who: bool = True,
) -> list[tuple[str, bool]]:
    """The text of an arrow: step and title, conditions, safeguards, who decides."""
    names = [
        m.name.replace("_", " ") for m in moves if len(step.moves) > 1 and m.name != "done"
    ]
    title = f"{step.name} {step.title}" + (f": {' or '.join(names)}" if names else "")
    lines = [(text, True) for text in wrap(title, width, bold=True)]
    for said in step_words(rulebook, step, moves):
        lines += [(text, False) for text in wrap(said, width)]
    guards = " ".join(step.safeguards) or "always recordable"
    lines += [(text, False) for text in wrap(guards, width)]
    if step.movement and any(rulebook.is_movement(m) for m in moves):
        lines += [(text, False) for text in wrap("asked again on the day", width)]
    if who:
        lines += [(text, False) for text in wrap(f"decides: {step.decides}", width)]
    return lines


def state_title(rulebook: Rulebook, key: tuple[str, str]) -> str:
    return rulebook.axes[key[0]].states[key[1]].title


# ---------------------------------------------------------------------------------------------
# The page
# ---------------------------------------------------------------------------------------------
def pathways_svg(rulebook: Rulebook) -> str:
    """The whole drawing as one SVG document (A3 landscape, no outside resource)."""
    canvas = Canvas()
    common, rows = stage_rows(rulebook)
    top = _heading(canvas, rulebook)
    lower = 152.0
    bottom = HEIGHT - MARGIN - 3.4 * LINE
    lower = max(lower, bottom - top - 6 - TALLEST_ROW * len(rows))
    _stages(canvas, rulebook, common, rows, top, bottom - lower - 6)
    gap = 10.0
    share = (WIDTH - 2 * MARGIN - gap) * 0.56
    _axis_lane(canvas, rulebook, "legal", MARGIN, bottom - lower, share, lower)
    _axis_lane(
        canvas, rulebook, "place", MARGIN + share + gap, bottom - lower,
        WIDTH - 2 * MARGIN - gap - share, lower,
    )  # fmt: skip
    _legend(canvas, rulebook)
    title = f"Pathways of {rulebook.title}, version {rulebook.version}"
    description = _description(rulebook, common, rows)
    body = "\n".join(canvas.parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="420mm" height="297mm" \
viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title desc" \
font-family="Helvetica, Arial, 'Liberation Sans', 'Noto Sans', 'DejaVu Sans Condensed', sans-serif" fill="{INK}">
<title id="title">{escape(title)}</title>
<desc id="desc">{escape(description)}</desc>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" \
orient="auto-start-reverse"><path d="M0 0.6 L8 4 L0 7.4 z" fill="{INK}"/></marker></defs>
<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>
{body}
</svg>
"""


def _heading(canvas: Canvas, rulebook: Rulebook) -> float:
    canvas.text(MARGIN, MARGIN + 12, rulebook.title, size=BIG, bold=True)
    said = (
        f"Rulebook {rulebook.name} {rulebook.version}, {rulebook.hash[:12]}. "
        "No step opens on a missing answer; what happened can always be recorded."
    )
    canvas.text(WIDTH - MARGIN, MARGIN + 12, said, anchor="end", size=TEXT)
    return MARGIN + 22


def _stages(
    canvas: Canvas, rulebook: Rulebook, common: Sequence[str], rows: Sequence[Row], top: float,
    bottom: float,
) -> None:  # fmt: skip
    """The pathway stages: common steps downwards on the left, a band for each pathway."""
    left = MARGIN
    column = 176.0
    band_left = left + column + 26
    band_width = WIDTH - MARGIN - band_left
    height = (bottom - top) / max(len(rows), 1)
    boxes = max((len(row.states) for row in rows), default=1)
    box_width = 80.0
    first = band_left + 100
    slot = (WIDTH - MARGIN - 6 - box_width - first) / max(boxes - 1, 1)
    slot = min(slot, 260.0)
    moves = rulebook.moves().values()

    canvas.text(left, top + 9, "PATHWAY STAGE: common steps", size=SMALL, bold=True)
    trunk = left + column + 12
    branches = _common_steps(canvas, rulebook, common, left, top + 14, column, bottom, trunk)
    opened: list[float] = []
    for i, row in enumerate(rows):
        y = top + i * height
        if i % 2 == 0:
            canvas.band(band_left, y, band_width, height - 3)
        canvas.text(
            band_left + 5, y + 15, _pathway_title(rulebook, row.pathway), size=10, bold=True
        )
        box_height = 30.0
        box_y = y + 9
        middle = box_y + box_height / 2
        for j, key in enumerate(row.states):
            state = rulebook.axes[key[0]].states[key[1]]
            canvas.box(first + j * slot, box_y, box_width, box_height, state)
        entry, entry_moves = _entry(rulebook, row, common)
        if entry is not None:
            from_common = bool(
                set(common) & {s for m in entry_moves for s in m.sources.get("stage", ())}
            )
            if from_common:
                opened.append(middle)
                canvas.line([(trunk, middle), (first - 1, middle)])
            else:
                canvas.line([(band_left + 5, middle), (first - 1, middle)], dashed=True)
                told = any(
                    m.sources.get("stage")
                    and m.targets.get("stage") in {n for _, n in row.states}
                    for m in entry.moves.values()
                )
                canvas.lines(band_left + 5, middle + 11,
                             label(rulebook, entry, entry_moves, 96, who=not told))  # fmt: skip
        for j in range(len(row.states) - 1):
            here, there = row.states[j], row.states[j + 1]
            joining = [
                m for m in moves
                if m.targets.get(there[0]) == there[1]
                and (here[1] in m.sources.get(here[0], ()) or there[0] == "place")
                and m.pathway == row.pathway
                and not (there[0] == "place" and m.records)
            ]  # fmt: skip
            x = first + j * slot + box_width
            if not joining:
                continue
            canvas.line([(x, middle), (first + (j + 1) * slot - 1, middle)],
                        dashed=all(m.records for m in joining))  # fmt: skip
            step = rulebook.transitions[joining[0].transition]
            space = slot - box_width - 12
            lines = label(rulebook, step, joining, space)
            heading = [line for line in lines if line[1]]
            rest = [line for line in lines if not line[1]]
            canvas.lines(x + 6, middle - 3 - LINE * (len(heading) - 1), heading)
            canvas.lines(x + 6, middle + 10, rest)
        elsewhere = [
            step.name
            for step in rulebook.transitions.values()
            if step.pathway == row.pathway
            and all(set(move.targets) == {"legal"} for move in step.moves.values())
        ]
        if elsewhere and len(row.states) < boxes:
            canvas.text(first + (len(row.states) - 1) * slot + box_width + 10, middle + 3,
                        f"goes on under {rulebook.axes['legal'].title.upper()}: "
                        f"{' '.join(elsewhere)}")  # fmt: skip
        for j, key in enumerate(row.states):
            notes = _ways_back(rulebook, row, key, box_width + 6)
            under = [(line, False) for line in notes]
            canvas.lines(first + j * slot, box_y + box_height + 11, under)
    if opened and branches:
        ends = [*opened, *branches]
        canvas.line([(trunk, min(ends)), (trunk, max(ends))], arrow=False)


def _entry(
    rulebook: Rulebook, row: Row, common: Sequence[str]
) -> tuple[Transition | None, list[Move]]:
    """The step that opens a row, with its moves."""
    if not row.states:
        return None, []
    axis, name = row.states[0]
    own = {s for _, s in row.states}
    entering = [
        m for m in rulebook.moves().values()
        if m.targets.get(axis) == name
        and not (m.sources.get("stage") and set(m.sources["stage"]) <= own)
        and not m.records
    ]  # fmt: skip
    if not entering:
        return None, []
    step = rulebook.transitions[entering[0].transition]
    return step, [m for m in entering if m.transition == step.name]


def _common_steps(
    canvas: Canvas, rulebook: Rulebook, common: Sequence[str], x: float, top: float, width: float,
    bottom: float, trunk: float,
) -> list[float]:  # fmt: skip
    """The common stages one below the other; returns the heights where choices branch off."""
    box_width, box_height = 82.0, 26.0
    moves = [
        m for m in rulebook.moves().values() if "stage" in m.targets and "stage" in m.sources
    ]
    gap = min((bottom - top - box_height - 60) / max(len(common) - 1, 1), 112.0)
    place = {state: top + i * gap for i, state in enumerate(common)}
    middle = x + box_width / 2
    for state, y in place.items():
        canvas.box(x, y, box_width, box_height, rulebook.axes["stage"].states[state])
    for here, there in pairwise(common):
        joining = [
            m for m in moves if m.targets["stage"] == there and here in m.sources["stage"]
        ]
        asked = [m for m in joining if not m.records]
        if not joining:
            continue
        canvas.line([(middle, place[here] + box_height), (middle, place[there] - 1)],
                    dashed=not asked)  # fmt: skip
        if asked:
            step = rulebook.transitions[asked[0].transition]
            lines = label(rulebook, step, asked, width - box_width / 2 - 10)
            canvas.lines(middle + 6, place[here] + box_height + 10, lines)
        else:
            entering = [m for m in moves if m.records and m.targets["stage"] == there]
            names = ", ".join(f"{m.transition} {m.name.replace('_', ' ')}" for m in entering)
            lines = [(text, False) for text in wrap(f"{names}: always recordable", width - 52)]
            canvas.lines(middle + 6, place[there] - 4 - LINE * (len(lines) - 1), lines)
    branches: list[float] = []
    for step in rulebook.transitions.values():
        if step.pathway != "chosen":
            continue
        sources = {s for m in step.moves.values() for s in m.sources.get("stage", ())}
        for state in (state for state in common if state in sources):
            y = place[state] + box_height / 2
            canvas.line([(x + box_width, y), (trunk, y)], arrow=False)
            if not branches:
                room = width - box_width + 2
                heading = [
                    (text, True)
                    for text in wrap(f"{step.name} {step.title}", room - 8, bold=True)
                ]
                canvas.lines(x + box_width + 6, y - 3 - LINE * (len(heading) - 1), heading)
                rest = [" ".join(step.safeguards), f"decides: {step.decides}", step.reversed_by]
                canvas.lines(x + box_width + 6, y + 10,
                             [(text, False) for said in rest for text in wrap(said, room)])  # fmt: skip
            branches.append(y)
    notes_top = place[common[-1]] + box_height + 16 if common else top
    _common_notes(canvas, rulebook, x, notes_top, width)
    return branches


def _common_notes(canvas: Canvas, rulebook: Rulebook, x: float, y: float, width: float) -> None:
    """Steps that only record, in words: they lead from anywhere."""
    for step in rulebook.transitions.values():
        if step.pathway == "common" and step.records:
            for line in wrap(f"{step.name} {step.title}: always recordable.", width):
                canvas.text(x, y, line)
                y += LINE


def _ways_back(rulebook: Rulebook, row: Row, key: tuple[str, str], width: float) -> list[str]:
    """Steps from (or, from anywhere, to) a state that no arrow shows, in a few words."""
    order = [name for axis, name in row.states if axis == "stage"]
    axis, name = key
    said: dict[str, list[str]] = {}
    for move in rulebook.moves().values():
        if (
            move.pathway != row.pathway
            or rulebook.transitions[move.transition].pathway == "chosen"
        ):
            continue
        words = f"{move.transition} {move.name.replace('_', ' ')}"
        target = move.targets.get("stage")
        if name in move.sources.get(axis, ()) and (axis == "stage" or move.records):
            forward = (
                target in order and order.index(target) == order.index(name) + 1
                if axis == "stage"
                else False
            )
            placed = ("place", move.targets.get("place", "")) in row.states and not move.records
            if forward or placed or not (target or "place" in move.targets):
                continue
            where = (
                rulebook.axes["stage"].states[target].title if target
                else rulebook.axes["place"].states[move.targets["place"]].title
            )  # fmt: skip
            said.setdefault(where, []).append(words)
        elif (
            axis == "stage" and target == name and "stage" not in move.sources and move.records
        ):
            said.setdefault("here, from any stage", []).append(words)
    return [
        line
        for where, steps in said.items()
        for line in wrap(f"{', '.join(steps)}: {where}" if where.startswith("here")
                         else f"{', '.join(steps)} → {where}", width)
    ]  # fmt: skip


def _pathway_title(rulebook: Rulebook, pathway: str) -> str:
    words = {
        "return": "Return home", "protection": "Protection", "resettlement": "Resettlement",
        "onward": "Onward departure", "relocation": "Relocation", "stay": "Lawful stay",
        "handover": "Hand-over",
    }  # fmt: skip
    return words.get(pathway, pathway.replace("_", " ").capitalize())


def _axis_lane(
    canvas: Canvas,
    rulebook: Rulebook,
    name: str,
    x: float,
    y: float,
    width: float,
    height: float,
) -> None:
    """One axis in columns: states, then the steps between them, then states again."""
    axis = rulebook.axes[name]
    moves = [m for m in rulebook.moves().values() if name in m.targets]
    begin = [axis.starts, *(s.name for s in axis.states.values() if s.registered)]
    depth = depths(begin, moves, name)
    columns: dict[int, list[str]] = {}
    for state in axis.states:
        columns.setdefault(depth.get(state, 0), []).append(state)
    ordered = [columns[d] for d in sorted(columns)]
    for left_states, right_states in pairwise(
        ordered
    ):  # fewer crossings: by where they come from
        right_states.sort(key=lambda s: _origin(s, left_states, moves, name))
    canvas.parts.append(
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="none" '
        f'stroke="{SOFT}" stroke-width="0.6"/>'
    )
    canvas.text(x + 6, y + 11, axis.title.upper(), bold=True)
    top, inner = y + 16, height - 38
    box_width = 84.0 if len(ordered) > 2 else 118.0
    gap = (width - 12 - box_width * len(ordered)) / max(len(ordered) - 1, 1)
    at: dict[str, tuple[float, float]] = {}
    for i, states in enumerate(ordered):
        room = inner / len(states)
        box_height = min(32.0, room - 3)
        for j, state in enumerate(states):
            left = x + 6 + i * (box_width + gap)
            box_y = top + j * room + (room - box_height) / 2
            canvas.box(left, box_y, box_width, box_height, axis.states[state])
            at[state] = (left, box_y + box_height / 2)
    back: list[str] = []
    for i in range(len(ordered) - 1):
        _gap_steps(canvas, rulebook, name, ordered[i], ordered[i + 1], moves, at, box_width, gap,
                   top, inner)  # fmt: skip
    shown = {
        (a, b) for i in range(len(ordered) - 1) for a in ordered[i] for b in ordered[i + 1]
    }
    for move in moves:
        pairs = [(s, move.targets[name]) for s in move.sources.get(name, ())]
        if pairs and not any(pair in shown for pair in pairs):
            title = axis.states[move.targets[name]].title
            back.append(f"{move.transition} {move.name.replace('_', ' ')} → {title}")
    if back:
        lines = wrap("Also: " + "; ".join(back), width - 12)
        for k, line in enumerate(lines[:2]):
            canvas.text(x + 6, y + height - 5 - LINE * (min(len(lines), 2) - 1 - k), line)


def _origin(state: str, before: Sequence[str], moves: Sequence[Move], axis: str) -> float:
    """The middle position, in the column before, of the states a state is reached from."""
    places = [
        before.index(source)
        for move in moves
        if move.targets[axis] == state
        for source in move.sources.get(axis, ())
        if source in before
    ]
    return sum(places) / len(places) if places else len(before) / 2


def _gap_steps(
    canvas: Canvas, rulebook: Rulebook, axis: str, here: Sequence[str], there: Sequence[str],
    moves: Sequence[Move], at: Mapping[str, tuple[float, float]], box_width: float, gap: float,
    top: float, inner: float,
) -> None:  # fmt: skip
    """Steps between two columns: each is a small label that its states lead into and out of."""
    steps: dict[str, tuple[set[str], set[str]]] = {}
    for move in moves:
        sources = set(move.sources.get(axis, here)) & set(here)
        if move.targets[axis] in there and sources:
            froms, tos = steps.setdefault(move.transition, (set(), set()))
            froms |= sources
            tos.add(move.targets[axis])
    if not steps:
        return

    def height_of(item: tuple[str, tuple[set[str], set[str]]]) -> float:
        froms, tos = item[1]
        return sum(at[s][1] for s in tos) / len(tos) + 0.01 * sum(at[s][1] for s in froms)

    ordered = sorted(steps.items(), key=height_of)
    room = inner / len(ordered)
    left = at[here[0]][0] + box_width
    width = min(gap - 36, 118.0)
    middle = left + (gap - width) / 2
    for k, (name, (froms, tos)) in enumerate(ordered):
        step = rulebook.transitions[name]
        guards = " ".join(step.safeguards) if axis != "place" else ""
        lines = [(text, True) for text in wrap(f"{name} {step.title}", width - 6, bold=True)]
        lines += [(text, False) for text in wrap(guards, width - 6)]
        lines = lines[: max(int((room - 3) // LINE), 1)]
        y = top + (k + 0.5) * room
        tall = len(lines) * LINE + 3
        for source in sorted(froms):
            canvas.line([(left, at[source][1]), (middle, y)], arrow=False)
        for target in sorted(tos):
            canvas.line([(middle + width, y), (at[target][0] - 1, at[target][1])])
        canvas.band(middle, y - tall / 2, width, tall)
        canvas.lines(middle + 3, y - tall / 2 + SMALL + 0.6, lines)


def _legend(canvas: Canvas, rulebook: Rulebook) -> None:
    y = HEIGHT - MARGIN - 2
    guards = "; ".join(f"{s.name} {s.title}" for s in rulebook.safeguards.values())
    always = " ".join(rulebook.movement_always)
    lines = wrap(
        f"Safeguards: {guards}. At every movement also {always} and all along its path. Heavy box "
        "with a bar: the operation's care ends there. Dashed: recorded, or from any stage.",
        0.94 * (WIDTH - 2 * MARGIN),  # fonts that stand in for the measured one are wider
    )
    for i, line in enumerate(lines):
        canvas.text(MARGIN, y - LINE * (len(lines) - 1 - i), line)


def _description(rulebook: Rulebook, common: Sequence[str], rows: Sequence[Row]) -> str:
    """The drawing in words, for those who cannot see it."""
    stage = rulebook.axes["stage"].states
    said = ["Everybody passes through " + ", ".join(stage[s].title for s in common) + "."]
    for row in rows:
        path = ", then ".join(state_title(rulebook, key) for key in row.states)
        said.append(f"{_pathway_title(rulebook, row.pathway)}: {path}.")
    return " ".join(said)
