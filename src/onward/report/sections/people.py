"""Who is here, where they are on their way, and who has left and how."""

from __future__ import annotations

from onward.report import charts
from onward.report.disclosure import TOTAL
from onward.report.indicators import leaving
from onward.report.indicators.definitions import PERIOD_DAYS
from onward.report.indicators.leaving import EARLIER
from onward.report.ledger import LEAST_BEHIND
from onward.report.model import (
    Block,
    Cell,
    Figure,
    Section,
    Table,
    Text,
    Tiles,
    count,
    share,
    words,
)
from onward.report.phrases import day_text, plain_name
from onward.report.saying import Sayer
from onward.report.writer import Writer


def who_is_here(w: Writer) -> Section:
    states = w.rulebook.axes["legal"].states if "legal" in w.rulebook.axes else {}
    places = w.rulebook.axes["place"].states
    labels = {name: state.title for name, state in states.items()}
    sites = w.ledger.table("caseload").counts.labels[1]
    where = {site: places[site].title if site in places else plain_name(site) for site in sites}
    declining = w.ratio(("not engaging", "declining"), ("not engaging",))
    tiles = [
        ("…" if w.people is None else f"{w.people:,}", "people here", f"in {w.cell('cases').text} cases"),
        (w.ratio(("heard", "heard"), ("heard", "asked")).text, "heard in private", "of adults and unaccompanied children"),
        (declining.text, "not engaging", "never means consent"),
    ]  # fmt: skip
    blocks: list[Block] = []
    if not w.record.active.any():
        blocks.append(
            Text("There is nobody to report on. Bring in a list with: onward import", "wait")
        )
        return Section("who", "Who is here", blocks)
    if "open pathway" in w.ledger:
        closed = w.ratio(("open pathway", "none"), ("open pathway",))
        tiles.append(
            (closed.text, "no open pathway", "nothing lawful and voluntary is open to them")
        )
    blocks += [
        Tiles(tiles),
        w.crosstab(
            "caseload", "People here, by legal status and site", head="Legal status",
            labels={**labels, **where},
            hxl=["#status+code", *["#population+num+site"] * len(sites), "#population+num"],
        ),
    ]  # fmt: skip
    if "sex" in w.rulebook.kinds["person"].facts:
        blocks.append(
            w.crosstab(
                "sex-and-age", "People here, by age and sex", head="Age", indicator="caseload",
                note="Where the possible birth dates cross 18 a person is protected as a child.",
            )
        )  # fmt: skip
    rows = [
        [words(w.reading.choice(p)), w.cell(f"consent {p}", "could choose"),
         w.cell(f"consent {p}", "valid"),
         w.ratio((f"consent {p}", "valid"), (f"consent {p}", "could choose"))]
        for p in w.reading.pathways
        if f"consent {p}" in w.ledger
    ]  # fmt: skip
    if rows:
        blocks.append(
            Table("consents", "Valid consents on the date", ["Pathway", "People who could choose it", "With a valid consent", "Share"],
                  rows, w.on, "One person may hold several. A low share is an answer, not a failure. " + w.note, (), "consent_rate")
        )  # fmt: skip
    return Section("who", "Who is here", blocks)


def on_their_way(w: Writer) -> Section | None:
    if not w.record.active.any():
        return None
    labels = {name: state.title for name, state in w.rulebook.forecast_states.items()}
    blocks: list[Block] = [
        _flow_figure(w),
        w.crosstab("pipeline", "People here, by the furthest step reached", head="Step",
                      labels=labels, hxl=["#activity+code", "#population+num"]),
    ]  # fmt: skip
    blocks += _claims(w)
    days = _days_table(w)
    return Section(
        "pipeline",
        "Where people are on their way",
        [*blocks, *([days] if days.rows else [])],
    )


def _claims(w: Writer) -> list[Block]:
    """Recognition, appeals and the claims pending, where the rulebook knows claims."""
    blocks: list[Block] = []
    if "first decisions" in w.ledger:
        name, kinds = "first decisions", w.reading.decisions
        made = w.ledger.table(name).counts.labels[0]
        rows = [("People with a first decision", w.cell(name))]
        rows += [
            (f"of these {key.partition('.')[2].replace('_', ' ')}", w.cell(name, key))
            for key in made
        ]
        rows += [
            ("Refugee recognition rate", _rate(w, name, "recognised")),
            ("Total recognition rate", _rate(w, name, "protected")),
        ]
        if "appeals" in w.ledger:
            rows += [("People with an appeal decided", w.cell("appeals")),
                     ("Appeals reversed", _rate(w, "appeals", "protected"))]  # fmt: skip
        if kinds:
            blocks.append(w.measures("status-decisions", "Refugee status determination so far", rows,
                "refugee_recognition", "People; claims closed without a decision are left out."))  # fmt: skip
    if w.counted.backlog is not None and any(w.counted.backlog.came.values.values()):
        came, went = "claims came", "claims went"
        rows = [
            (f"Pending before {day_text(w.counted.since)}", w.cell(came, "before")),
            ("+ new", w.cell(came, "new")),
            ("+ reopened", w.cell(came, "reopened")),
            ("− decided", w.cell(went, "decided")),
            ("− closed otherwise", w.cell(went, "closed")),
            (f"= pending on {day_text(w.on)}", w.cell(went, "pending")),
        ]
        agrees = w.counted.backlog.agrees
        note = (
            "Agrees with the claims counted pending in the record."
            if agrees
            else "Does not agree with the procedures open in the record: some claims have no "
            "recorded beginning or end. Check them before using these figures."
        )
        blocks.append(
            w.measures(
                "claims-pending",
                f"Claims in the last {PERIOD_DAYS} days, in people",
                rows,
                "rsd_backlog",
                note,
            )
        )
        if not agrees and w.internal:
            blocks.append(
                Text(
                    "Claims pending: the flow and the count of open procedures differ.",
                    "late",
                )
            )
    return blocks


def _rate(w: Writer, name: str, part: str) -> Cell:
    """A share of all decisions; a finding nobody got is no cell, so nobody got it."""
    if (part,) not in w.ledger.table(name).shown:
        return share(0.0) if w.internal and w.ledger.value(name) else words("…")
    return w.ratio((name, part), (name,))


def _flow_figure(w: Writer) -> Figure:
    """Registered, here or gone, where: from protected counts only."""
    where = w.ledger.table("whereabouts")
    names = {"here": "Still here", **{way: w.reading.way(way) for way in w.reading.ways}}
    stages = w.rulebook.axes["stage"].states
    names |= {s: stages[s].title for s in w.reading.lost}
    ever = w.ledger.value("whereabouts")
    second = [
        ("here", names["here"], where.shown[("here",)]),
        ("gone", "Have left", where.shown[("gone",)]),
    ]
    third: list[tuple[str, str, int | None]] = [
        (f"here-{name}", w.step(name), w.ledger.value("pipeline", name))
        for name in w.ledger.table("pipeline").counts.labels[0]
    ]
    gone = [
        (f"gone-{n}", names.get(n, n), where.shown[(n,)]) for n in where.counts.sums["gone"]
    ]
    lost = [(f"lost-{n}", names.get(n, n), where.shown[(n,)]) for n in where.counts.labels[0]
            if n in w.reading.lost]  # fmt: skip
    if not w.internal:
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
        w.on, w.note, (), "pipeline",
    )  # fmt: skip
    description = (
        "Everyone ever registered, who is still here and by which way others have left."
    )
    first = [("all", "Registered", ever)]

    def draw(*, say: Sayer, width: int) -> str:
        return charts.flows(
            [first, second, [*third, *gone, *lost]], links, width=width, say=say,
            title=say("From registration to outcome"), description=say(description),
        )  # fmt: skip

    return Figure(
        "flows", f"{w.ledger.say('whereabouts')} people were ever registered; {w.ledger.say('whereabouts', 'here')} are still here".replace("a number not shown of", "a number not shown"),
        draw, table, w.on, "The thicker a band, the more people. The table holds the same figures.",
    )  # fmt: skip


def _days_table(w: Writer) -> Table:
    states = w.rulebook.axes["stage"].states
    rows_of = w.material.spells.select(["axis", "state", "from_date", "to_date"]).to_pylist()
    spells = [
        (r["state"], r["from_date"], r["to_date"]) for r in rows_of if r["axis"] == "stage"
    ]
    waiting = [name for name, state in states.items() if not state.ends]
    found = leaving.days_per_stage(
        spells, until=w.on, order=waiting, least=LEAST_BEHIND[w.audience]
    )
    hidden = {
        stage
        for name in w.ledger.table("pipeline").counts.labels[0]
        if w.ledger.value("pipeline", name) is None
        for stage in (w.rulebook.forecast_states[name].where.get("stage", ()) if name in w.rulebook.forecast_states else ())
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
        rows, w.on, f"– stands where fewer than {LEAST_BEHIND[w.audience]} stays are behind a figure or it would point to a hidden count.",
        (), "days_per_stage", folded=True,
    )  # fmt: skip


def departures(w: Writer) -> Section | None:
    if "departures" not in w.ledger:
        return None
    shown = w.ledger.table("departures")
    ways = shown.counts.labels[1]
    blocks: list[Block] = [
        w.crosstab(
            "departures", "People who left or found another outcome, by month", head="Month",
            labels={**{way: w.reading.way(way) for way in ways}, EARLIER: "Earlier"},
            note="By the date of the confirmed departure or decision.",
            hxl=["#date+reported", *["#reached+num"] * len(ways), "#reached+num+total"],
        )
    ]  # fmt: skip
    if "relocations" in w.ledger:
        moved = w.ledger.table("relocations").counts.labels[0]
        rows = [
            [
                words("Earlier" if label == EARLIER else label),
                w.cell("relocations", label, TOTAL),
            ]
            for label in (*moved,)
        ]
        blocks.append(Table("relocations", "People relocated inside the country, by month of their last move", ["Month", "People"],
                            rows, w.on, f"A relocation is never an outcome: these people are still here or counted above. {w.note}", (), "departures"))  # fmt: skip
    if (
        w.internal
        and w.material.deadline
        and w.material.required_rate
        and w.people
        and w.material.deadline > w.on
    ):
        left = max((w.material.deadline - w.on).days / 30.4375, 0.1)
        months = shown.counts.labels[0][-3:]
        values = [w.ledger.value("departures", month, TOTAL) for month in months]
        seen = [v for v in values if v is not None]
        pace = "not shown" if len(seen) < 3 else f"{sum(seen) / 3:,.0f} a month"
        blocks.append(
            Text(
                f"For the plan lead only: if nobody were to be left on the deadline, about "
                f"{w.people / left:,.0f} people a month would have to find a lawful, voluntary "
                f"outcome; the mean of the last three months is {pace}. This says how far the plan "
                "is from the date. It is never a target for anyone.",
                "wait",
            )
        )
    return Section("departures", "Who has left, and how", blocks)
