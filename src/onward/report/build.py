"""From an operation's tables to the report's model: the one place where a count may be shown.

Comes in: caseload, spells, next steps, plan, forecast, all as of one date, and an audience. Goes
out: a `Report` whose every number has passed the disclosure rules. A section that cannot be
written for an audience is left out and said to be.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from onward.caseload import Caseload
from onward.engine import Engine
from onward.forecast.run import EVERYONE, Forecast
from onward.plan.draws import PlanDraws, milestone_chances
from onward.plan.gantt import gantt_list, gantt_svg
from onward.plan.lapses import lapses
from onward.plan.model import SURE_PLEDGES, Plan
from onward.plan.timeline import timeline
from onward.report import charts, indicators
from onward.report.disclosure import (
    RULES,
    TOTAL,
    Audience,
    Counts,
    Shown,
    protect,
    rounded,
    scalar,
)
from onward.report.model import (
    Block,
    Cell,
    Figure,
    Points,
    Report,
    Section,
    Table,
    Text,
    Tiles,
    count,
    share,
    words,
)
from onward.safeguards.everybody import NextSteps
from onward.safeguards.help import counts as blocked_counts
from onward.safeguards.help import remedies

MOST_ROWS = 12
HIDDEN_NOTE: Mapping[Audience, str] = {
    "internal": "… stands for fewer than 5, or for a count hidden to protect one.",
    "external": "Rounded to 5; … stands for 10 or fewer, or for a count hidden to protect one.",
}


@dataclass(frozen=True)
class Material:
    """Everything the report is made from, as of one date.

    spells     from `caseload.spells`
    steps      from `safeguards.evaluate_all`; None leaves blocks out
    forecast   None leaves the forecast out and says so
    earlier    the last report's figures, for "what changed"; internal only
    demonstration  whether everybody is invented
    """

    title: str
    caseload: Caseload
    spells: pa.Table
    engine: Engine
    plan: Plan | None
    draws: PlanDraws | None
    steps: NextSteps | None
    forecast: Forecast | None
    deadline: dt.date | None
    floor_hash: str
    demonstration: bool
    observed: Sequence[tuple[dt.date, int]] = ()
    earlier: Mapping[str, Any] | None = None
    required_rate: bool = True


def build(material: Material, audience: Audience) -> tuple[Report, dict[str, Any]]:
    """The report, and the figures to compare the next one with."""
    return _Builder(material, audience).report()


class _Builder:
    """Writes one section after another from the same protected tables."""

    def __init__(self, material: Material, audience: Audience) -> None:
        self.m, self.audience = material, audience
        self.rule = RULES[audience]
        self.on = material.caseload.as_of
        self.rulebook = material.caseload.rulebook
        engine, caseload = material.engine, material.caseload
        status = indicators.by_status_and_site(caseload, engine)
        pipeline = indicators.pipeline(caseload, engine)
        age = indicators.by_sex_and_age(caseload, engine)
        self.status, self.pipeline, self.age = protect([status, pipeline, age], audience)
        totals = self.outcomes_total()
        ways = tuple(totals) or ("none",)
        self.gone = protect(
            [Counts("outcomes", ("way",), (ways,), {(way,): totals.get(way, 0) for way in ways})],
            audience,
        )[0]
        self.people, self.cases = indicators.people_and_cases(caseload, engine)
        self.figures: dict[str, Any] = {
            "as_of": self.on.isoformat(),
            "people": self.people,
            "pipeline": {key[0]: value for key, value in pipeline.values.items()},
        }

    # -- showing one number

    def n(self, value: int) -> str:
        return scalar(value, self.audience)

    def cell(self, value: int) -> Cell:
        rule = self.rule
        if rule.hide_from <= value <= rule.hide_to:
            return count(None)
        return count(rounded(value, rule.round_to))

    def part(self, value: int, whole: int) -> Cell:
        """A count beside the whole it is part of: the rest must not be a small count either."""
        rest = whole - value
        if self.rule.hide_from <= rest <= self.rule.hide_to and rest:
            return count(None)
        return self.cell(value)

    def ratio(self, ratio: indicators.Ratio) -> Cell:
        """A share, unless either of its counts, or their difference, is hidden."""
        rule = self.rule
        shown = (ratio.part, ratio.whole - ratio.part)
        if any(rule.hide_from <= value <= rule.hide_to for value in shown if value or rule.hide_from == 0):
            return words("…")
        if ratio.whole and rule.round_to > 1:
            part, whole = (rounded(v, rule.round_to) for v in (ratio.part, ratio.whole))
            return share(part / whole if whole else None)
        return share(ratio.value)

    def crosstab(self, shown: Shown, name: str, title: str, *, head: str, note: str = "",
                 labels: Mapping[str, str] | None = None, hxl: Sequence[str] = ()) -> Table:  # fmt: skip
        """A protected table with its margins."""
        named = labels or {}
        dims = shown.counts.labels
        rows: list[list[Cell]] = []
        if len(dims) == 1:
            columns = [head, "People"]
            for label in (*dims[0], TOTAL):
                rows.append(
                    [words("All" if label == TOTAL else named.get(label, label)),
                     count(shown.shown[(label,)])]
                )  # fmt: skip
        else:
            columns = [head, *(named.get(label, label) for label in dims[1]), "All"]
            for label in (*dims[0], TOTAL):
                first = words("All" if label == TOTAL else named.get(label, label))
                rows.append(
                    [first, *(count(shown.shown[(label, other)]) for other in (*dims[1], TOTAL))]
                )
        hidden = any(value is None for value in shown.shown.values())
        parts = [note, HIDDEN_NOTE[self.audience] if hidden or self.audience == "external" else ""]
        return Table(name, title, columns, rows, self.on, " ".join(p for p in parts if p), hxl, name)

    # -- the report

    def report(self) -> tuple[Report, dict[str, Any]]:
        made = [
            self.who_is_here(),
            self.pipeline_section(),
            self.departures(),
            self.blocked(),
            self.lapsing(),
            self.plan_section(),
            self.forecast_section(),
            self.after_departure(),
            self.protection(),
            self.breaches(),
            self.pledges(),
            self.decisions(),
            self.changed(),
        ]
        sections = [section for section in made if section is not None]
        notes = [
            f"Audience: {self.audience}. {HIDDEN_NOTE[self.audience]}",
            "Safeguards are judged under the rulebook and floor named here.",
        ]
        return (
            Report(
                operation=self.m.title,
                as_of=self.on,
                audience=self.audience,
                headline=self.headline(),
                summary=self.summary(),
                sections=sections,
                demonstration=self.m.demonstration,
                rulebook=f"{self.rulebook.name} {self.rulebook.version}",
                rulebook_hash=self.rulebook.hash,
                floor_hash=self.m.floor_hash or self.rulebook.floor_hash,
                notes=notes,
            ),
            self.figures,
        )

    def headline(self) -> str:
        text = f"{self.n(self.people)} people are here"
        if self.m.deadline is not None:
            days = (self.m.deadline - self.on).days
            text += f", with {days:,} days until {_date(self.m.deadline)}"
        if self.m.forecast is not None:
            levels = self.m.forecast.deadline_levels()
            low, high = (self.expected(levels[name]) for name in ("q10", "q90"))
            text += f". Under the plan as it stands, between {low} and {high} of them will probably still be here then"
        return text + "."

    def expected(self, value: float) -> str:
        """A forecast figure, rounded to what it can carry."""
        if value < 100:
            return f"{round(value / 5) * 5:,}"
        return f"{round(value / 10) * 10:,}"

    def summary(self) -> list[str]:
        lines = []
        if self.m.steps is not None:
            found = blocked_counts(self.m.steps)
            best = [r for r in remedies(self.m.steps) if r.owner in ("authority", "operation")]
            line = f"{self.n(found.blocked)} people have no open next step."
            if best and best[0].options:
                top = best[0]
                line += (
                    f" What would open most lawful, voluntary options: {_lower(top.remedy)} "
                    f"({top.owner_role}; {self.n(top.options)} options)."
                )
            lines.append(line)
        if self.m.plan is not None and self.m.draws is not None:
            late = [c for c in milestone_chances(self.m.plan, self.m.draws)
                    if c.in_time is not None and c.in_time < 0.5 and c.kind == "milestone"]  # fmt: skip
            if late and self.audience == "internal":
                lines.append(
                    f"{len(late)} milestones are more likely missed than met; first: "
                    f"{_lower(late[0].title)} ({late[0].in_time:.0%} by {_date(late[0].by)})."
                )
        return lines

    def who_is_here(self) -> Section:
        states = self.rulebook.axes["legal"].states
        labels = {name: state.title for name, state in states.items()}
        rate = indicators.engagement(self.m.caseload, self.m.engine)
        blocks: list[Block] = [
            Tiles(
                [
                    (self.n(self.people), "people present", f"in {self.n(self.cases)} cases"),
                    (self.ratio(rate["interview_coverage"]).text, "heard in private", "adults and unaccompanied children"),
                    (self.ratio(rate["consent_rate"]).text, "choice with consent on record", "of those who chose"),
                    (self.ratio(rate["not_engaging"]).text, "not engaging", "never means consent"),
                ]
            ),
            self.crosstab(
                self.status, "caseload", "People present by legal status and site", head="Legal status",
                labels={**labels, **{site: _label(site.replace("-", "_")) for site in self.status.counts.labels[1]}},
                hxl=["#status+code", *["#population+num+site"] * len(self.status.counts.labels[1]), "#population+num"],
            ),
            self.crosstab(
                self.age, "sex-and-age", "People present by age and sex", head="Age",
                note="Where the possible birth dates cross 18 a person is protected as a child.",
            ),
        ]  # fmt: skip
        return Section("who", "Who is here", blocks)

    def pipeline_section(self) -> Section:
        states = self.rulebook.forecast_states
        labels = {name: state.title for name, state in states.items()}
        table = self.crosstab(
            self.pipeline, "pipeline", "People present by the furthest step reached", head="Step",
            labels=labels, hxl=["#activity+code", "#population+num"],
        )  # fmt: skip
        blocks: list[Block] = [self.flow_figure(labels)]
        blocks.append(table)
        decisions = indicators.status_decisions(self.m.caseload, self.moves(), self.m.engine)
        rows = [
            [words("Refugee recognition rate"), self.ratio(decisions.refugee_rate)],
            [words("Total recognition rate"), self.ratio(decisions.total_rate)],
            [words("First decisions"), self.cell(decisions.recognised + decisions.complementary + decisions.rejected)],
            [words("Claims pending"), self.cell(decisions.pending)],
        ]  # fmt: skip
        blocks.append(
            Table("status-decisions", "Refugee status determination so far", ["Measure", "Value"],
                  rows, self.on, "Persons, first instance; closures left out.", (), "refugee_recognition")
        )  # fmt: skip
        blocks.append(self.days_table())
        return Section("pipeline", "Where people are on their way", blocks)

    def flow_figure(self, labels: Mapping[str, str]) -> Figure:
        """Registered, heard, chosen, gone: from protected counts only."""
        states = self.rulebook.forecast_states
        shown = self.pipeline.shown
        early = [n for n in ("not_counselled", "counselled", "not_engaging", "interviewed") if n in states]
        ever = self.everyone_registered()
        here = shown[(TOTAL,)]
        pathway_of = self.state_pathways()
        later: dict[str, int | None] = {}
        for (name,), value in shown.items():
            if name == TOTAL or name in early:
                continue
            way = pathway_of.get(name, "other")
            known = later.get(way, 0)
            later[way] = None if value is None or known is None else known + value
        gone = {way: self.gone.shown[(way,)] for way in self.gone.counts.labels[0]}
        total_gone = self.gone.shown[(TOTAL,)]
        second = [("here", "Still here", here), ("gone", "Have left", total_gone)]
        third: list[tuple[str, str, int | None]] = [
            (name, labels.get(name, name), shown.get((name,))) for name in early if (name,) in shown
        ]
        third += [(f"way-{way}", f"Chose {_way(way)}", value) for way, value in later.items()]
        third += [(f"gone-{way}", f"Left: {_way(way)}", value) for way, value in gone.items()]
        links: list[tuple[str, str, int | None]] = [
            ("all", "here", here), ("all", "gone", total_gone),
        ]  # fmt: skip
        links += [("here", name, value) for name, _, value in third if not name.startswith("gone-")]
        links += [("gone", name, value) for name, _, value in third if name.startswith("gone-")]
        table = Table(
            "flows-table", "From registration to outcome", ["Where", "People"],
            [[words(label), count(value)] for _, label, value in [("all", "Ever registered", self._hide(ever)), *second, *third]],
            self.on, HIDDEN_NOTE[self.audience], (), "pipeline",
        )  # fmt: skip
        svg = charts.flows(
            [[("all", "Ever registered", self._hide(ever))], second, third], links,
            title="From registration to outcome",
            description="Everyone ever registered, who is still here and by which pathway others have left.",
        )  # fmt: skip
        return Figure(
            "flows", f"Of {self.n(ever)} people ever registered, {self.n(self.people)} are still here",
            svg, table, self.on, "Width is people. The table below holds the same figures.",
        )  # fmt: skip

    def _hide(self, value: int) -> int | None:
        rule = self.rule
        if rule.hide_from <= value <= rule.hide_to:
            return None
        return rounded(value, rule.round_to)

    def state_pathways(self) -> dict[str, str]:
        """The pathway people in a forecast state are on, read off the moves that lead there."""
        found: dict[str, str] = {}
        for move in self.rulebook.moves().values():
            stage = move.targets.get("stage")
            if stage is None or move.pathway in ("common", "chosen"):
                continue
            for state in self.rulebook.forecast_states.values():
                if stage in state.where.get("stage", ()):
                    found.setdefault(state.name, move.pathway)
        return found

    def moves(self) -> list[tuple[str, str, dt.date]]:
        """(person, move, day) of everything that changed an axis, as of the date."""
        rows = self.m.spells.select(["person", "began_by", "from_date"]).to_pylist()
        return [(r["person"], r["began_by"], r["from_date"]) for r in rows if r["began_by"]]

    def outcomes(self) -> list[tuple[str, str, dt.date]]:
        """(person, pathway, day) of every lawful outcome on record."""
        gone = {}
        for state in self.rulebook.forecast_states.values():
            if state.gone and state.gone not in ("death", "absence"):
                for stage in state.where.get("stage", ()):
                    gone[stage] = state.gone
        rows = self.m.spells.select(["person", "axis", "state", "from_date"]).to_pylist()
        found: dict[str, tuple[str, str, dt.date]] = {}
        for row in rows:
            if row["axis"] == "stage" and row["state"] in gone:
                found.setdefault(row["person"], (row["person"], gone[row["state"]], row["from_date"]))
        return list(found.values())

    def outcomes_total(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for state in self.rulebook.forecast_states.values():
            if state.gone:
                totals.setdefault(state.gone, 0)
        for name in self.m.caseload.people.column("forecast_state").to_pylist():
            state = self.rulebook.forecast_states.get(name or "")
            if state is not None and state.gone:
                totals[state.gone] += 1
        return {way: value for way, value in totals.items() if value}

    def everyone_registered(self) -> int:
        registered = self.m.caseload.people.column("registered_on")
        return len(registered) - registered.null_count

    def days_table(self) -> Table:
        states = self.rulebook.axes["stage"].states
        rows_of = self.m.spells.select(["axis", "state", "from_date", "to_date"]).to_pylist()
        spells = [(r["state"], r["from_date"], r["to_date"]) for r in rows_of if r["axis"] == "stage"]
        waiting = [name for name, state in states.items() if not state.ends]
        found = indicators.days_per_stage(spells, until=self.on, order=waiting)
        rows = []
        for entry in found:
            done = self._hide(entry.completed)
            opened = self._hide(entry.open)
            few = done is None or not done
            rows.append(
                [
                    words(states[entry.stage].title),
                    count(done),
                    *(
                        words("–") if few or value is None else Cell(f"{value:.0f}", round(value, 1))
                        for value in (entry.mean, entry.median, entry.p90)
                    ),
                    count(opened),
                    words("–") if opened in (None, 0) or entry.open_median is None
                    else Cell(f"{entry.open_median:.0f}", entry.open_median),
                ]
            )  # fmt: skip
        return Table(
            "days-per-stage", "Days spent in each step",
            ["Step", "Completed stays", "Mean days", "Median days", "Ninth decile",
             "Open stays", "Median age of open stays"],
            rows, self.on, HIDDEN_NOTE[self.audience], (), "days_per_stage", folded=True,
        )  # fmt: skip

    def departures(self) -> Section:
        outcomes = self.outcomes()
        months, found = indicators.departures_by_month(outcomes, until=self.on)
        ways = sorted({way for _, way in found}) or ["return"]
        counts = Counts("departures", ("month", "pathway"), (tuple(months), tuple(ways)), found)
        shown = protect([counts], self.audience)[0]
        table = self.crosstab(
            shown, "departures", "People who left, by month and pathway", head="Month",
            labels={way: _way(way).capitalize() for way in ways},
            note="Dates are those of the confirmed departure.",
            hxl=["#date+reported", *["#reached+num"] * len(ways), "#reached+num+total"],
        )  # fmt: skip
        blocks: list[Block] = [table]
        if self.audience == "internal" and self.m.deadline and self.m.required_rate:
            left = max((self.m.deadline - self.on).days / 30.4375, 0.1)
            three = sum(found.get((month, way), 0) for month in months[-3:] for way in ways) / 3
            blocks.append(
                Text(
                    f"For the plan lead only: if everybody were to have left by the deadline, about "
                    f"{self.people / left:,.0f} people a month would have to find a lawful, voluntary "
                    f"outcome; the last three months saw {three:,.0f} a month. This says how far the plan "
                    "is from the date. It is never a target for anyone.",
                    "wait",
                )
            )
        return Section("departures", "Who has left, and how", blocks)

    def blocked(self) -> Section | None:
        if self.m.steps is None:
            return None
        found = blocked_counts(self.m.steps)
        rows = [
            (f"{b.safeguard} {b.title}", self._sentence(b.safeguard), self._hide(b.people))
            for b in sorted(found.safeguards, key=lambda b: -b.people)
            if b.people
        ]
        table = Table(
            "blocked", "People whose next step each safeguard holds back",
            ["Safeguard", "People", "Nothing else holds them back"],
            [
                [words(f"{b.safeguard} {b.title}"), self.cell(b.people), self.part(b.alone, b.people)]
                for b in sorted(found.safeguards, key=lambda b: -b.people)
            ],
            self.on, f"Rows overlap and must not be added. {HIDDEN_NOTE[self.audience]}",
            ["#indicator+name", "#indicator+value+num", "#indicator+value+num+alone"], "blocked",
        )  # fmt: skip
        figure = Figure(
            "blocked-bars",
            f"{self.n(found.blocked)} of {self.n(found.asked)} people have no open next step",
            charts.blocked_bars(
                rows[:MOST_ROWS], title="People held back by each safeguard",
                description="One bar per safeguard; one person can be held back by several.",
            ),
            table, self.on, "A person can be counted in several bars.",
        )  # fmt: skip
        best = [r for r in remedies(self.m.steps) if r.owner in ("authority", "operation") and r.options]
        blocks: list[Block] = [figure]
        if best:
            blocks.append(
                Table(
                    "what-would-help",
                    "What one remedy alone would open, most first",
                    ["Remedy", "Whose job", "Options opened", "People"],
                    [
                        [words(r.remedy), words(r.owner_role), self.cell(r.options), self.cell(r.people)]
                        for r in best[:8]
                    ],
                    self.on,
                    "Counts lawful, voluntary options (a person and a pathway). Only remedies owned by an "
                    f"authority or the operation are listed. {HIDDEN_NOTE[self.audience]}",
                )
            )
        return Section("blocked", "What holds people back, and what would help most", blocks)

    def _sentence(self, safeguard: str) -> str:
        findings = self.rulebook.safeguards[safeguard].findings
        return next(iter(findings.values())).sentence

    def lapsing(self) -> Section | None:
        """What ends: dated things one by one, people's own papers and consents by window."""
        if self.m.plan is None:
            return None
        windows = (30, 60, 90, 180)
        dated: list[list[Cell]] = []
        aging: dict[tuple[str, str, str], dict[int, set[str]]] = {}
        before = self.on
        for days in windows:
            until = self.on + dt.timedelta(days=days)
            table = lapses(
                self.m.plan, self.m.caseload, until, rulebook=self.rulebook, since=before
            )
            before = until
            for row in table.to_pylist():
                secret = row["confidentiality"] not in (None, "", "public")
                if not row["lapses"] or (self.audience == "external" and secret):
                    continue
                if row["kind"] == "record":
                    key = (row["title"], row["says"], row["owner"] or "–")
                    found = aging.setdefault(key, {window: set() for window in windows})
                    found[days] |= set(row["people_ids"] or ())
                    continue
                people = row["people"]
                shown = words("–") if people is None else self.cell(int(people))
                dated.append(
                    [words(_date(row["date"])), words(row["title"]), words(row["says"]), shown,
                     words(row["owner"] or "–")]
                )  # fmt: skip
        blocks: list[Block] = []
        if dated:
            blocks.append(
                Table("lapses", "What ends in the next 180 days, and who rests on it",
                      ["Last day", "What", "What it means", "People", "Who acts"], dated, self.on,
                      "When a clock runs out the basis is reviewed; nobody's case is closed. "
                      f"{HIDDEN_NOTE[self.audience]}", (), "basis_lapsing")
            )  # fmt: skip
        rows = [
            [words(title), words(_after_this_day(says)),
             *(self.cell(len(found[window])) for window in windows), words(owner)]
            for (title, says, owner), found in sorted(
                aging.items(), key=lambda item: -sum(len(ids) for ids in item[1].values())
            )
        ]  # fmt: skip
        if rows:
            blocks.append(
                Table("growing-old", "People whose papers, checks or consents grow too old",
                      ["What", "Then", "Within 30 days", "31 to 60", "61 to 90", "91 to 180",
                       "Who acts"], rows, self.on,
                      f"Each person once in each column. {HIDDEN_NOTE[self.audience]}", (),
                      "basis_lapsing")
            )  # fmt: skip
        return Section("lapses", "What lapses, and for whom", blocks) if blocks else None

    def plan_section(self) -> Section | None:
        if self.m.plan is None or self.m.draws is None:
            return None
        plan, draws = self.m.plan, self.m.draws
        blocks: list[Block] = []
        svg = gantt_svg(plan, draws, self.on, audience=self.audience)
        listed = gantt_list(plan, draws, audience=self.audience)
        columns = ["title", "owner", "state", "start", "done_p10", "done_likely", "done_p90", "wanted_by"]
        heads = ["What", "Owner", "State", "Likely start", "Early (1 in 10)", "Likely done",
                 "Late (9 in 10)", "Wanted by"]  # fmt: skip
        gantt_table = Table(
            "plan-dates", "The plan's actions and dates", heads,
            [[_plain(row[name]) for name in columns] for row in listed.to_pylist()], self.on,
        )  # fmt: skip
        blocks.append(
            Figure("gantt", "What must happen by when", svg, gantt_table, self.on,
                   "Light bars show how long an action may take; dotted lines are deadlines.")
        )  # fmt: skip
        if self.audience == "internal":
            rows = []
            for chance in milestone_chances(plan, draws):
                holds = ", ".join(
                    f"{plan.actions[a].title} ({share_:.0%})"
                    for a, share_ in chance.critical[:2]
                    if a in plan.actions
                )
                tone = ""
                if chance.in_time is not None:
                    tone = "good" if chance.in_time >= 0.8 else "wait" if chance.in_time >= 0.5 else "late"
                rows.append(
                    [
                        words(chance.title),
                        words(_date(chance.by)),
                        Cell("–") if chance.in_time is None
                        else Cell(f"{_chance_word(chance.in_time)} ({chance.in_time:.0%})", round(chance.in_time, 3), tone),  # type: ignore[arg-type]
                        words(_date(chance.when.p50)),
                        words(holds or "–"),
                    ]
                )  # fmt: skip
            blocks.append(
                Table("milestones", "Chance that each milestone is met in time",
                      ["Milestone", "Wanted by", "Chance", "Middle date", "What holds it up most often"],
                      rows, self.on, "From simulated plans with uncertain durations.", (), "milestones")
            )  # fmt: skip
        soon = timeline(plan, as_of=self.on, draws=draws, audience=self.audience).to_pylist()
        next_rows = [
            [words(_date(r["date_likely"])), words(r["title"]), words(r["says"])]
            for r in soon
            if r["date_likely"] and 0 <= (r["date_likely"] - self.on).days <= 120
        ][:14]
        blocks.append(
            Table("next-dates", "The next 120 days", ["Date", "What", "Meaning"], next_rows, self.on)
        )
        return Section("plan", "The plan and its dates", blocks)

    def forecast_section(self) -> Section | None:
        made = self.m.forecast
        if made is None or self.m.deadline is None:
            return None
        levels = made.deadline_levels()
        low, high = self.expected(levels["q10"]), self.expected(levels["q90"])
        dates = [dt.date.fromisoformat(day) for day in made.days]
        fan_rows = [
            [words(_date(dates[i])), *(self.guess(made.fan[EVERYONE][name][i]) for name in ("q025", "q10", "q25", "median", "q75", "q90", "q975"))]
            for i in {*range(3, len(dates), max(len(dates) // 12, 1)), len(dates) - 1}
        ]  # fmt: skip
        fan_rows.sort(key=lambda row: dates.index(_parse(row[0].text, dates)))
        table = Table(
            "fan-table", "People expected to be here", ["Date", "1 in 40 lower", "1 in 10 lower", "1 in 4 lower",
            "Middle", "1 in 4 higher", "1 in 10 higher", "1 in 40 higher"], fan_rows, self.on,
            "Read: in 1 of 10 futures fewer people than '1 in 10 lower' are here.", (), "residual",
        )  # fmt: skip
        svg = charts.fan(
            dates, made.fan[EVERYONE], [(day, float(v)) for day, v in self.m.observed], self.m.deadline,
            deadline_label=f"{_date(self.m.deadline)}", title="People present, counted and expected",
            description=f"Counted so far, then the range of {made.futures:,} simulated futures to the deadline.",
        )  # fmt: skip
        figure = Figure(
            "fan",
            f"On {_date(self.m.deadline)} between {low} and {high} people will probably still be here",
            svg, table, self.on,
            "Solid: counted. Dashed: the middle of the futures. The darkest band holds half of them, "
            "the next four fifths, the lightest nineteen twentieths. One future in ten ends below the "
            "four-fifths band and one in ten above it.",
        )  # fmt: skip
        states = self.rulebook.forecast_states
        by_state = sorted(made.states.items(), key=lambda item: -item[1]["median"])
        who = Table(
            "who-is-left", "Where those who are left will stand on the deadline",
            ["Step", "Low (1 in 10)", "Middle", "High (1 in 10)"],
            [
                [words(states[name].title), self.guess(v["q10"]), self.guess(v["median"]), self.guess(v["q90"])]
                for name, v in by_state
                if v["q90"] >= 5
            ],
            self.on, "Simulated; small figures are not shown.", (), "residual",
        )  # fmt: skip
        left = Table(
            "who-leaves", "How people leave until the deadline", ["Way", "Low (1 in 10)", "Middle", "High (1 in 10)"],
            [[words(_way(way).capitalize()), self.guess(v["q10"]), self.guess(v["median"]), self.guess(v["q90"])]
             for way, v in made.left.items() if v["q90"] >= 5],
            self.on, "Only lawful outcomes count as solutions; death and absence never do.", (), "residual",
        )  # fmt: skip
        odds = [
            f"Chance that fewer than {int(bound):,} are left: {chance:.0%}."
            for bound, chance in made.fewer_than.items()
        ]
        odds.append(f"Chance that nobody is left: {made.zero:.0%}.")
        if made.gone_95.get("median") is None:
            odds.append("In most futures 95% of the people have not left by the deadline.")
        blocks: list[Block] = [figure, Points(odds), who, left]
        groups = [name for name in made.fan if name != EVERYONE]
        if len(groups) > 1:
            blocks.append(
                Table("by-group", "Left on the deadline by group", ["Group", "Low (1 in 10)", "Middle", "High (1 in 10)"],
                      [[words(_label(name)), *(self.guess(made.deadline_levels(name)[q]) for q in ("q10", "median", "q90"))] for name in groups],
                      self.on, "", (), "residual")
            )  # fmt: skip
        if made.width and self.audience == "internal":
            widths = ", ".join(
                f"{name} {value:.0%}" for name, value in
                sorted(((k, v) for k, v in made.width.items() if k != "chance"), key=lambda kv: -kv[1])
            )  # fmt: skip
            biggest = max(((k, v) for k, v in made.width.items() if k != "chance"), key=lambda kv: kv[1])
            blocks.append(
                Text(
                    f"What would narrow the range if it were known (share of the four-fifths range that "
                    f"would go): {widths}. Most by: {_narrow(biggest[0])}."
                )
            )
        blocks.append(Points([*made.assumptions, *(f"Not simulated: {text}." for text in made.left_out)]
                             if self.audience == "internal" else list(made.assumptions)))  # fmt: skip
        return Section("forecast", "Who will still be here on the date", blocks)

    def guess(self, value: float) -> Cell:
        """A simulated number of people, rounded; never a person's trace, but small ones mislead."""
        if value < 5:
            return Cell("under 5")
        step = 5 if value < 100 else 10
        shown = round(value / step) * step
        return Cell(f"{shown:,}", shown)

    def after_departure(self) -> Section:
        tolerance = max((rule.tolerance_days for rule in self.rulebook.follow_up.values()), default=14)
        found = indicators.follow_ups(self.m.caseload, self.m.engine, tolerance)
        seen = indicators.incidents(self.m.caseload, self.m.engine)
        rows = [
            [words("Contacts due so far"), self.cell(found.due)],
            [words("Overdue"), self.cell(found.overdue)],
            [words("Due in the next 30 days"), self.cell(found.next_30_days)],
            [words("Contact rate"), self.ratio(found.contact_rate)],
            [words("Contacts that raised a concern"), self.cell(found.concern)],
            [words("Incidents after departure"), self.cell(seen["all"])],
            [words("of these of the gravest kind"), self.cell(seen["grave"])],
            [words("Incidents waiting for review"), self.cell(seen["unreviewed"])],
        ]
        return Section(
            "after", "After departure",
            [
                Text("Silence is not safety: incidents are read beside the contact rate."),
                Table("follow-ups", "Follow-up and incidents", ["Measure", "Value"], rows, self.on,
                      HIDDEN_NOTE[self.audience], (), "follow_ups"),
            ],
        )  # fmt: skip

    def protection(self) -> Section:
        family = indicators.family(self.m.caseload, self.m.engine)
        complaints = indicators.complaints(self.m.caseload, self.m.engine)
        rate = indicators.engagement(self.m.caseload, self.m.engine)
        days = "–" if complaints.median_days is None else f"{complaints.median_days:.0f}"
        rows = [
            [words("Households gone different ways, all agreed"), self.cell(family.split_agreed)],
            [words("Households gone different ways, not all agreed"), self.cell(family.split_not_agreed)],
            [words("Separated or unaccompanied children"), self.cell(family.separated_children)],
            [words("of these with a best-interests determination"), self.cell(family.separated_with_determination)],
            [words("Consents withdrawn"), self.ratio(rate["withdrawal_rate"])],
            [words("Complaints in 90 days"), self.cell(complaints.opened_90_days)],
            [words("Complaints open"), self.cell(complaints.open)],
            [words("Median days to close a complaint"), words(days)],
            [words("Coercion complaints waiting for triage"), self.cell(complaints.coercion_untriaged)],
        ]  # fmt: skip
        return Section(
            "protection", "Families, complaints, withdrawals",
            [Table("protection", "Family unity and complaints", ["Measure", "Value"], rows, self.on,
                   HIDDEN_NOTE[self.audience], (), "family")],
        )  # fmt: skip

    def breaches(self) -> Section:
        rows = self.m.caseload.tables["breach"].to_pylist()
        recent = [r for r in rows if (self.on - _as_date(r["effective"])).days < 90]
        by_finding: dict[str, int] = {}
        for row in rows:
            for key in row["safeguards"]:
                by_finding[key] = by_finding.get(key, 0) + 1
        findings = {f.key: f for guard in self.rulebook.safeguards.values() for f in guard.findings.values()}
        table = Table(
            "breaches", "Movements recorded although a safeguard was not met",
            ["Safeguard", "Sentence", "Movements", "Must be told"],
            [
                [words(key), words(findings[key].sentence if key in findings else key), self.cell(n),
                 words(findings[key].owner_role if key in findings else "–")]
                for key, n in sorted(by_finding.items(), key=lambda item: -item[1])
            ],
            self.on, f"One movement can breach several. {HIDDEN_NOTE[self.audience]}", (), "breaches",
        )  # fmt: skip
        text = (
            f"{self.n(len(rows))} movements are on record with a breach, {self.n(len(recent))} of them in the last 90 days."
            if rows
            else "No movement is on record with a failed safeguard."
        )
        blocks: list[Block] = [Text(text, "late" if recent else "")]
        if by_finding:
            blocks.append(table)
        return Section("breaches", "Breaches", blocks)

    def pledges(self) -> Section | None:
        plan = self.m.plan
        if plan is None:
            return None
        gone = self.outcomes_total().get("resettlement", 0)
        rows = []
        sure = 0
        for pledge in plan.pledges.values():
            if self.audience == "external" and pledge.confidentiality != "public":
                continue
            if self.audience == "internal" and pledge.confidentiality == "sensitive":
                continue
            places = sum(window.places_people for window in pledge.windows)
            if pledge.state in SURE_PLEDGES and pledge.conditional_on is None:
                sure += places
            rows.append(
                [words(pledge.country), words(pledge.channel.replace("_", " ")), words(pledge.state),
                 Cell(f"{places:,}", places),
                 words("after another pledge" if pledge.conditional_on else "–"),
                 words(_date(pledge.valid_to) if pledge.valid_to else "–")]
            )  # fmt: skip
        blocks: list[Block] = [
            Table("pledges", "Places offered by third countries",
                  ["Country", "Channel", "State", "Places (people)", "Condition", "Valid to"], rows, self.on,
                  "Sensitive offers are not listed and not added. Conditional and verbal offers are never added.",
                  ["#country+code+dest", "#activity+code", "#status+code", "#capacity+num", "#description", "#date"], "pledges"),
        ]  # fmt: skip
        if self.audience == "internal":
            blocks.insert(
                0,
                Text(f"{sure:,} places are confirmed without condition; {self.n(gone)} people have departed for resettlement."),
            )  # fmt: skip
        return Section("pledges", "Places", blocks)

    def decisions(self) -> Section | None:
        """What somebody has to decide now, from the plan's clocks and the blocked steps."""
        if self.audience == "external":
            return None
        items: list[str] = []
        if self.m.plan is not None and self.m.draws is not None:
            for chance in milestone_chances(self.m.plan, self.m.draws):
                if chance.in_time is not None and chance.in_time < 0.5 and chance.critical:
                    action = self.m.plan.actions.get(chance.critical[0][0])
                    if action is not None:
                        items.append(
                            f"{chance.title}: {chance.in_time:.0%} likely by {_date(chance.by)}. "
                            f"Decide on “{action.title}” ({action.owner})."
                        )
        if self.m.steps is not None:
            best = [r for r in remedies(self.m.steps) if r.owner in ("authority", "operation") and r.options]
            items += [
                f"{r.remedy} It would open {self.n(r.options)} lawful, voluntary options ({r.owner_role})."
                for r in best[:3]
            ]
        if not items:
            return None
        return Section("decisions", "Decisions needed", [Points(items[:8])])

    def changed(self) -> Section | None:
        """What changed since the last report; internal only."""
        earlier = self.m.earlier
        if not self.rule.changes or not earlier:
            return None
        labels = self.rulebook.forecast_states
        before, now = earlier["pipeline"], self.figures["pipeline"]
        rows = []
        for name in labels:
            was, is_now = before.get(name, 0), now.get(name, 0)
            if was == is_now:
                continue
            # A change of fewer than five names people as surely as a count of fewer than five.
            small = any(
                self.rule.hide_from <= value <= self.rule.hide_to
                for value in (was, is_now, abs(is_now - was))
            )
            rows.append(
                [words(labels[name].title), self.cell(was), self.cell(is_now),
                 words("…") if small else Cell(f"{is_now - was:+,}", is_now - was)]
            )  # fmt: skip
        return Section(
            "changed", f"What changed since {_date(dt.date.fromisoformat(earlier['as_of']))}",
            [Table("changes", "People by step, then and now", ["Step", "Then", "Now", "Change"], rows, self.on,
                   HIDDEN_NOTE["internal"])],
        )  # fmt: skip


def exchange_table(report: Report) -> Table:
    """The table of the HXL sheet: one row per figure, aggregates only."""
    rows: list[list[Cell]] = []
    for table in report.tables():
        if table.name not in ("caseload", "pipeline", "departures"):
            continue
        for row in table.rows:
            for title, cell in zip(table.columns[1:], row[1:], strict=True):
                if cell.number is None:
                    continue
                label = f"{table.name}: {row[0].text}" + (f", {title}" if title != "People" else "")
                rows.append([words(report.as_of.isoformat()), words(label), cell])
    return Table(
        "HXL", "Figures for exchange", ["Date", "Indicator", "Value"], rows, report.as_of,
        hxl=["#date+reported", "#indicator+name", "#indicator+value+num"],
    )  # fmt: skip


def _date(day: dt.date | None) -> str:
    return "–" if day is None else f"{day.day} {day:%b %Y}"


def _parse(text: str, dates: Sequence[dt.date]) -> dt.date:
    return next(day for day in dates if _date(day) == text)


def _as_date(value: Any) -> dt.date:
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value)[:10])


def _way(way: str) -> str:
    return {
        "return": "return home", "protection": "protection", "resettlement": "resettlement",
        "onward": "onward departure", "relocation": "relocation", "stay": "lawful stay",
        "handover": "hand-over", "absence": "absence", "death": "death",
    }.get(way, way)  # fmt: skip


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _lower(text: str) -> str:
    text = text.rstrip(".")
    return text[:1].lower() + text[1:]


def _narrow(source: str) -> str:
    return {
        "rates": "a longer log of how fast people move",
        "shocks": "knowing what lies behind good and bad months",
        "behaviour": "asking people what the deadline changes for them",
        "plan dates": "firm dates for the plan's actions and places",
    }.get(source, source)


def _chance_word(chance: float) -> str:
    if chance >= 0.8:
        return "likely"
    return "even" if chance >= 0.5 else "unlikely"


def _after_this_day(says: str) -> str:
    """The plan's words for one day, for a row that stands for many."""
    return says.replace(" after this day", "")


def _plain(value: Any) -> Cell:
    if value is None:
        return words("–")
    if isinstance(value, dt.date):
        return words(_date(value))
    if isinstance(value, float):
        return Cell(f"{value:.0%}" if 0 <= value <= 1 else f"{value:,.0f}", round(value, 3))
    if isinstance(value, int):
        return Cell(f"{value:,}", value)
    if isinstance(value, list):
        return words(", ".join(str(v) for v in value) or "–")
    return words(value)
