"""The plan with its dates, and who will still be here on the deadline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from onward.forecast.run import EVERYONE, Forecast
from onward.forecast.telling.reasons import NARROWEST, narrower
from onward.forecast.telling.wording import (
    DOUBTS,
    REASONS,
    REMEDIES_OF_DOUBT,
    groups_told,
    in_groups,
    narrowing,
    reason_title,
    titles,
)
from onward.plan.draws import milestone_chances
from onward.plan.gantt import WORDS, gantt_list, gantt_svg
from onward.plan.model import Plan
from onward.plan.timeline import KINDS, timeline
from onward.report import charts, track_record
from onward.report.disclosure import rounded
from onward.report.model import Block, Cell, Figure, Points, Section, Table, Text, count, words
from onward.report.phrases import between, day_text, plain_cell, plain_name, sentence_case
from onward.report.saying import Sayer
from onward.report.writer import Writer


def in_words(plan: Plan, say: Sayer) -> Plan:
    """The plan with what it draws in the reader's words; what nobody translated stays as written."""

    def said(group: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: replace(
                one, title=say(one.title),
                **({"owner": say(one.owner)} if getattr(one, "owner", "") else {}),
            )
            for name, one in group.items()
        }  # fmt: skip

    return replace(
        plan, actions=said(plan.actions), milestones=said(plan.milestones),
        deadlines=said(plan.deadlines),
    )  # fmt: skip


def the_plan(w: Writer) -> Section | None:
    if w.material.plan is None or w.material.draws is None:
        return None
    plan, draws = w.material.plan, w.material.draws
    blocks: list[Block] = []

    def draw(*, say: Sayer, width: int) -> str:
        return charts.slim(
            gantt_svg(
                in_words(plan, say), draws, w.on, audience=w.audience, width=width,
                mirrored=say.mirrored, words={name: say(text) for name, text in WORDS.items()},
                figures=say.figures,
            )
        )  # fmt: skip

    listed = gantt_list(plan, draws, audience=w.audience)
    columns = {"title": "What", "owner": "Owner", "state": "State", "start": "Likely start",
               "done_p10": "Early (1 in 10)", "done_likely": "Likely done",
               "done_p90": "Late (9 in 10)", "wanted_by": "Wanted by"}  # fmt: skip
    rows = listed.to_pylist()
    if not w.internal:
        columns = {k: v for k, v in columns.items() if k not in ("done_p10", "done_p90")}
    gantt_table = Table(
        "plan-dates", "The plan's actions and dates", list(columns.values()),
        [[plain_cell(row[name]) for name in columns] for row in rows], w.on,
    )  # fmt: skip
    how = (
        "Each bar is a piece of work, from its likely start to its likely end. The thin line is "
        "how early or late it may end. Vertical lines are deadlines; dark work holds one up."
        if w.internal
        else "Each bar is a piece of work at its likely dates. Vertical lines are deadlines."
    )
    if rows:
        blocks.append(Figure("gantt", _plan_title(w, rows), draw, gantt_table, w.on, how))
    if w.internal:
        lines = []
        for chance in milestone_chances(plan, draws):
            holds = ", ".join(
                f"{plan.actions[a].title} ({part:.0%})"
                for a, part in chance.critical[:2]
                if a in plan.actions
            )
            sure = chance.in_time
            tone: Literal["", "good", "wait", "late"] = ""
            if sure is not None:
                tone = "good" if sure >= 0.8 else "wait" if sure >= 0.5 else "late"
            lines.append(
                [
                    words(chance.title),
                    words(day_text(chance.by)),
                    words("–") if sure is None
                    else Cell(f"{_chance_word(sure)} ({sure:.0%})", round(sure, 3), tone),
                    words(day_text(chance.when.p50)),
                    words(holds or "–"),
                ]
            )  # fmt: skip
        if lines:
            blocks.append(
                Table("milestones", "Chance that each milestone is met in time",
                      ["Milestone", "Wanted by", "Chance", "Middle date", "What holds it up most often"],
                      lines, w.on, "From simulated plans with uncertain durations.", (), "milestones")
            )  # fmt: skip
    soon = timeline(plan, as_of=w.on, draws=draws, audience=w.audience).to_pylist()
    next_rows = [
        [
            words(day_text(r["date_likely"])),
            words(r["title"]),
            words(sentence_case(KINDS[r["kind"]])),
            words(sentence_case(r["says"]) or "–"),
        ]
        for r in soon
        if r["date_likely"]
        and 0 <= (r["date_likely"] - w.on).days <= 120
        and w.offers.quiet(r["title"], r["says"], *r.values())
    ][:14]
    if next_rows:
        blocks.append(
            Table(
                "next-dates",
                "The next 120 days",
                ["Likely date", "What", "Then", "What it means"],
                next_rows,
                w.on,
            )
        )
    return Section("plan", "The plan and its dates", blocks) if blocks else None


def _plan_title(w: Writer, rows: Sequence[Mapping[str, Any]]) -> str:
    """What the drawing of the plan says, as a sentence."""
    work = sum(row["state"] != "done" for row in rows if row["kind"] == "action")
    left = f"{work} pieces of work are" if work != 1 else "1 piece of work is"
    if not w.internal or w.material.plan is None or w.material.draws is None:
        return f"{left} still to be done"
    chances = milestone_chances(w.material.plan, w.material.draws)
    dated = [c for c in chances if c.in_time is not None]
    late = sum(c.in_time < 0.5 for c in dated if c.in_time is not None)
    return (
        f"{left} still to be done; {late} of {len(dated)} dates are more likely missed than met"
    )


def the_forecast(w: Writer) -> Section | None:
    made = w.material.forecast
    if made is None or w.material.deadline is None:
        if not w.material.no_forecast:
            return None
        why = Text(f"There is no forecast in this report. {w.material.no_forecast}", "wait")
        return Section("forecast", "Who will still be here on the date", [why])
    levels = made.deadline_levels()
    low, high = w.expected(levels["q10"]), w.expected(levels["q90"])
    dates = [dt.date.fromisoformat(day) for day in made.days]
    past = [(day, rounded(value, w.rule.history_to)) for day, value in w.material.observed]
    names = ("q10", "median", "q90")
    bands = {
        name: [float(rounded(v, w.rule.history_to)) for v in values]
        for name, values in made.fan[EVERYONE].items()
    }
    rows = [
        [words(day_text(day)), words("counted"), *[count(None), count(value), count(None)]]
        for day, value in past[-7:]
    ]
    for row in rows:
        row[2] = row[4] = words("–")
    steps = sorted(
        {*range(3, len(dates), max(len(dates) // 10, 1)), len(dates) - 1}
        & set(range(len(dates)))
    )
    rows += [
        [
            words(day_text(dates[i])),
            words("expected"),
            *(_guess(w, bands[n][i]) for n in names),
        ]
        for i in steps
    ]
    table = Table(
        "fan-table", "People here: counted, then expected",
        ["Date", "", "1 in 10 futures stays below (P10)", "Middle (P50)", "1 in 10 goes above (P90)"],
        rows, w.on, "Rounded to 10: no forecast knows better.", (), "residual",
    )  # fmt: skip
    deadline = w.material.deadline

    def draw(*, say: Sayer, width: int) -> str:
        return charts.fan(
            dates, bands, [(day, float(v)) for day, v in past], deadline, width=width, say=say,
            deadline_label=say.lettering(say(day_text(deadline))),
            title=say("People here, counted and expected"),
            description=say(
                f"Counted so far, then the range of {made.futures:,} simulated futures to the deadline."
            ),
        )  # fmt: skip

    figure = Figure(
        "fan", f"On {day_text(w.material.deadline)} {between(low, high)} people will probably still be here",
        draw, table, w.on,
        "The solid line is what was counted. The plan was then played forward "
        f"{made.futures:,} times: half of the futures end in the darkest band, 8 in 10 in the two darker "
        "ones, 19 in 20 anywhere in the fan. The dashed line is the middle: as many futures end above it as below.",
    )  # fmt: skip
    states = w.rulebook.forecast_states
    heads = ["Low (P10)", "Middle (P50)", "High (P90)"]
    least = 10 if w.internal else 20
    who = Table(
        "who-is-left", "Where those still here will stand on the deadline", ["Step", *heads],
        [
            [words(states[name].title if name in states else name), *(_guess(w, v[n]) for n in names)]
            for name, v in sorted(made.states.items(), key=lambda item: (-item[1]["median"], item[0]))
            if v["q90"] >= least
        ],
        w.on, "Simulated and rounded; small figures are left out.", (), "residual",
    )  # fmt: skip
    left = Table(
        "who-leaves", "How people leave until the deadline", ["Way", *heads],
        [[words(w.reading.way(way)), *(_guess(w, v[n]) for n in names)]
         for way, v in made.left.items() if v["q90"] >= least],
        w.on, "Only lawful, voluntary outcomes are solutions; hand-over, death and absence never are.", (), "residual",
    )  # fmt: skip
    blocks: list[Block] = [figure]
    if w.internal:
        odds = [
            f"Chance that fewer than {int(bound):,} are left: {chance:.0%}."
            for bound, chance in made.fewer_than.items()
            if chance >= 0.005
        ]
        odds.append(f"Chance that nobody is left: {made.zero:.0%}.")
        if made.gone_95.get("median") is None:
            odds.append(
                "In most futures fewer than 95% of the people have left by the deadline."
            )
        blocks.append(Points(odds))
    blocks += [t for t in (who, left) if t.rows]
    groups = [name for name in made.fan if name != EVERYONE]
    if len(groups) > 1 and w.internal:
        blocks.append(
            Table("by-group", "Still here on the deadline, by group", ["Group", *heads, *_chance_heads(made)],
                  [[words(plain_name(name)), *(_guess(w, made.deadline_levels(name)[n]) for n in names),
                    *_group_chances(made, name)] for name in groups],
                  w.on, "Simulated and rounded.", (), "residual")
        )  # fmt: skip
    if w.internal:
        reasons = _why_here(w, made, heads, least)
        if reasons.rows:
            blocks.append(reasons)
        if made.split:
            shares = sorted(made.split.items(), key=lambda kv: (-kv[1], kv[0]))
            told = ", ".join(f"{DOUBTS.get(name, name)} {share:.0%}" for name, share in shares if share >= 0.005)  # fmt: skip
            blocks.append(Text(f"What the width of the range comes from: {told}."))
    known = [(k, v) for k, v in made.width.items() if k != "chance"]
    if known and w.internal:
        known.sort(key=lambda kv: (-kv[1], kv[0]))
        widths = ", ".join(
            f"{REMEDIES_OF_DOUBT.get(name, name)} {value:.0%}" for name, value in known
        )
        blocks.append(
            Text(f"What would narrow the range, if it were known, and by how much: {widths}.")
        )
    if w.internal:
        blocks += _not_known(w, made)
        said = [(text, w.remark(text)) for text in made.assumptions]
        said += [(text, f"Not simulated: {w.remark(text)}.") for text in made.left_out]
        pledged = {p.id for p in w.material.plan.pledges.values()} if w.material.plan else set()
        # A sentence about one pledge may count its users or name it; those stay in the run.
        open_ones = [
            told for text, told in said
            if w.offers.quiet(text, told) and not any(p in text for p in pledged)
        ]  # fmt: skip
        if len(open_ones) < len(said):
            open_ones.append(
                "Conditions of single offers are in the stored run: onward forecast list."
            )
        blocks.append(Points(open_ones))
        if w.material.track is not None:
            counted = [(day, float(value)) for day, value in past]
            blocks += track_record.blocks(w.material.track, counted, w.on, to=w.rule.history_to)
    else:
        blocks.append(Text("Offers that are not public are not counted in this forecast."))
    return Section("forecast", "Who will still be here on the date", blocks)


def _not_known(w: Writer, made: Forecast) -> list[Block]:
    """What the record cannot tell, and the single things that would narrow the range most."""
    lines = [
        told
        for text in made.unknown
        if not text.startswith(NARROWEST) and w.offers.quiet(text, told := w.remark(text))
    ]
    titled = titles(w.rulebook, w.material.plan)
    rows = []
    for row in made.narrow:
        name = str(row["name"])
        what, state, bears = narrowing(str(row["kind"]), name, w.rulebook, titled)
        if w.offers.tells_nothing(name, what):
            by, what = narrower(row["share"]), f"“{what}” from “{state}”" if state else what
            rows.append([words(what), words(bears or "–"), Cell(f"{by:.0%}", by)])
    table = Table(
        "narrows", "What would narrow the range most, if it were known",
        ["What", "If it were known", "Narrower by about"], rows, w.on,
    )  # fmt: skip
    found: list[Block] = [Text("Not yet known"), Points(lines)] if lines else []
    return [*found, table] if rows else found


def _chance_heads(made: Forecast) -> list[str]:
    """Columns of the chances by group; none for a run kept before they were told."""
    if not made.chances.get("groups"):
        return []
    few = [f"Fewer than {bound:,} left" for bound in made.asked]
    return ["Nobody left", *few, "95% gone by (middle)"]


def _group_chances(made: Forecast, group: str) -> list[Cell]:
    """How likely it is that nobody, or fewer than asked, of a group are left, and by when nearly
    all have gone."""
    of = made.chances.get("groups", {}).get(group)
    if of is None:
        return []
    gone = of["gone_95"]["median"]
    chances = [of["zero"], *(of["fewer_than"][str(bound)] for bound in made.asked)]
    return [
        *(Cell(f"{chance:.0%}", round(chance, 3)) for chance in chances),
        words(day_text(dt.date.fromisoformat(gone)) if gone else "not by the deadline"),
    ]


def _why_here(w: Writer, made: Forecast, heads: Sequence[str], least: int) -> Table:
    """Why people will still be here; no row may tell of an offer made in confidence."""
    titled = titles(w.rulebook, w.material.plan)
    told = groups_told(made.why)
    rows = []
    for row in made.why:
        name = str(row["name"])
        what = reason_title(name, titled)
        if row["q90"] >= least and w.offers.tells_nothing(name, what):
            rows.append(
                [words(REASONS[str(row["kind"])]), words(what), *(_guess(w, row[n]) for n in ("q10", "median", "q90")),
                 *(_guess(w, people) for people in in_groups(row, told))]
            )  # fmt: skip
    notes = ["Simulated and rounded; each person counts once. Small figures are left out."]
    if any(row["median"] < least <= row["q90"] for row in made.why):
        notes.append("A small middle beside a high figure: so in some futures only.")
    if told:
        notes.append("A group's own column is its middle.")
    return Table(
        "why-here", "Why people will still be here on the deadline",
        ["Why", "Which", *heads, *map(plain_name, told)], rows, w.on,
        " ".join(notes), (), "residual",
    )  # fmt: skip


def _guess(w: Writer, value: float) -> Cell:
    """A simulated number of people, rounded; never a person's trace, but small ones mislead."""
    if value < 10:
        return words("under 10")
    shown = rounded(value, w.rule.history_to)
    return Cell(f"{shown:,}", shown)


def _chance_word(chance: float) -> str:
    if chance >= 0.8:
        return "likely"
    return "even" if chance >= 0.5 else "unlikely"
