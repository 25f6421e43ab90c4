"""From an operation's tables to the report's model: the one place where a count may be shown.

Comes in: caseload, spells, next steps, plan, forecast, all as of one date, and an audience. Goes
out: a `Report` and the protected tables behind it. Every count is first entered in one ledger,
which is protected as a whole; a section can only ask the ledger for what may be shown, and
shares, sums and differences are worked out from shown figures alone. A section that cannot be
written for an audience is left out.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from onward.caseload import Caseload
from onward.engine import Engine
from onward.forecast.run import EVERYONE, Forecast
from onward.forecast.track import Track
from onward.placement.summary import summary as placement_summary
from onward.plan.draws import PlanDraws, milestone_chances
from onward.plan.gantt import gantt_list, gantt_svg
from onward.plan.lapses import lapses
from onward.plan.model import Plan, Pledge
from onward.plan.timeline import KINDS, timeline
from onward.report import charts, indicators, track_record
from onward.report.disclosure import (
    RULES,
    TOTAL,
    Audience,
    Counts,
    Key,
    Shown,
    alone,
    protect,
    rounded,
)
from onward.report.indicators import EARLIER, PERIOD_DAYS, Record
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
from onward.report.release import to_hide
from onward.safeguards.everybody import NextSteps
from onward.safeguards.help import Remedy, remedies

MOST_ROWS = 12
BASIS_DAYS = (30, 60, 90)
LAPSE_DAYS = (30, 60, 90, 180)
HELPERS = ("authority", "operation")
"""Whose remedies count as help; a person's own consent or claim is never asked for."""

HIDDEN_NOTE: Mapping[Audience, str] = {
    "internal": "… stands for fewer than 5, or for a count hidden to protect one.",
    "external": "Rounded to 5; … stands for 10 or fewer, or for a count hidden to protect one.",
}
PARTITIONS = ("all", "priority", "nationality", "sex", "age", "size", "lone older person",
              "single parent", "linked")  # fmt: skip
"""Groupings in which everybody stands once; of categories and needs a person may have several."""
LEAST_BEHIND: Mapping[Audience, int] = {"internal": 20, "external": 50}
"""People or stays that must stand behind a mean or a median."""


@dataclass(frozen=True)
class Material:
    """Everything the report is made from, as of one date.

    spells     from `caseload.spells`
    before     the caseload as of the day before the last 90 days; None leaves withdrawals out
    steps      from `safeguards.evaluate_all`; None leaves what holds people back out
    forecast   None leaves the forecast out; `no_forecast` says why
    observed   (day, people) counted on past days
    earlier    what the last report showed, for "what changed"; internal only
    proposal   the document of the latest stored placement proposal
    track      how kept forecasts did; None leaves it out, internal only
    frozen     what earlier external releases said of past months (`release.freeze`)
    record_ends  the last day the record can tell of; None: not known
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
    before: Caseload | None = None
    proposal: Mapping[str, Any] | None = None
    no_forecast: str = ""
    track: Track | None = None
    frozen: Mapping[str, Mapping[Key, int | None]] = field(default_factory=dict)
    record_ends: dt.date | None = None


@dataclass(frozen=True)
class Made:
    """A report and the protected tables it was written from."""

    report: Report
    shown: Sequence[Shown] = field(default_factory=tuple)

    def figures(self) -> dict[str, Any]:
        """What was shown, to compare the next report with: never a hidden count."""
        return {
            "as_of": self.report.as_of.isoformat(),
            "tables": {
                table.counts.name: [[list(key), value] for key, value in table.shown.items()]
                for table in self.shown
            },
        }


def beyond(on: dt.date, ends: dt.date | None) -> str:
    """What a reader must know first of a report for a day after the record's last."""
    if ends is None:
        return ""
    days = (on - ends).days
    return (
        f"The record ends on {_date(ends)}. Of the {days} day{'' if days == 1 else 's'} from "
        f"then to {_date(on)} nothing is known: people, places and follow-ups are as last "
        "recorded, and nothing here says that nothing happened."
    )


def build(material: Material, audience: Audience) -> Made:
    """The report for one audience."""
    return _Builder(material, audience).made()


class _Ledger:
    """All counts of one release, protected together; asked by table and cell."""

    def __init__(
        self,
        tables: Sequence[Counts],
        audience: Audience,
        frozen: Mapping[str, Mapping[Key, int | None]],
    ) -> None:
        self.audience = audience
        step = RULES[audience].round_to
        hide = {t.name: to_hide(t, frozen[t.name], step) for t in tables if t.name in frozen}
        self.shown = protect(tables, audience, hide if audience == "external" else None)
        self._by_name = {table.counts.name: table for table in self.shown}

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def table(self, name: str) -> Shown:
        return self._by_name[name]

    def value(self, name: str, *key: str) -> int | None:
        """What may be shown of one cell; of the whole table without a key."""
        table = self._by_name[name]
        cell: Key = key or (TOTAL,) * len(table.counts.dimensions)
        if cell not in table.shown and len(cell) == len(table.counts.dimensions):
            # A category nobody is in is not in the table: a plain zero, which outside is hidden.
            return None if RULES[self.audience].hide_from == 0 else 0
        return table.shown[cell]

    def say(self, name: str, *key: str) -> str:
        """A figure in a sentence."""
        value = self.value(name, *key)
        return "a number not shown of" if value is None else f"{value:,}"


class _Builder:
    """Writes one section after another from the same protected ledger."""

    def __init__(self, material: Material, audience: Audience) -> None:
        self.m, self.audience = material, audience
        self.internal = audience == "internal"
        self.rule = RULES[audience]
        self.on = material.caseload.as_of
        self.rulebook = material.caseload.rulebook
        r = self.r = Record(material.caseload, material.spells, material.engine)
        self.reading = r.reading
        tables: list[Counts | None] = [
            indicators.by_status_and_site(r), indicators.pipeline(r), indicators.by_sex_and_age(r),
            indicators.whereabouts(r), alone("cases", indicators.cases(r)),
            indicators.not_engaging(r), indicators.interview_coverage(r),
            indicators.decisions(r), indicators.appeals(r), indicators.departures(r),
            indicators.relocations(r), indicators.incidents(r), indicators.incidents_unreviewed(r),
            indicators.separated_children(r),
        ]  # fmt: skip
        valid = indicators.valid_consents(r.caseload, r.engine)
        tables += indicators.consents(r, valid) if "consent" in r.caseload.tables else []
        if material.before is not None:
            tables.append(indicators.withdrawals(r, material.before, valid))
        self.since = self.on - dt.timedelta(days=PERIOD_DAYS - 1)
        self.backlog = indicators.backlog(r, self.since)
        if self.backlog is not None:
            tables += [self.backlog.came, self.backlog.went]
        self.capacities = sorted({p.capacity for p in self._pledges() if p.capacity})
        for capacity in self.capacities:
            tables += [
                indicators.state_decisions(r, capacity),
                indicators.place_users(r, capacity),
            ]
        self.remedies: list[Remedy] = []
        if material.steps is not None:
            overall, held = indicators.blocked(r, material.steps)
            tables += [overall, *held, indicators.no_open_pathway(r, material.steps)]
            found = remedies(material.steps)
            self.remedies = [x for x in found if x.owner in HELPERS and x.options]
            tables += [table for x in self.remedies[:8] for table in self._remedy_counts(x)]
        self.contacts = indicators.follow_ups(r)
        if self.contacts is not None:
            tables += [self.contacts.due, self.contacts.soon]
        households = indicators.split_households(r)
        if households is not None:
            agreed, apart = households
            tables.append(Counts("split households", ("households",), (("agreed", "not agreed"),),
                {("agreed",): agreed, ("not agreed",): apart}, universe="households"))  # fmt: skip
        self.heard = indicators.complaints(r, LEAST_BEHIND[audience])
        if self.heard is not None:
            tables += [self.heard.received, self.heard.open, self.heard.coercion]
        tables += self._breach_counts() + self._lapse_counts() + self._proposal_counts()
        found_tables = [table for table in tables if table is not None]
        self.l = _Ledger(found_tables, audience, material.frozen)
        self.people = self.l.value("pipeline")

    # -- counting what only this report counts

    def _pledges(self) -> list[Pledge]:
        """Pledges this audience may know of."""
        known = ("public", "partners") if self.internal else ("public",)
        plan = self.m.plan
        return [p for p in plan.pledges.values() if p.confidentiality in known] if plan else []

    def secrets(self) -> set[str]:
        """Words that would name a pledge this audience may not know of."""
        open_ones = self._pledges()
        plan = self.m.plan
        closed = [p for p in plan.pledges.values() if p not in open_ones] if plan else []
        found = {word for p in closed for word in (p.id, p.title, p.country)}
        return found - {word for p in open_ones for word in (p.country,)}

    def quiet(self, *texts: Any) -> bool:
        """Whether nothing in these words names a pledge that is kept in confidence."""
        whole = " ".join(str(text) for text in texts)
        return not any(secret in whole for secret in self.secrets())

    def _remedy_counts(self, x: Remedy) -> list[Counts]:
        here = int(self.r.active.sum())
        options = Counts(f"options {x.finding}", (f"options {x.finding}",),
            (("people", "further"),), {("people",): x.people, ("further",): x.options - x.people},
            universe=f"options {x.finding}")  # fmt: skip
        people = Counts(f"helped {x.finding}", (f"helped {x.finding}",), (("yes", "no"),),
            {("yes",): x.people, ("no",): here - x.people})  # fmt: skip
        return [options, people]

    def _breach_counts(self) -> list[Counts]:
        rows = self.m.caseload.tables["breach"].to_pylist()
        rows = [x for x in rows if _as_date(x["effective"]) <= self.on]
        recent = sum((self.on - _as_date(x["effective"])).days < PERIOD_DAYS for x in rows)
        found = [Counts("breaches", ("breach",), (("recent", "before"),),
                        {("recent",): recent, ("before",): len(rows) - recent}, universe="breaches")]  # fmt: skip
        self.breached: list[tuple[str, int]] = []
        each: dict[str, int] = {}
        for row in rows:
            for key in row["safeguards"]:
                each[key] = each.get(key, 0) + 1
        for key, n in sorted(each.items(), key=lambda item: (-item[1], item[0])):
            self.breached.append((key, n))
            found.append(Counts(f"breach {key}", (f"breach {key}",), (("yes", "no"),),
                                {("yes",): n, ("no",): len(rows) - n}, universe="breaches"))  # fmt: skip
        return found

    def _lapse_counts(self) -> list[Counts]:
        """People behind everything that ends: dated things, growing papers, and their basis."""
        self.dated: list[tuple[Mapping[str, Any], str]] = []
        self.growing: dict[tuple[str, str, str], str] = {}
        plan = self.m.plan
        if plan is None:
            return []
        found: list[Counts] = []
        aging: dict[str, list[np.ndarray]] = {}  # type: ignore[type-arg]
        basis = [np.zeros(self.r.n, dtype=bool) for _ in BASIS_DAYS]
        before = self.on
        for number, days in enumerate(LAPSE_DAYS):
            until = self.on + dt.timedelta(days=days)
            table = lapses(plan, self.m.caseload, until, rulebook=self.rulebook, since=before)
            before = until
            for row in table.to_pylist():
                if not row["lapses"] or not self.quiet(row["what"], row["title"], row["says"]):
                    continue
                if (
                    not self.internal
                    and row["confidentiality"] != "public"
                    and row["kind"] != "record"
                ):
                    continue
                mask = np.zeros(self.r.n, dtype=bool)
                rows = self.r.rows(
                    pa.chunked_array([pa.array(row["people_ids"] or [], pa.string())])
                )
                mask[rows[rows >= 0]] = True
                mask &= self.r.active
                if row["kind"] in ("status", "place", "authority") and days in BASIS_DAYS:
                    basis[BASIS_DAYS.index(days)] |= mask
                if row["kind"] == "record":
                    key = (row["title"], row["says"], row["owner"] or "–")
                    name = self.growing.setdefault(key, f"aging {len(self.growing)}")
                    found_here = aging.setdefault(
                        name, [np.zeros(self.r.n, bool) for _ in LAPSE_DAYS]
                    )
                    found_here[number] |= mask
                    continue
                name = f"lapse {len(self.dated)}"
                self.dated.append((row, name if row["people"] is not None else ""))
                found.append(self.r.split(name, {"yes": mask}, self.r.active, "no"))
        for name, masks in aging.items():
            for days, mask in zip(LAPSE_DAYS, masks, strict=True):
                found.append(self.r.split(f"{name} {days}", {"yes": mask}, self.r.active, "no"))
        windows = {f"within {days}": mask for days, mask in zip(BASIS_DAYS, basis, strict=True)}
        names = tuple(windows)
        sums = {f"up to {days}": names[: i + 1] for i, days in enumerate(BASIS_DAYS) if i}
        found.append(self.r.split("basis", windows, self.r.active, "later or never", sums=sums))
        return found

    def _proposal_counts(self) -> list[Counts]:
        """Whom the latest proposal would place, entered like any other count."""
        self.proposed: dict[str, list[dict[str, Any]]] | None = None
        if self.m.proposal is None or not self.internal or "persons" not in self.m.proposal:
            return []
        sensitive = tuple(sorted(self.secrets()))
        found = self.proposed = placement_summary(dict(self.m.proposal), sensitive=sensitive)
        everybody = int(self.m.proposal["persons"]["all"])
        filled = {x["programme"]: int(x["filled"]) for x in found["programmes"]}
        others = everybody - sum(filled.values())
        dims = ("programme", "placed")
        made = [
            Counts("proposed", dims, ((*filled, "-"), ("yes", "no")),
                   {**{(name, "yes"): n for name, n in filled.items()}, ("-", "no"): others},
                   universe="proposal")
        ]  # fmt: skip
        why: dict[str, int] = {}
        for x in found["unplaced_emergencies"]:
            why[_stopped(x)] = why.get(_stopped(x), 0) + int(x["size"])
        made.append(Counts("emergencies", ("stopped by",), (tuple(why) or ("-",),),
                           {(k,): n for k, n in why.items()}, universe="emergencies"))  # fmt: skip
        placed = everybody - others
        for grouping, rows in _by_grouping(found["fairness"]).items():
            alone_ones = [rows] if grouping in PARTITIONS else [[row] for row in rows]
            for part in alone_ones:
                groups = {
                    x["group"]: (int(x["placed_persons"]), int(x["persons"])) for x in part
                }
                rest = (placed - sum(a for a, _ in groups.values()),
                        everybody - sum(b for _, b in groups.values()))  # fmt: skip
                groups["-"] = rest
                name = grouping if grouping in PARTITIONS else f"{grouping} {part[0]['group']}"
                made.append(
                    Counts(f"placed by {name}", (f"placed by {name}", "placed"),
                           (tuple(groups), ("yes", "no")),
                           {(g, state): n for g, (a, b) in groups.items()
                            for state, n in (("yes", a), ("no", b - a))}, universe="proposal")
                )  # fmt: skip
        return made

    # -- showing one figure

    def cell(self, name: str, *key: str) -> Cell:
        return count(self.l.value(name, *key)) if name in self.l else words("–")

    def ratio(self, part: tuple[str, ...], whole: tuple[str, ...]) -> Cell:
        """A share of two shown figures; hidden when either is."""
        if part[0] not in self.l or whole[0] not in self.l:
            return words("–")
        above, below = self.l.value(*part), self.l.value(*whole)
        if above is None or below is None:
            return words("…")
        return share(min(above / below, 1.0) if below else None)

    def crosstab(self, name: str, title: str, *, head: str, note: str = "", indicator: str = "",
                 labels: Mapping[str, str] | None = None, hxl: Sequence[str] = ()) -> Table:  # fmt: skip
        """A protected table with its margins."""
        shown, named = self.l.table(name), labels or {}
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
                    [
                        first,
                        *(count(shown.shown[(label, other)]) for other in (*dims[1], TOTAL)),
                    ]
                )
        hidden = any(value is None for value in shown.shown.values())
        note = " ".join(
            p for p in (note, self.note if hidden or not self.internal else "") if p
        )
        return Table(name, title, columns, rows, self.on, note, hxl, indicator or name)

    @property
    def note(self) -> str:
        return HIDDEN_NOTE[self.audience]

    def measures(self, name: str, title: str, rows: Sequence[tuple[str, Cell]], indicator: str, note: str = "") -> Table:  # fmt: skip
        """A table of measure and value."""
        return Table(name, title, ["Measure", "Value"], [[words(a), b] for a, b in rows], self.on,
                     f"{note} {self.note}".strip(), (), indicator)  # fmt: skip

    # -- the report

    def made(self) -> Made:
        made = [
            self.who_is_here(),
            self.changed(),
            self.pipeline_section(),
            self.departures(),
            self.blocked(),
            self.lapsing(),
            self.plan_section(),
            self.forecast_section(),
            self.pledges(),
            self.placement(),
            self.after_departure(),
            self.protection(),
            self.breaches(),
        ]
        decisions = self.decisions()
        sections = [section for section in (decisions, *made) if section is not None]
        if not self.internal:
            sections = [kept for each in sections if (kept := _outside(each)) is not None]
        report = Report(
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
            notes=[
                f"Audience: {self.audience}. {self.note}",
                "Safeguards are judged under the rulebook and floor named here.",
            ],
        )
        return Made(report, self.l.shown)

    def headline(self) -> str:
        if not self.r.n or not self.r.active.any():
            nobody = (
                "Nobody is on record yet" if not self.r.n else "Nobody on record is still here"
            )
            return f"{nobody} on {_date(self.on)}."
        people = "Few" if self.people is None else f"{self.people:,}"
        text = f"{people} {'person is' if people == '1' else 'people are'} here"
        if self.past_the_record and self.m.record_ends is not None:
            one = "person was" if people == "1" else "people were"
            text = f"{people} {one} here when the record ended on {_date(self.m.record_ends)}"
        if self.m.deadline is not None:
            days = (self.m.deadline - self.on).days
            text += (
                f", with {days:,} days until {_date(self.m.deadline)}"
                if days > 0 and not self.past_the_record
                else f"; from {_date(self.on)} there are {days:,} days until {_date(self.m.deadline)}"
                if days > 0
                else f"; the deadline was {_date(self.m.deadline)}"
            )
        if self.m.forecast is not None:
            levels = self.m.forecast.deadline_levels()
            low, high = (self.expected(levels[name]) for name in ("q10", "q90"))
            text += (
                f". Under the plan as it stands, {_between(low, high)} of them will probably "
                "still be here then (8 futures in 10)"
            )
        return text + "."

    def expected(self, value: float) -> str:
        """A forecast figure, rounded to what it can carry."""
        return f"{rounded(value, 5 if value < 100 and self.internal else 10):,}"

    def summary(self) -> list[str]:
        lines = [beyond(self.on, self.m.record_ends)] if self.past_the_record else []
        if self.m.steps is not None and self.r.active.any():
            line = f"{self.l.say('next step', 'held back')} people have no open next step."
            if self.remedies:
                top = self.remedies[0]
                shown = self.l.value(f"options {top.finding}")
                line += (
                    f" What would open most lawful, voluntary options: {_lower(top.remedy)} "
                    f"({top.owner_role}{'' if shown is None else f'; {shown:,} options'})."
                )
            lines.append(
                line.replace(
                    "a number not shown of people", "A number of people not shown here"
                )
            )
        late = self._late()
        if late:
            chance = late[0].in_time or 0.0
            many = f"{len(late)} milestones are" if len(late) > 1 else "1 milestone is"
            lines.append(
                f"{many} more likely missed than met; first: {_lower(late[0].title)} "
                f"({chance:.0%} by {_date(late[0].by)})."
            )
        return lines

    @property
    def past_the_record(self) -> bool:
        return self.m.record_ends is not None and self.on > self.m.record_ends

    def _late(self) -> list[Any]:
        if self.m.plan is None or self.m.draws is None or not self.internal:
            return []
        return [c for c in milestone_chances(self.m.plan, self.m.draws)
                if c.in_time is not None and c.in_time < 0.5 and c.kind == "milestone"]  # fmt: skip

    def who_is_here(self) -> Section:
        states = self.rulebook.axes["legal"].states if "legal" in self.rulebook.axes else {}
        places = self.rulebook.axes["place"].states
        labels = {name: state.title for name, state in states.items()}
        sites = self.l.table("caseload").counts.labels[1]
        where = {site: places[site].title if site in places else _label(site) for site in sites}
        declining = self.ratio(("not engaging", "declining"), ("not engaging",))
        tiles = [
            ("…" if self.people is None else f"{self.people:,}", "people here", f"in {self.cell('cases').text} cases"),
            (self.ratio(("heard", "heard"), ("heard", "asked")).text, "heard in private", "of adults and unaccompanied children"),
            (declining.text, "not engaging", "never means consent"),
        ]  # fmt: skip
        blocks: list[Block] = []
        if not self.r.active.any():
            blocks.append(
                Text(
                    "There is nobody to report on. Bring in a list with: onward import", "wait"
                )
            )
            return Section("who", "Who is here", blocks)
        if "open pathway" in self.l:
            closed = self.ratio(("open pathway", "none"), ("open pathway",))
            tiles.append(
                (closed.text, "no open pathway", "nothing lawful and voluntary is open to them")
            )
        blocks += [
            Tiles(tiles),
            self.crosstab(
                "caseload", "People here, by legal status and site", head="Legal status",
                labels={**labels, **where},
                hxl=["#status+code", *["#population+num+site"] * len(sites), "#population+num"],
            ),
        ]  # fmt: skip
        if "sex" in self.rulebook.kinds["person"].facts:
            blocks.append(
                self.crosstab(
                    "sex-and-age", "People here, by age and sex", head="Age", indicator="caseload",
                    note="Where the possible birth dates cross 18 a person is protected as a child.",
                )
            )  # fmt: skip
        rows = [
            [words(self.reading.choice(p)), self.cell(f"consent {p}", "could choose"),
             self.cell(f"consent {p}", "valid"),
             self.ratio((f"consent {p}", "valid"), (f"consent {p}", "could choose"))]
            for p in self.reading.pathways
            if f"consent {p}" in self.l
        ]  # fmt: skip
        if rows:
            blocks.append(
                Table("consents", "Valid consents on the date", ["Pathway", "People who could choose it", "With a valid consent", "Share"],
                      rows, self.on, "One person may hold several. A low share is an answer, not a failure. " + self.note, (), "consent_rate")
            )  # fmt: skip
        return Section("who", "Who is here", blocks)

    def pipeline_section(self) -> Section | None:
        if not self.r.active.any():
            return None
        labels = {name: state.title for name, state in self.rulebook.forecast_states.items()}
        blocks: list[Block] = [
            self.flow_figure(),
            self.crosstab("pipeline", "People here, by the furthest step reached", head="Step",
                          labels=labels, hxl=["#activity+code", "#population+num"]),
        ]  # fmt: skip
        blocks += self.claims()
        days = self.days_table()
        return Section(
            "pipeline",
            "Where people are on their way",
            [*blocks, *([days] if days.rows else [])],
        )

    def claims(self) -> list[Block]:
        """Recognition, appeals and the claims pending, where the rulebook knows claims."""
        blocks: list[Block] = []
        if "first decisions" in self.l:
            name, kinds = "first decisions", self.reading.decisions
            made = self.l.table(name).counts.labels[0]
            rows = [("People with a first decision", self.cell(name))]
            rows += [
                (f"of these {key.partition('.')[2].replace('_', ' ')}", self.cell(name, key))
                for key in made
            ]
            rows += [
                ("Refugee recognition rate", self._rate(name, "recognised")),
                ("Total recognition rate", self._rate(name, "protected")),
            ]
            if "appeals" in self.l:
                rows += [("People with an appeal decided", self.cell("appeals")),
                         ("Appeals reversed", self._rate("appeals", "protected"))]  # fmt: skip
            if kinds:
                blocks.append(self.measures("status-decisions", "Refugee status determination so far", rows,
                    "refugee_recognition", "People; claims closed without a decision are left out."))  # fmt: skip
        if self.backlog is not None and any(self.backlog.came.values.values()):
            came, went = "claims came", "claims went"
            rows = [
                (f"Pending before {_date(self.since)}", self.cell(came, "before")),
                ("+ new", self.cell(came, "new")),
                ("+ reopened", self.cell(came, "reopened")),
                ("− decided", self.cell(went, "decided")),
                ("− closed otherwise", self.cell(went, "closed")),
                (f"= pending on {_date(self.on)}", self.cell(went, "pending")),
            ]
            agrees = self.backlog.agrees
            note = (
                "Agrees with the claims counted pending in the record."
                if agrees
                else "Does not agree with the procedures open in the record: some claims have no "
                "recorded beginning or end. Check them before using these figures."
            )
            blocks.append(
                self.measures(
                    "claims-pending",
                    f"Claims in the last {PERIOD_DAYS} days, in people",
                    rows,
                    "rsd_backlog",
                    note,
                )
            )
            if not agrees and self.internal:
                blocks.append(
                    Text(
                        "Claims pending: the flow and the count of open procedures differ.",
                        "late",
                    )
                )
        return blocks

    def _rate(self, name: str, part: str) -> Cell:
        """A share of all decisions; a finding nobody got is no cell, so nobody got it."""
        if (part,) not in self.l.table(name).shown:
            return share(0.0) if self.internal and self.l.value(name) else words("…")
        return self.ratio((name, part), (name,))

    def flow_figure(self) -> Figure:
        """Registered, here or gone, where: from protected counts only."""
        where = self.l.table("whereabouts")
        names = {"here": "Still here", **{w: self.reading.way(w) for w in self.reading.ways}}
        stages = self.rulebook.axes["stage"].states
        names |= {s: stages[s].title for s in self.reading.lost}
        ever = self.l.value("whereabouts")
        second = [
            ("here", names["here"], where.shown[("here",)]),
            ("gone", "Have left", where.shown[("gone",)]),
        ]
        third: list[tuple[str, str, int | None]] = [
            (f"here-{name}", self._step(name), self.l.value("pipeline", name))
            for name in self.l.table("pipeline").counts.labels[0]
        ]
        gone = [
            (f"gone-{n}", names.get(n, n), where.shown[(n,)]) for n in where.counts.sums["gone"]
        ]
        lost = [(f"lost-{n}", names.get(n, n), where.shown[(n,)]) for n in where.counts.labels[0]
                if n in self.reading.lost]  # fmt: skip
        if not self.internal:
            third, gone, lost = (
                [x for x in part if x[2] is not None] for part in (third, gone, lost)
            )
        links: list[tuple[str, str, int | None]] = [
            ("all", name, value) for name, _, value in second
        ]
        links += [("here", name, value) for name, _, value in third]
        links += [("gone", name, value) for name, _, value in gone]
        links += [("all", name, value) for name, _, value in lost]
        table = Table(
            "flows-table", "From registration to outcome", ["Where", "People"],
            [[words(label), count(value)] for _, label, value in [("all", "Ever registered", ever), *second, *third, *gone, *lost]],
            self.on, self.note, (), "pipeline",
        )  # fmt: skip
        description = (
            "Everyone ever registered, who is still here and by which way others have left."
        )
        first = [("all", "Registered", ever)]
        svg, narrow = (
            charts.flows(
                [first, second, [*third, *gone, *lost]], links, width=width,
                title="From registration to outcome", description=description,
            )
            for width in (charts.WIDE, charts.NARROW)
        )  # fmt: skip
        return Figure(
            "flows", f"{self.l.say('whereabouts')} people were ever registered; {self.l.say('whereabouts', 'here')} are still here".replace("a number not shown of", "a number not shown"),
            svg, table, self.on, "The thicker a band, the more people. The table holds the same figures.", narrow,
        )  # fmt: skip

    def _step(self, name: str) -> str:
        state = self.rulebook.forecast_states.get(name)
        return state.title if state else name.capitalize()

    def days_table(self) -> Table:
        states = self.rulebook.axes["stage"].states
        rows_of = self.m.spells.select(["axis", "state", "from_date", "to_date"]).to_pylist()
        spells = [
            (r["state"], r["from_date"], r["to_date"]) for r in rows_of if r["axis"] == "stage"
        ]
        waiting = [name for name, state in states.items() if not state.ends]
        found = indicators.days_per_stage(
            spells, until=self.on, order=waiting, least=LEAST_BEHIND[self.audience]
        )
        hidden = {
            stage
            for name in self.l.table("pipeline").counts.labels[0]
            if self.l.value("pipeline", name) is None
            for stage in (self.rulebook.forecast_states[name].where.get("stage", ()) if name in self.rulebook.forecast_states else ())
        }  # fmt: skip
        rows = []
        for entry in found:
            # A median beside a hidden count would say that many people stand behind it.
            open_median = None if entry.stage in hidden else entry.open_median
            figures = (entry.mean, entry.median, entry.p90, open_median)
            if any(value is not None for value in figures):
                rows.append(
                    [words(states[entry.stage].title),
                     *(words("–") if v is None else Cell(f"{v:,.0f}", round(v)) for v in figures)]
                )  # fmt: skip
        return Table(
            "days-per-stage", "Days spent in each step",
            ["Step", "Mean days", "Median days", "9 in 10 within", "Median days of those still in it"],
            rows, self.on, f"– stands where fewer than {LEAST_BEHIND[self.audience]} stays are behind a figure or it would point to a hidden count.",
            (), "days_per_stage", folded=True,
        )  # fmt: skip

    def departures(self) -> Section | None:
        if "departures" not in self.l:
            return None
        shown = self.l.table("departures")
        ways = shown.counts.labels[1]
        blocks: list[Block] = [
            self.crosstab(
                "departures", "People who left or found another outcome, by month", head="Month",
                labels={**{way: self.reading.way(way) for way in ways}, EARLIER: "Earlier"},
                note="By the date of the confirmed departure or decision.",
                hxl=["#date+reported", *["#reached+num"] * len(ways), "#reached+num+total"],
            )
        ]  # fmt: skip
        if "relocations" in self.l:
            moved = self.l.table("relocations").counts.labels[0]
            rows = [
                [
                    words("Earlier" if label == EARLIER else label),
                    self.cell("relocations", label, TOTAL),
                ]
                for label in (*moved,)
            ]
            blocks.append(Table("relocations", "People relocated inside the country, by month of their last move", ["Month", "People"],
                                rows, self.on, f"A relocation is never an outcome: these people are still here or counted above. {self.note}", (), "departures"))  # fmt: skip
        if (
            self.internal
            and self.m.deadline
            and self.m.required_rate
            and self.people
            and self.m.deadline > self.on
        ):
            left = max((self.m.deadline - self.on).days / 30.4375, 0.1)
            months = shown.counts.labels[0][-3:]
            values = [self.l.value("departures", month, TOTAL) for month in months]
            seen = [v for v in values if v is not None]
            pace = "not shown" if len(seen) < 3 else f"{sum(seen) / 3:,.0f} a month"
            blocks.append(
                Text(
                    f"For the plan lead only: if nobody were to be left on the deadline, about "
                    f"{self.people / left:,.0f} people a month would have to find a lawful, voluntary "
                    f"outcome; the mean of the last three months is {pace}. This says how far the plan "
                    "is from the date. It is never a target for anyone.",
                    "wait",
                )
            )
        return Section("departures", "Who has left, and how", blocks)

    def blocked(self) -> Section | None:
        if self.m.steps is None or not self.r.active.any():
            return None
        named = [
            (g.name, g.title, self._sentence(g.name), self.l.value(f"held by {g.name}", "held"))
            for g in self.rulebook.safeguards.values()
        ]
        named.sort(key=lambda row: -(row[3] if row[3] is not None else 0))
        bars = [
            (f"{name} {title}", sentence, value)
            for name, title, sentence, value in named
            if value != 0 and (value is not None or self.internal)
        ]
        table = Table(
            "blocked", "People whose next step each safeguard holds back",
            ["Safeguard", "What must hold", "People", "Nothing else holds them back"],
            [
                [words(f"{name} {title}"), words(sentence), count(value), self.cell(f"held by {name}", "alone")]
                for name, title, sentence, value in named
            ],
            self.on, f"One person can be in several rows: never add them. {self.note}",
            ["#indicator+name", "#description", "#indicator+value+num", "#indicator+value+num+alone"], "blocked",
        )  # fmt: skip
        svg, narrow = (
            charts.blocked_bars(
                bars[:MOST_ROWS], title="People held back by each safeguard", width=width,
                description="One bar per safeguard; one person can be held back by several.",
            )
            for width in (charts.WIDE, charts.NARROW)
        )  # fmt: skip
        held, asked = self.l.value("next step", "held back"), self.l.value("next step", "asked")
        title = (
            "What holds people's next step back"
            if held is None or asked is None
            else f"{held:,} of {asked:,} people have no open next step"
        )
        blocks: list[Block] = [
            Figure("blocked-bars", title, svg, table, self.on,
                   "One bar for each safeguard. A person can be counted in several bars.", narrow),
        ]  # fmt: skip
        if "open pathway" in self.l:
            blocks.append(
                Table("open-pathway", "To whom any lawful, voluntary pathway is open", ["Pathway", "People"],
                      [[words("At least one open step"), self.cell("open pathway", "some")],
                       [words("No open pathway"), self.cell("open pathway", "none")]],
                      self.on, self.note, (), "no_open_pathway")
            )  # fmt: skip
        if self.remedies:
            blocks.append(
                Table(
                    "what-would-help", "What one remedy alone would open, most first",
                    ["Remedy", "Whose job", "Options opened", "People"],
                    [
                        [words(x.remedy), words(x.owner_role), self.cell(f"options {x.finding}"),
                         self.cell(f"helped {x.finding}", "yes")]
                        for x in self.remedies[:8]
                    ],
                    self.on,
                    "Counts lawful, voluntary options (a person and a pathway). Only remedies owned by an "
                    f"authority or the operation are listed. {self.note}", (), "blocked",
                )
            )  # fmt: skip
        return Section("blocked", "What holds people back, and what would help most", blocks)

    def _sentence(self, safeguard: str) -> str:
        findings = self.rulebook.safeguards[safeguard].findings
        return next(iter(findings.values())).sentence

    def lapsing(self) -> Section | None:
        """What ends: dated things one by one, people's own papers and consents by window."""
        if self.m.plan is None or not self.r.active.any():
            return None
        blocks: list[Block] = []
        if "basis" in self.l:
            first, second, third = BASIS_DAYS
            rows = [
                [words(f"Within {first} days"), self.cell("basis", f"within {first}")],
                [words(f"Within {second} days"), self.cell("basis", f"up to {second}")],
                [words(f"Within {third} days"), self.cell("basis", f"up to {third}")],
            ]
            blocks.append(Table("basis", "People whose protection basis has its clock run out", ["When", "People"], rows,
                                self.on, f"Each line includes the one before. {self.note}", (), "basis_lapsing"))  # fmt: skip
        rows = [
            [words(_date(row["date"])), words(row["title"]), words(_sentence_case(row["says"])),
             self.cell(name, "yes") if name else words("–"), words(row["owner"] or "–")]
            for row, name in self.dated
        ]  # fmt: skip
        if rows:
            blocks.append(
                Table("lapses", f"What ends in the next {LAPSE_DAYS[-1]} days, and who rests on it",
                      ["Last day", "What", "What it means", "People", "Who acts"], rows, self.on,
                      f"When a clock runs out the basis is reviewed; nobody's case is closed. {self.note}", (), "basis_lapsing")
            )  # fmt: skip
        rows = [
            [
                words(title),
                *(self.cell(f"{name} {days}", "yes") for days in LAPSE_DAYS),
                words(owner),
            ]
            for (title, _, owner), name in self.growing.items()
        ]
        if rows:
            heads = [
                f"In {LAPSE_DAYS[0]} days",
                *(f"{a + 1} to {b}" for a, b in itertools.pairwise(LAPSE_DAYS)),
            ]
            blocks.append(
                Table("growing-old", "People whose papers, checks or consents grow too old", ["What", *heads, "Who acts"], rows, self.on,
                      f"Days from {_date(self.on)}. Each person once in each column. {self.note}", (), "basis_lapsing")
            )  # fmt: skip
        return Section("lapses", "What lapses, and for whom", blocks) if blocks else None

    def plan_section(self) -> Section | None:
        if self.m.plan is None or self.m.draws is None:
            return None
        plan, draws = self.m.plan, self.m.draws
        blocks: list[Block] = []
        svg, narrow = (
            charts.slim(gantt_svg(plan, draws, self.on, audience=self.audience, width=width))
            for width in (charts.WIDE, charts.NARROW)
        )
        listed = gantt_list(plan, draws, audience=self.audience)
        columns = {"title": "What", "owner": "Owner", "state": "State", "start": "Likely start",
                   "done_p10": "Early (1 in 10)", "done_likely": "Likely done",
                   "done_p90": "Late (9 in 10)", "wanted_by": "Wanted by"}  # fmt: skip
        rows = listed.to_pylist()
        if not self.internal:
            columns = {k: v for k, v in columns.items() if k not in ("done_p10", "done_p90")}
        gantt_table = Table(
            "plan-dates", "The plan's actions and dates", list(columns.values()),
            [[_plain(row[name]) for name in columns] for row in rows], self.on,
        )  # fmt: skip
        how = (
            "Each bar is a piece of work, from its likely start to its likely end. The thin line is "
            "how early or late it may end. Vertical lines are deadlines; dark work holds one up."
            if self.internal
            else "Each bar is a piece of work at its likely dates. Vertical lines are deadlines."
        )
        if rows:
            blocks.append(
                Figure("gantt", self._plan_title(rows), svg, gantt_table, self.on, how, narrow)
            )
        if self.internal:
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
                        words(_date(chance.by)),
                        words("–") if sure is None
                        else Cell(f"{_chance_word(sure)} ({sure:.0%})", round(sure, 3), tone),
                        words(_date(chance.when.p50)),
                        words(holds or "–"),
                    ]
                )  # fmt: skip
            if lines:
                blocks.append(
                    Table("milestones", "Chance that each milestone is met in time",
                          ["Milestone", "Wanted by", "Chance", "Middle date", "What holds it up most often"],
                          lines, self.on, "From simulated plans with uncertain durations.", (), "milestones")
                )  # fmt: skip
        soon = timeline(plan, as_of=self.on, draws=draws, audience=self.audience).to_pylist()
        next_rows = [
            [
                words(_date(r["date_likely"])),
                words(r["title"]),
                words(_sentence_case(KINDS[r["kind"]])),
                words(_sentence_case(r["says"]) or "–"),
            ]
            for r in soon
            if r["date_likely"]
            and 0 <= (r["date_likely"] - self.on).days <= 120
            and self.quiet(r["title"], r["says"], *r.values())
        ][:14]
        if next_rows:
            blocks.append(
                Table(
                    "next-dates",
                    "The next 120 days",
                    ["Likely date", "What", "Then", "What it means"],
                    next_rows,
                    self.on,
                )
            )
        return Section("plan", "The plan and its dates", blocks) if blocks else None

    def _plan_title(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """What the drawing of the plan says, as a sentence."""
        work = sum(row["state"] != "done" for row in rows if row["kind"] == "action")
        left = f"{work} pieces of work are" if work != 1 else "1 piece of work is"
        if not self.internal or self.m.plan is None or self.m.draws is None:
            return f"{left} still to be done"
        chances = milestone_chances(self.m.plan, self.m.draws)
        dated = [c for c in chances if c.in_time is not None]
        late = sum(c.in_time < 0.5 for c in dated if c.in_time is not None)
        return f"{left} still to be done; {late} of {len(dated)} dates are more likely missed than met"

    def forecast_section(self) -> Section | None:
        made = self.m.forecast
        if made is None or self.m.deadline is None:
            if not self.m.no_forecast:
                return None
            why = Text(f"There is no forecast in this report. {self.m.no_forecast}", "wait")
            return Section("forecast", "Who will still be here on the date", [why])
        levels = made.deadline_levels()
        low, high = self.expected(levels["q10"]), self.expected(levels["q90"])
        dates = [dt.date.fromisoformat(day) for day in made.days]
        past = [(day, rounded(value, self.rule.history_to)) for day, value in self.m.observed]
        names = ("q10", "median", "q90")
        bands = {
            name: [float(rounded(v, self.rule.history_to)) for v in values]
            for name, values in made.fan[EVERYONE].items()
        }
        rows = [
            [words(_date(day)), words("counted"), *[count(None), count(value), count(None)]]
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
                words(_date(dates[i])),
                words("expected"),
                *(self.guess(bands[n][i]) for n in names),
            ]
            for i in steps
        ]
        table = Table(
            "fan-table", "People here: counted, then expected",
            ["Date", "", "1 in 10 futures stays below (P10)", "Middle (P50)", "1 in 10 goes above (P90)"],
            rows, self.on, "Rounded to 10: no forecast knows better.", (), "residual",
        )  # fmt: skip
        svg, narrow = (
            charts.fan(
                dates, bands, [(day, float(v)) for day, v in past], self.m.deadline, width=width,
                deadline_label=_date(self.m.deadline), title="People here, counted and expected",
                description=f"Counted so far, then the range of {made.futures:,} simulated futures to the deadline.",
            )
            for width in (charts.WIDE, charts.NARROW)
        )  # fmt: skip
        figure = Figure(
            "fan", f"On {_date(self.m.deadline)} {_between(low, high)} people will probably still be here",
            svg, table, self.on,
            "The solid line is what was counted. The plan was then played forward "
            f"{made.futures:,} times: half of the futures end in the darkest band, 8 in 10 in the two darker "
            "ones, 19 in 20 anywhere in the fan. The dashed line is the middle: as many futures end above it as below.",
            narrow,
        )  # fmt: skip
        states = self.rulebook.forecast_states
        heads = ["Low (P10)", "Middle (P50)", "High (P90)"]
        least = 10 if self.internal else 20
        who = Table(
            "who-is-left", "Where those still here will stand on the deadline", ["Step", *heads],
            [
                [words(states[name].title if name in states else name), *(self.guess(v[n]) for n in names)]
                for name, v in sorted(made.states.items(), key=lambda item: (-item[1]["median"], item[0]))
                if v["q90"] >= least
            ],
            self.on, "Simulated and rounded; small figures are left out.", (), "residual",
        )  # fmt: skip
        left = Table(
            "who-leaves", "How people leave until the deadline", ["Way", *heads],
            [[words(self.reading.way(way)), *(self.guess(v[n]) for n in names)]
             for way, v in made.left.items() if v["q90"] >= least],
            self.on, "Only lawful, voluntary outcomes are solutions; hand-over, death and absence never are.", (), "residual",
        )  # fmt: skip
        blocks: list[Block] = [figure]
        if self.internal:
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
        if len(groups) > 1 and self.internal:
            blocks.append(
                Table("by-group", "Still here on the deadline, by group", ["Group", *heads],
                      [[words(_label(name)), *(self.guess(made.deadline_levels(name)[n]) for n in names)] for name in groups],
                      self.on, "Simulated and rounded.", (), "residual")
            )  # fmt: skip
        if self.internal:
            reasons = self._why_here(made, heads, least)
            if reasons.rows:
                blocks.append(reasons)
            if made.split:
                shares = sorted(made.split.items(), key=lambda kv: (-kv[1], kv[0]))
                told = ", ".join(f"{_doubt(name)} {share:.0%}" for name, share in shares if share >= 0.005)  # fmt: skip
                blocks.append(Text(f"What the width of the range comes from: {told}."))
        known = [(k, v) for k, v in made.width.items() if k != "chance"]
        if known and self.internal:
            known.sort(key=lambda kv: (-kv[1], kv[0]))
            widths = ", ".join(f"{_narrow(name)} {value:.0%}" for name, value in known)
            blocks.append(
                Text(
                    f"What would narrow the range, if it were known, and by how much: {widths}."
                )
            )
        if self.internal:
            said = [*made.assumptions, *(f"Not simulated: {text}." for text in made.left_out)]
            pledged = {p.id for p in self.m.plan.pledges.values()} if self.m.plan else set()
            # A sentence about one pledge may count its users or name it; those stay in the run.
            open_ones = [t for t in said if self.quiet(t) and not any(p in t for p in pledged)]
            if len(open_ones) < len(said):
                open_ones.append(
                    "Conditions of single offers are in the stored run: onward forecast list."
                )
            blocks.append(Points(open_ones))
            if self.m.track is not None:
                counted = [(day, float(value)) for day, value in past]
                blocks += track_record.blocks(
                    self.m.track, counted, self.on, to=self.rule.history_to
                )
        else:
            blocks.append(Text("Offers that are not public are not counted in this forecast."))
        return Section("forecast", "Who will still be here on the date", blocks)

    def _why_here(self, made: Forecast, heads: Sequence[str], least: int) -> Table:
        """Why people will still be here; no row may tell of an offer made in confidence."""
        plan = self.m.plan
        titles = {name: state.title for name, state in self.rulebook.forecast_states.items()}
        if plan is not None:
            for things in (plan.authorities, plan.assurances, plan.actions, plan.capacities, plan.pledges):  # fmt: skip
                titles |= {name: thing.title for name, thing in things.items()}
        told = {p.capacity for p in self._pledges()}
        secret = {p.capacity for p in plan.pledges.values()} - told if plan else set()
        rows = []
        for row in made.why:
            name = str(row["name"])
            what = titles.get(name, _label(name))
            if row["q90"] >= least and name not in secret and self.quiet(name, what):
                rows.append(
                    [words(WHY[str(row["kind"])]), words(what), *(self.guess(row[n]) for n in ("q10", "median", "q90"))]
                )  # fmt: skip
        return Table(
            "why-here", "Why people will still be here on the deadline", ["Why", "Which", *heads], rows,
            self.on, "Simulated and rounded; each person counts once. Small figures are left out.", (), "residual",
        )  # fmt: skip

    def guess(self, value: float) -> Cell:
        """A simulated number of people, rounded; never a person's trace, but small ones mislead."""
        if value < 10:
            return words("under 10")
        shown = rounded(value, self.rule.history_to)
        return Cell(f"{shown:,}", shown)

    def after_departure(self) -> Section | None:
        if self.contacts is None and "incidents" not in self.l:
            return None
        blocks: list[Block] = [
            Text("Silence is not safety: read incidents beside the contact rate.")
        ]
        name = "follow-ups"
        if self.contacts is not None and any(self.contacts.due.values.values()):
            shown = self.l.table(name)
            heads = [
                "Way",
                "Due",
                "Safe",
                "Concern",
                "Tried, not reached",
                "Not yet done",
                "Overdue",
                "Contact rate",
            ]
            rows = []
            for way in (*shown.counts.labels[0], TOTAL):
                values = {state: shown.shown[way, state] for state in indicators.STATES}
                due = shown.shown[way, TOTAL]
                safe, concern = values["safe"], values["concern"]
                reached = (
                    None
                    if None in (safe, concern, due) or not due
                    else ((safe or 0) + (concern or 0)) / due
                )
                late = values["overdue"]
                rows.append(
                    [words("All" if way == TOTAL else self.reading.way(way)), count(due), count(safe),
                     count(concern), count(values[indicators.UNREACHED]), count(values["waiting"]),
                     count(late, "late" if late else ""),
                     words("…") if reached is None else share(min(reached, 1.0))]
                )  # fmt: skip
            calendar = "; ".join(
                f"{self.reading.way(way).lower()}: {rule.tolerance_days} days"
                for way, rule in self.rulebook.follow_up.items()
            )
            blocks.append(Table("follow-ups", "Contacts due so far, and what became of them", heads, rows, self.on,
                                f"Overdue after: {calendar}. {self.note}", (), "follow_ups"))  # fmt: skip
            blocks.append(
                Text(f"Due in the next 30 days: {self.cell('follow-ups soon').text}.")
            )
        if "incidents" in self.l:
            seen = self.l.value("incidents")
            months = indicators.person_months_observed(self.r)
            rate = words("…")
            if seen is not None and months >= LEAST_BEHIND[self.audience]:
                rate = Cell(f"{100 * seen / months:.1f}", round(100 * seen / months, 1))
            elif seen is not None:
                rate = words("too little observed")
            rows2 = [("Incidents after departure", self.cell("incidents")),
                     ("of these of the gravest kind", self.cell("incidents", "gravest"))]  # fmt: skip
            if "incidents reviewed" in self.l:
                rows2.append(("waiting for review", self.cell("incidents reviewed", "waiting")))
            rows2.append(("Incidents for every 100 months observed", rate))
            if self.contacts is not None and name in self.l:
                rows2.append(("Contact rate", self._contact_rate()))
            blocks.append(
                self.measures(
                    "incidents",
                    "Incidents after departure, beside the contact rate",
                    rows2,
                    "incidents",
                )
            )
        return Section("after", "After departure", blocks)

    def _contact_rate(self) -> Cell:
        shown = self.l.table("follow-ups").shown
        due, safe, concern = shown[TOTAL, TOTAL], shown[TOTAL, "safe"], shown[TOTAL, "concern"]
        if due is None or safe is None or concern is None:
            return words("…")
        return share(min((safe + concern) / due, 1.0) if due else None)

    def protection(self) -> Section | None:
        blocks: list[Block] = []
        rows: list[tuple[str, Cell]] = []
        if "split households" in self.l:
            rows += [("Households in different places, every adult agreed", self.cell("split households", "agreed")),
                     ("Households in different places, not every adult agreed", self.cell("split households", "not agreed"))]  # fmt: skip
        if "separated children" in self.l:
            rows += [("Separated or unaccompanied children", self.cell("separated children", "apart")),
                     ("of these with a best-interests determination", self.cell("separated children", "determined")),
                     ("Share with a determination", self.ratio(("separated children", "determined"), ("separated children", "apart")))]  # fmt: skip
        if rows:
            blocks.append(
                self.measures("family", "Families and children apart", rows, "family")
            )
        rows = []
        if "withdrawals" in self.l:
            rows += [(f"Consents withdrawn in {PERIOD_DAYS} days", self.cell("withdrawals", "withdrawn")),
                     ("Share of the consents valid in them", self.ratio(("withdrawals", "withdrawn"), ("withdrawals",)))]  # fmt: skip
            blocks.append(self.measures("withdrawals", "Consents withdrawn", rows, "withdrawal_rate",
                                        "Withdrawing is a right, not a failure."))  # fmt: skip
        if self.heard is not None:
            days = self.heard.median_days
            rows = [
                (
                    f"Complaints received in {PERIOD_DAYS} days",
                    self.cell("complaints received", "yes"),
                ),
                ("Complaints open", self.cell("complaints open", "yes")),
                (
                    "Median days to close",
                    words("–") if days is None else Cell(f"{days:.0f}", days),
                ),
                (
                    "Coercion complaints waiting for triage",
                    self.cell("complaints coercion", "yes"),
                ),
            ]
            blocks.append(self.measures("complaints", "Complaints", rows, "complaints"))
        return (
            Section("protection", "Families, consents, complaints", blocks) if blocks else None
        )

    def breaches(self) -> Section:
        findings = {
            f.key: f
            for guard in self.rulebook.safeguards.values()
            for f in guard.findings.values()
        }
        rows = [
            [words(key), words(findings[key].sentence if key in findings else key),
             self.cell(f"breach {key}", "yes"), words(findings[key].owner_role if key in findings else "–")]
            for key, _ in self.breached
        ]  # fmt: skip
        every, recent = self.l.value("breaches"), self.l.value("breaches", "recent")
        tone: Literal["", "wait", "late"] = ""
        if self.internal and not self.breached:
            text = "No movement is on record with a failed safeguard."
        elif every is None:
            text = (
                "How many movements went ahead although a safeguard was not met is not shown."
            )
        else:
            text = f"Movements on record that went ahead although a safeguard was not met: {every:,}."
            tone = "wait"
            if recent is not None:
                text += f" In the last {PERIOD_DAYS} days: {recent:,}."
                tone = "late" if recent else "wait"
        blocks: list[Block] = [Text(text, tone)]
        if rows:
            blocks.append(
                Table("breaches", "Movements recorded although a safeguard was not met",
                      ["Safeguard", "What should have held", "Movements", "Whose job"], rows, self.on,
                      f"One movement can breach several: never add the rows. {self.note}", (), "breaches")
            )  # fmt: skip
        return Section("breaches", "Breaches", blocks)

    def pledges(self) -> Section | None:
        known = self._pledges()
        if not known:
            return None
        rows = [
            [words(p.country), words(p.channel.replace("_", " ")), words(p.state),
             Cell(f"{p.places_people:,}", p.places_people),
             words("conditional" if p.conditional_on else "–"), words(_date(p.valid_to))]
            for p in known
        ]  # fmt: skip
        blocks: list[Block] = []
        for capacity in self.capacities if self.internal else ():
            pledged = sum(p.places_people for p in known if p.capacity == capacity and p.sure)
            # Allocations that name people on a list are places held for them.
            kept = sum(
                n
                for p in known
                if p.capacity == capacity and p.sure
                for rule, n in p.allocations
                if rule.people
            )
            table = f"places {capacity}"
            waiting, gone = self.l.value(table, "waiting"), self.l.value(table, "departed")
            free = (
                None
                if waiting is None or gone is None
                else max(pledged - waiting - gone - kept, 0)
            )
            lines: list[tuple[str, Cell]] = [
                ("Pledged (confirmed, without condition)", count(pledged)),
                ("− accepted and not yet departed", count(waiting)),
                ("− departed", count(gone)),
                ("− reserved for people named", count(kept)),
                ("= open", count(free)),
                ("Filled", share(gone / pledged) if gone is not None and pledged else words("–" if gone is not None else "…")),
            ]  # fmt: skip
            if f"decided {capacity}" in self.l:
                name = f"decided {capacity}"
                lines.append(("State acceptance rate", self.ratio((name, "accepted"), (name,))))
            blocks.append(
                self.measures(
                    f"places-{capacity}",
                    f"{_label(capacity)}s: pledged, open and filled",
                    lines,
                    "pledges",
                )
            )
        blocks.append(
            Table("pledges", "Places offered by third countries",
                  ["Country", "Channel", "State", "Places (people)", "Condition", "Valid to"], rows, self.on,
                  "Only offers that may be known here are listed. Conditional and verbal offers are never added to places pledged.",
                  ["#country+code+dest", "#activity+code", "#status+code", "#capacity+num", "#description", "#date"], "pledges")
        )  # fmt: skip
        return Section("pledges", "Places", blocks)

    def placement(self) -> Section | None:
        """What the latest stored proposal would use; internal only, and no case is named."""
        found = self.proposed
        if found is None or self.m.proposal is None:
            return None
        day, state = self.m.proposal.get("on"), self.m.proposal["state"]
        of = f" of {_date(dt.date.fromisoformat(day))}" if day else ""
        blocks: list[Block] = [
            Text(
                f"The proposal{of} ({state.replace('_', ' ')}). Officers decide; nobody without a valid "
                "consent and open safeguards is in it."
            )
        ]
        if found["programmes"]:
            rows = []
            for x in found["programmes"]:
                used = self.l.value("proposed", x["programme"], "yes")
                free = None if used is None else max(int(x["places"]) - used, 0)
                rows.append(
                    [
                        words(_label(x["programme"])),
                        count(int(x["places"])),
                        count(used),
                        count(free),
                    ]
                )
            blocks.append(
                Table("programmes", "Programmes filled and open in the proposal",
                      ["Programme", "Places", "Proposed", "Open"], rows, self.on, self.note, (), "placement")
            )  # fmt: skip
        if found["missing_places"]:
            blocks.append(
                Table("missing-places", "The most valuable missing places: whom to ask, and for whom",
                      ["Ask for one more in", "For whom", "Worth", "Holds for"],
                      [[words(x["ask"]), words(x["for_whom"]), _decimal(x["worth_per_place"]),
                        words("–") if x["holds_for_places"] is None else _decimal(x["holds_for_places"])]
                       for x in found["missing_places"]],
                      self.on, "Worth: protection-weighted people placed by one more place. Holds for: so many places more.",
                      (), "placement")
            )  # fmt: skip
        waiting = {_stopped(x): str(x["change"]) for x in found["unplaced_emergencies"]}
        if waiting:
            blocks.append(
                Table("unplaced-emergencies", "Emergencies without a place", ["What stops them", "What would place them", "People"],
                      [[words(_sentence_case(why)), words(_sentence_case(change) or "–"), self.cell("emergencies", why)]
                       for why, change in waiting.items()], self.on, self.note, (), "placement")
            )  # fmt: skip
        else:
            blocks.append(Text("No emergency case is without a place.", "good"))
        fair = self._fairness()
        if fair is not None:
            blocks.append(fair)
        return Section("placement", "Proposed places", blocks)

    def _fairness(self) -> Table | None:
        """Share placed by group, beside taking cases in random order; only from shown counts."""
        rows = []
        for grouping, lines in _by_grouping(
            self.proposed["fairness"] if self.proposed else []
        ).items():
            for x in lines:
                name = grouping if grouping in PARTITIONS else f"{grouping} {x['group']}"
                table = f"placed by {name}"
                people = self.l.value(table, x["group"], TOTAL)
                placed = self.l.value(table, x["group"], "yes")
                known = people is not None and placed is not None
                waited = x["mean_wait_days"]
                enough = placed is not None and placed >= LEAST_BEHIND[self.audience]
                rows.append(
                    [words("Everybody" if grouping == "all" else f"{_sentence_case(grouping)}: {x['group']}"),
                     count(people), count(placed),
                     share(x["share"]) if known else words("…"),
                     share(x["share_random_order"]) if known else words("…"),
                     words("–") if waited is None or not enough else Cell(f"{waited:,.0f}", round(waited))]
                )  # fmt: skip
        if not rows:
            return None
        return Table(
            "fairness", "Who has a proposed place, group by group, beside a random order",
            ["Group", "People", "Placed", "Share", "In random order", "Mean days waited"], rows, self.on,
            "A share below that of a random order is no proof of a wrong, but a question somebody has to answer. "
            f"– stands where fewer than {LEAST_BEHIND[self.audience]} people are behind a mean. {self.note}",
            (), "placement", folded=True,
        )  # fmt: skip

    def decisions(self) -> Section | None:
        """What somebody has to decide now, from the plan's clocks and the blocked steps."""
        if not self.internal:
            return None
        items: list[str] = []
        # People first: what touches somebody already is decided before dates and figures.
        if "complaints coercion" in self.l and self.l.value("complaints coercion", "yes") != 0:
            items.append(
                "Triage the coercion complaints that wait: no move they touch can go ahead."
            )
        if (
            "incidents reviewed" in self.l
            and self.l.value("incidents reviewed", "waiting") != 0
        ):
            items.append(
                "Review the incidents after departure that wait; until then the recipient's pending moves stay paused."
            )
        recent = self.l.value("breaches", "recent")
        if recent or recent is None:
            items.append(
                "Review the movements recorded with a failed safeguard (see Breaches)."
            )
        for x in self.remedies[:3]:
            shown = self.l.value(f"options {x.finding}")
            many = "some" if shown is None else f"{shown:,}"
            items.append(
                f"{x.remedy} It would open {many} lawful, voluntary options ({x.owner_role})."
            )
        items += self._late_dates()
        if self.backlog is not None and not self.backlog.agrees:
            items.append("Check the claims whose recorded beginning or end is missing.")
        if not items:
            return None
        return Section("decisions", "Decisions needed", [Points(items)])

    def _late_dates(self) -> list[str]:
        """Dates more likely missed than met, by the work that holds them up most often."""
        if self.m.plan is None or self.m.draws is None:
            return []
        actions = self.m.plan.actions
        held_up: dict[str, list[str]] = {}
        for chance in milestone_chances(self.m.plan, self.m.draws):
            if chance.in_time is None or chance.in_time >= 0.5 or not chance.critical:
                continue
            action = actions.get(chance.critical[0][0])
            if action is not None and self.quiet(action.title, chance.title):
                held_up.setdefault(action.id, []).append(
                    f"{_lower(chance.title)} ({chance.in_time:.0%} likely by {_date(chance.by)})"
                )
        return [
            f"Decide on “{actions[id].title}” ({actions[id].owner}), which holds up: {'; '.join(dates)}."
            for id, dates in held_up.items()
        ]

    def changed(self) -> Section | None:
        """What changed since the last report; internal only, from what both reports showed."""
        earlier = self.m.earlier
        if not self.rule.changes or not earlier or "tables" not in earlier:
            return None
        then = {
            name: {tuple(key): value for key, value in cells}
            for name, cells in earlier["tables"].items()
        }
        lines: list[tuple[str, str, Key]] = [("People here", "pipeline", (TOTAL,))]
        lines += [(self.reading.way(way), "whereabouts", (way,)) for way in self.reading.ways]
        lines += [
            (self._step(name), "pipeline", (name,)) for name in self.rulebook.forecast_states
        ]
        lines += [("With no open next step", "next step", ("held back",)),
                  ("No open pathway", "open pathway", ("none",)),
                  ("Contacts overdue", "follow-ups", (TOTAL, "overdue")),
                  ("Breaches on record", "breaches", (TOTAL,)),
                  ("Coercion complaints waiting", "complaints coercion", ("yes",))]  # fmt: skip
        rows = []
        for label, name, key in lines:
            if name not in then or name not in self.l:
                continue
            was = then[name].get(key, 0 if len(key) == 1 else None)
            now = self.l.table(name).shown.get(key, 0)
            if was == now:
                continue
            change = None if was is None or now is None else now - was
            few = change is not None and abs(change) <= self.rule.hide_to
            rows.append(
                [words(label), count(None if few else was), count(now),
                 words("…" if change is None else "fewer than 5") if few or change is None
                 else Cell(f"{change:+,}", change)]
            )  # fmt: skip
        since = f"What changed since {_date(dt.date.fromisoformat(earlier['as_of']))}"
        if not rows:
            return Section("changed", since, [Text("No figure that may be shown has changed.")])
        return Section(
            "changed", since,
            [Table("changes", "Figures that changed, then and now", ["What", "Then", "Now", "Change"], rows, self.on,
                   "Inside the operation only. Worked out from what both reports showed. " + self.note)],
        )  # fmt: skip


def _outside(section: Section) -> Section | None:
    """A section without the rows and columns in which every count is hidden.

    Outside, none, one and ten are one answer: a row that is there although its count is hidden
    would say that there is somebody.
    """
    blocks: list[Block] = []
    for block in section.blocks:
        if isinstance(block, Figure):
            blocks.append(replace(block, table=_told(block.table)))
        elif isinstance(block, Table):
            told = _told(block)
            if told.rows:
                blocks.append(told)
        else:
            blocks.append(block)
    something = any(not isinstance(block, Text) for block in blocks)
    if not something and any(isinstance(block, Table) for block in section.blocks):
        return None
    return replace(section, blocks=blocks)


def _told(table: Table) -> Table:
    rows = [r for r in table.rows if _hidden(r) == 0 or any(c.number is not None for c in r)]
    columns = [
        i for i in range(len(table.columns))
        if not rows or not all(row[i].text == "…" for row in rows)
    ]  # fmt: skip
    return replace(
        table,
        rows=[[row[i] for i in columns] for row in rows],
        columns=[table.columns[i] for i in columns],
        hxl=[table.hxl[i] for i in columns]
        if len(table.hxl) == len(table.columns)
        else table.hxl,
    )


def _hidden(row: Sequence[Cell]) -> int:
    return sum(cell.text == "…" for cell in row)


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
                label = f"{table.name}: {row[0].text}" + (
                    f", {title}" if title != "People" else ""
                )
                rows.append([words(report.as_of.isoformat()), words(label), cell])
    return Table(
        "HXL", "Figures for exchange", ["Date", "Indicator", "Value"], rows, report.as_of,
        hxl=["#date+reported", "#indicator+name", "#indicator+value+num"],
    )  # fmt: skip


def _by_grouping(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["grouping"], []).append(row)
    return found


def _stopped(row: Mapping[str, Any]) -> str:
    """What stops a case, without the names of single windows."""
    return str(row["reason"]).partition(";")[0].partition(" (")[0]


def _decimal(value: float) -> Cell:
    return Cell(f"{value:,.2f}".rstrip("0").rstrip("."), round(value, 4))


def _date(day: dt.date | None) -> str:
    return "–" if day is None else f"{day.day} {day:%b %Y}"


def _as_date(value: Any) -> dt.date:
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value)[:10])


def _label(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()


def _between(low: str, high: str) -> str:
    return f"about {low}" if low == high else f"between {low} and {high}"


def _lower(text: str) -> str:
    text = text.rstrip(".")
    return text[:1].lower() + text[1:]


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


WHY = {
    "not chosen": "No way chosen yet",
    "shut": "Every way on is shut",
    "no place": "Ready, but no place",
    "under way": "On the way",
}


def _doubt(source: str) -> str:
    return {
        "rates": "how fast people move",
        "effects": "how much the plan's steps do",
        "plan dates": "when the plan's steps happen",
        "behaviour": "how people answer",
        "shocks": "good and bad months ahead",
        "chance": "chance alone",
    }.get(source, source)


def _narrow(source: str) -> str:
    return {
        "rates": "a longer log of how fast people move",
        "effects": "finding out how much the plan's steps do",
        "shocks": "knowing what lies behind good and bad months",
        "behaviour": "asking people what the deadline changes for them",
        "plan dates": "firm dates for the plan's actions and places",
    }.get(source, source)


def _chance_word(chance: float) -> str:
    if chance >= 0.8:
        return "likely"
    return "even" if chance >= 0.5 else "unlikely"


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
