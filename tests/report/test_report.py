"""The situation report as its readers get it: both audiences, all three forms, no leaks."""

import html
import io
import itertools
import json
import re
import subprocess
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from onward.errors import OnwardError
from onward.report import release
from onward.report.build import build, exchange_table
from onward.report.disclosure import RULES, SAFE_RANGE, TOTAL, recoverable
from onward.report.html import render_html
from onward.report.indicators.definitions import DEFINITIONS
from onward.report.model import Figure, Table, Text, words
from onward.report.pdf import render_pdf
from onward.report.xlsx import render_xlsx
from onward.shipped import example

AS_OF = date(2026, 10, 31)
DEADLINE = date(2027, 11, 30)
DEFINED = [(anchor, title, text) for anchor, (title, text) in DEFINITIONS.items()]
AUDIENCES = ("internal", "external")


def fill(world, *, returns=3, coercion=2, incidents=1):
    """An office with large and very small groups, so that much has to be hidden."""
    world.thing("site", "2025-01-01", id="اردوگاه اصلی", voluntary=True)
    world.thing("site", "2025-01-01", id="small facility", voluntary=True)
    camp, small = {"site": "اردوگاه اصلی"}, {"site": "small facility"}
    world.people("new", 60, **camp, sex="male")
    world.people("heard", 70 - returns, stage="interviewed", **camp)
    world.people("back", returns, stage="intent_return", **camp)
    world.people("quiet", 30, stage="not_engaging", **camp)
    world.people("ref", 25, stage="intent_resettlement", legal="refugee",
                 intended_pathway="resettlement", **small)  # fmt: skip
    world.people("acc", 2, stage="accepted", legal="refugee", **small)
    world.people("child", 18, birth="2016", **camp)
    world.people("home", 40, stage="return_cleared", on="2025-03-01", **camp)
    for n in range(40):
        world.move(f"home{n}", "T7.done", f"2026-{1 + n % 9:02d}-10")
    for n in range(coercion):
        world.thing("complaint", "2026-09-01", person=f"heard{n}", received_on="2026-09-01",
                    category="coercion")  # fmt: skip
    for n in range(40):
        world.thing("follow_up", "2026-01-10", person=f"home{n}", due_on="2026-10-01",
                    done_on="2026-10-02" if n < 30 else None, result="safe" if n < 30 else None)  # fmt: skip
    for n in range(incidents):
        world.thing(
            "incident", "2026-09-01", person=f"home{n}", severity=2, happened_on="2026-09-01"
        )
    return world


def meridian(worlds, forecast, folder, **sizes):
    """The filled office with the shipped example's plan and a forecast of plain numbers."""
    world = fill(worlds(), **sizes)
    people = sum(x is True for x in world.caseload(AS_OF).people["active"].to_pylist())
    return world.material(
        AS_OF, plan=(example("meridian") / "plan.yaml").read_text("utf-8"), folder=folder,
        deadline=DEADLINE, forecast=forecast(AS_OF, DEADLINE, people),
        observed=[(AS_OF - timedelta(days=30 * n), people + 3 * n) for n in range(6, -1, -1)],
        before=world.caseload(AS_OF - timedelta(days=90)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def material(worlds, forecast_of_plain_numbers, tmp_path_factory):
    return meridian(worlds, forecast_of_plain_numbers, tmp_path_factory.mktemp("plan"))


@pytest.fixture(scope="module")
def made(material):
    return {audience: build(material, audience) for audience in AUDIENCES}


def page(done):
    return render_html(done.report, DEFINED)


def readable(text):
    return html.unescape(re.sub(r"<[^>]+>", " ", text))


# -- disclosure -----------------------------------------------------------------------------------


@pytest.mark.parametrize("audience", AUDIENCES)
def test_nothing_hidden_can_be_worked_back_from_the_whole_release(made, audience):
    hidden = [t for t in made[audience].shown if None in t.shown.values()]
    assert len(hidden) > 5
    assert recoverable(list(made[audience].shown)) == []


def attack(first, second, which, key):
    """The range of a hidden cell for a reader of two tables, by an attacker of its own: every
    combination of both tables is an unknown number of people."""
    from scipy.optimize import linprog

    dims = dict(zip(first.counts.dimensions, first.counts.labels, strict=True))
    dims.update(zip(second.counts.dimensions, second.counts.labels, strict=True))
    atoms = list(itertools.product(*dims.values()))
    rows, low, high = [], [], []
    wanted = None
    for number, table in enumerate((first, second)):
        slack = RULES[table.audience].round_to // 2
        at = [list(dims).index(d) for d in table.counts.dimensions]
        for cell, value in table.shown.items():
            parts = set(table.counts.parts(cell))
            row = np.array([tuple(atom[i] for i in at) in parts for atom in atoms], dtype=float)
            if (number, cell) == (which, key):
                wanted = row
            if value is not None:
                rows.append(row)
                low.append(max(value - slack, 0))
                high.append(value + slack)
    if not rows:
        return 0.0, float("inf")
    matrix = np.vstack([np.array(rows), -np.array(rows)])
    limits = np.concatenate([high, -np.array(low)])
    least = linprog(wanted, A_ub=matrix, b_ub=limits, method="highs")
    most = linprog(-wanted, A_ub=matrix, b_ub=limits, method="highs")
    return (least.fun if least.status == 0 else 0.0), (
        -most.fun if most.status == 0 else float("inf")
    )


@pytest.mark.slow
@pytest.mark.parametrize("audience", AUDIENCES)
def test_no_pair_of_tables_of_the_report_gives_a_hidden_count_away(made, audience):
    tables = [t for t in made[audience].shown if t.counts.dimensions]
    tried = 0
    for first, second in itertools.combinations(tables, 2):
        if first.counts.universe != second.counts.universe:
            continue
        for which, table in enumerate((first, second)):
            for key in [k for k, v in table.shown.items() if v is None]:
                low, high = attack(first, second, which, key)
                tried += 1
                assert high - low > SAFE_RANGE, (first.counts.name, second.counts.name, key)
    assert tried > 50


@pytest.mark.slow
@pytest.mark.parametrize(
    ("audience", "change"),
    [
        ("internal", {"coercion": 3, "incidents": 2}),
        ("external", {"coercion": 3, "incidents": 2}),
        ("external", {"coercion": 0, "incidents": 0}),  # outside, none and a few are one answer
    ],
)
def test_two_records_that_differ_only_in_hidden_counts_give_the_same_report(
    worlds, forecast_of_plain_numbers, tmp_path, made, audience, change
):
    """Page, paper with its drawings, and workbook, to the byte."""
    other = build(meridian(worlds, forecast_of_plain_numbers, tmp_path, **change), audience)
    assert page(other) == page(made[audience])
    assert render_pdf(other.report, DEFINED) == render_pdf(made[audience].report, DEFINED)
    assert workbook(other) == workbook(made[audience])


def test_a_hidden_step_stays_hidden_in_every_table_figure_and_sentence(made):
    """Three people chose return; nothing internal shows a 3 or its complement beside them."""
    done = made["internal"]
    shown = {t.counts.name: t.shown for t in done.shown}
    assert shown["pipeline"]["wants_return",] is None
    hidden = [k for k, v in shown["pipeline"].items() if v is None]
    assert len(hidden) >= 2
    figure = next(b for s in done.report.sections for b in s.blocks if isinstance(b, Figure) and b.name == "flows")  # fmt: skip
    for svg in (figure.svg, figure.narrow):
        assert re.search(r"Chose return <tspan[^>]*>…", svg)


def test_every_external_count_is_rounded_and_none_is_small(made):
    for table in made["external"].shown:
        for value in table.shown.values():
            assert value is None or (value % 5 == 0 and value > RULES["external"].hide_to - 2)
    for table in made["external"].report.tables():
        if table.name in ("pledges", "plan-dates"):
            continue
        for row in table.rows:
            for cell in row:
                if cell.number is not None and "%" not in cell.text and float(cell.number).is_integer() and table.name not in ("days-per-stage", "incidents", "complaints"):  # fmt: skip
                    assert cell.number % 5 == 0, (table.name, cell)


def workbook(done):
    return render_xlsx(done.report, exchange_table(done.report))


def paper(done):
    """What can be read or copied from the paper, what its drawings say included."""
    file = render_pdf(done.report, DEFINED)
    read = ["pdftotext", "-layout", "-", "-"]
    return subprocess.run(read, input=file, capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_paper_says_no_number_that_the_page_does_not(made, audience):
    """The page is held to the rules above, cell by cell; so the paper is."""
    done, text = made[audience], paper(made[audience])
    pages = text.count("\f")
    number = r"(?<![\w.,-])\d+(?:,\d{3})*(?:\.\d+)?"
    said = set(re.findall(number, readable(page(done))))
    own = {str(n) for n in range(1, pages + 1)}
    assert set(re.findall(number, text)) - said - own == set()
    assert len(set(re.findall(number, text)) & said) > 50
    for block in (b for s in done.report.sections for b in s.blocks if isinstance(b, Figure)):
        drawn = re.findall(r"<text[^>]*>([^<]*[A-Za-z]{4}[^<]*)<", block.svg)
        assert all(word in text for label in drawn for word in html.unescape(label).split()), (
            block.name
        )


def all_text(done):
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(io.BytesIO(workbook(done)))
    cells = [str(c) for n in book.sheet_names for row in book.get_sheet_by_name(n).to_python() for c in row]  # fmt: skip
    return page(done) + " ".join(cells) + paper(done)


@pytest.mark.parametrize(
    ("audience", "secret"),
    [("internal", {"sensitive"}), ("external", {"sensitive", "partners"})],
)
def test_no_form_names_an_offer_made_in_confidence(material, made, audience, secret):
    text = all_text(made[audience])
    for pledge in material.plan.pledges.values():
        if pledge.confidentiality in secret:
            assert pledge.id not in text
            assert pledge.title not in text
            assert f">{pledge.country}<" not in text


def test_chances_stand_beside_each_group_in_the_internal_report_only(material):
    fan = material.forecast.fan["everyone"]
    gone = {"q10": None, "median": None, "q90": None}
    told = {
        "main_group": {"start": 150, "zero": 0.37, "fewer_than": {"20": 0.61}, "gone_95": gone},
        "recognised_group": {"start": 60, "zero": 0.83, "fewer_than": {"20": 0.97},
                             "gone_95": {**gone, "median": "2027-02-14"}},
    }  # fmt: skip
    forecast = replace(
        material.forecast, fan={"everyone": fan, **dict.fromkeys(told, fan)}, asked=[20],
        chances={"groups": told},
    )  # fmt: skip
    for audience, shown in (("internal", True), ("external", False)):
        done = build(replace(material, forecast=forecast), audience)
        tables = [table for table in done.report.tables() if table.name == "by-group"]
        assert bool(tables) == shown
        for table in tables:
            assert table.columns[-3:] == [
                "Nobody left",
                "Fewer than 20 left",
                "95% gone by (middle)",
            ]
            assert [[cell.text for cell in row[-3:]] for row in table.rows] == [
                ["37%", "61%", "not by the deadline"], ["83%", "97%", "14 Feb 2027"],
            ]  # fmt: skip


def test_the_external_report_has_no_chances_no_changes_and_no_decisions(material, made):
    earlier = made["internal"].figures()
    done = build(replace(material, earlier=earlier), "external")
    names = {section.name for section in done.report.sections}
    assert not names & {"changed", "decisions", "placement"}
    assert not any(t.name in ("milestones", "by-group") for t in done.report.tables())
    assert "Chance" not in readable(page(done)).replace("chance of acceptance", "")


def test_what_is_kept_for_the_next_report_holds_no_hidden_count(made):
    kept = json.dumps(made["internal"].figures())
    cells = {tuple(k): v for k, v in json.loads(kept)["tables"]["pipeline"]}
    assert cells["wants_return",] is None


# -- what it says ---------------------------------------------------------------------------------


def test_every_section_of_the_situation_report_is_there(material, made):
    done = build(replace(material, earlier=made["internal"].figures()), "internal")
    assert [s.name for s in done.report.sections] == [
        "decisions", "who", "changed", "pipeline", "departures", "blocked", "lapses", "plan",
        "forecast", "pledges", "after", "protection", "breaches",
    ]  # fmt: skip


def test_every_figure_has_a_title_a_date_its_table_and_every_indicator_a_definition(made):
    for done in made.values():
        for section in done.report.sections:
            for block in section.blocks:
                if isinstance(block, Figure):
                    assert block.title
                    assert block.table.rows
                    assert block.narrow, "a drawing of its own for a phone"
                    assert block.as_of == AS_OF
                    assert 'role="img"' in block.svg
                    assert "<title>" in block.svg
                if isinstance(block, Table) and block.indicator:
                    assert block.indicator in DEFINITIONS, block.name


@pytest.fixture(scope="module")
def proposal():
    """The shipped example of placement, solved as the terminal solves it."""
    from onward.placement.inputs.aims import read_aims
    from onward.placement.inputs.files import read_folder
    from onward.placement.propose import propose
    from onward.placement.telling.document import document

    folder = example("meridian").parent / "placement" / "spring"
    tables = replace(read_folder(folder), on=date(2026, 10, 25))
    return json.loads(json.dumps(document(propose(tables, read_aims()))))


def test_the_section_on_places_has_its_four_parts_and_no_small_count(worlds, proposal):
    world = worlds()
    world.people("p", 60, stage="interviewed")
    done = build(world.material(AS_OF, proposal=proposal), "internal")
    section = next(s for s in done.report.sections if s.name == "placement")
    tables = {t.name: t for t in section.blocks if isinstance(t, Table)}
    assert "25 Oct 2026" in section.blocks[0].text
    programmes = {row[0].text: row for row in tables["programmes"].rows}
    used = {x["programme"]: 0 for x in proposal["limits"] if x["kind"] == "places"}
    for x in proposal["assignments"]:
        used[x["programme"]] += x["size"]
    assert {name: row[2].number for name, row in programmes.items() if row[2].number} == {
        name: n for name, n in used.items() if n > 4
    }
    assert 0 < len(tables["missing-places"].rows) <= 10
    worths = [row[2].number for row in tables["missing-places"].rows]
    assert worths == sorted(worths, reverse=True)
    waiting = [x for x in proposal["unplaced"] if x["priority"] == "emergency"]
    assert ("unplaced-emergencies" in tables) == bool(waiting)
    lines = {row[0].text: row for row in tables["fairness"].rows}
    assert lines["Everybody"][1].number == proposal["persons"]["all"]
    assert any(name.startswith("Lone older person") for name in lines)
    shown = [t for t in done.shown if t.counts.universe in ("proposal", "emergencies")]
    assert any(value is None for t in shown for value in t.shown.values())
    assert recoverable(shown) == []
    for row in tables["fairness"].rows:
        assert row[2].number is None or row[2].number == 0 or row[2].number > 4, row[0].text
        assert (row[3].number is None) == (row[1].number is None or row[2].number is None)


def test_fairness_says_that_it_counts_each_person_only_where_it_does(worlds, proposal):
    def note(content):
        world = worlds()
        world.people("p", 60, stage="interviewed")
        report = build(world.material(AS_OF, proposal=content), "internal").report
        return next(t.note for t in report.tables() if t.name == "fairness")

    persons = dict(proposal, fairness=[
        {**x, "grouping": x["grouping"].removesuffix(" of the principal applicant"), "counted": "each person"}
        for x in proposal["fairness"]])  # fmt: skip
    assert "each person is counted" not in note(proposal)
    assert "By sex and age each person is counted" in note(persons)


def test_an_offer_in_confidence_leaves_no_total_to_subtract_it_from(worlds, proposal, tmp_path):
    plan = (example("meridian") / "plan.yaml").read_text("utf-8")
    secret = dict(proposal, limits=[
        {**x, "programme": "quiet_offer", "limit": "quiet_offer"} if n == 0 else x
        for n, x in enumerate(proposal["limits"])])  # fmt: skip
    world = worlds()
    world.people("p", 60, stage="interviewed")
    material = world.material(AS_OF, proposal=secret, plan=plan, folder=tmp_path)
    done = build(material, "internal")
    names = {t.name for t in done.report.tables()}
    assert "programmes" in names
    assert "fairness" not in names
    assert not re.search("quiet.offer", page(done), re.IGNORECASE)


def test_what_touches_people_is_decided_first_and_nothing_is_cut_off(made):
    section = next(s for s in made["internal"].report.sections if s.name == "decisions")
    items = section.blocks[0].items
    assert items[0].startswith("Triage the coercion complaints")
    assert any("holds up" in item for item in items)
    held_up = [re.findall("“(.+?)”", item)[0] for item in items if "holds up" in item]
    assert len(held_up) == len(set(held_up))


def test_every_drawing_stands_over_its_date(made):
    for done in made.values():
        text = page(done)
        figures = [b for s in done.report.sections for b in s.blocks if isinstance(b, Figure)]
        for figure in figures:
            after = text[text.index(f'<figure id="{figure.name}">') :]
            drawing, _, rest = after.partition('<p class="note">')
            assert "<svg" in drawing
            assert rest.startswith("31 October 2026.")


def test_what_changed_is_told_from_two_reports(worlds, made):
    world = fill(worlds())
    early = build(world.material(date(2026, 6, 30)), "internal")
    late = build(world.material(AS_OF, earlier=early.figures()), "internal")
    section = next(s for s in late.report.sections if s.name == "changed")
    assert section.title == "What changed since 30 Jun 2026"
    lines = {row[0].text: [c.text for c in row[1:]] for row in section.blocks[0].rows}
    assert lines["People here"] == ["217", "205", "-12"]
    assert lines["Returned home"] == ["28", "40", "+12"]


def test_places_open_are_those_pledged_less_accepted_departed_and_reserved(worlds, tmp_path):
    world = worlds()
    world.people("wait", 8, stage="accepted", legal="refugee")
    world.people("gone", 12, stage="departed", legal="refugee")
    plan = (example("meridian") / "plan.yaml").read_text("utf-8")
    done = build(world.material(AS_OF, plan=plan, folder=tmp_path), "internal")
    table = next(t for t in done.report.tables() if t.name == "places-resettlement_place")
    lines = {row[0].text: row[1].text for row in table.rows}
    assert lines["Pledged (confirmed, without condition)"] == "180"
    assert lines["= open"] == "160"
    assert lines["Filled"] == "7%"


@pytest.mark.parametrize("audience", AUDIENCES)
def test_nobody_on_record_gives_a_clear_report(worlds, audience):
    done = build(worlds().material(AS_OF), audience)
    assert done.report.headline == "Nobody is on record yet on 31 Oct 2026."
    assert "onward import" in page(done)
    assert render_pdf(done.report, DEFINED).startswith(b"%PDF")


@pytest.mark.parametrize("audience", AUDIENCES)
def test_one_person_is_never_a_number(worlds, audience):
    world = worlds()
    world.person("only")
    done = build(world.material(AS_OF), audience)
    assert done.report.headline.startswith("Few people are here")
    numbers = {c.number for t in done.report.tables() for row in t.rows for c in row}
    assert numbers <= {None, 0, 1.0} if audience == "internal" else numbers <= {None}


def test_a_voluntary_return_operation_gets_the_same_report(worlds):
    world = worlds("voluntary-return")
    world.people("p", 30, stage="interviewed")
    world.people("back", 12, stage="return_cleared", on="2025-02-01")
    for n in range(12):
        world.move(f"back{n}", "T7.done", "2026-05-05")
    done = build(world.material(AS_OF), "internal")
    text = readable(page(done))
    assert done.report.headline == "30 people are here."
    assert "Returned home" in text
    assert not re.search(
        r"hand-over|armed|renunciation|GC IV", text.split("What each figure")[0]
    )


def test_without_a_forecast_the_report_says_why(worlds):
    world = worlds()
    world.people("p", 12)
    done = build(world.material(AS_OF, no_forecast="The log covers 3 days."), "internal")
    assert "There is no forecast in this report. The log covers 3 days." in page(done)


def test_a_date_after_the_records_end_is_said_first_and_makes_nothing_up(worlds):
    world = worlds()
    world.people("p", 12)
    ends = AS_OF - timedelta(days=30)
    late = build(world.material(AS_OF, record_ends=ends), "internal")
    assert late.report.summary[0].startswith("The record ends on ")
    assert "Of the 30 days from then" in late.report.summary[0]
    assert "12 people were here when the record ended on 1 Oct 2026" in late.report.headline
    assert late.report.summary[0] in readable(page(late))
    for known in (AS_OF, AS_OF + timedelta(days=1), None):
        said = build(world.material(AS_OF, record_ends=known), "internal").report.summary
        assert not any("record ends" in line for line in said)


def forecast_section(material, **changes):
    told = replace(material, forecast=replace(material.forecast, **changes))
    done = build(told, "internal")
    return next(s for s in done.report.sections if s.name == "forecast"), done


def test_every_kind_of_doubt_has_words(material):
    from onward.forecast.telling.reasons import SOURCES

    section, done = forecast_section(
        material,
        width=dict.fromkeys(SOURCES, 0.3),
        split={name: 1 / len(SOURCES) for name in SOURCES},
    )
    said = " ".join(block.text for block in section.blocks if isinstance(block, Text))
    assert "how much the plan's steps do" in said
    assert "finding out how much the plan's steps do 30%" in said
    for name in SOURCES:
        if name not in ("chance",):
            assert f" {name} " not in said, "an inside word on the page"
    assert "What the width of the range comes from" in readable(page(done))
    outside = build(
        replace(material, forecast=replace(material.forecast, split={"rates": 1.0})), "external"
    )
    assert "What the width of the range comes from" not in page(outside)


def test_why_people_are_still_here_is_told_without_an_offer_in_confidence(material):
    levels = {"q10": 40.0, "median": 60.0, "q90": 80.0}
    plan = material.plan
    closed = next(p for p in plan.pledges.values() if p.confidentiality == "sensitive")
    alone = replace(material, plan=replace(plan, pledges={closed.id: closed}))
    section, done = forecast_section(
        alone,
        why=[
            {"kind": "not chosen", "name": "interviewed", **levels},
            {"kind": "no place", "name": closed.capacity, **levels},
            {"kind": "under way", "name": "counselled", "q10": 0.0, "median": 1.0, "q90": 3.0},
        ],
    )
    (table,) = [block for block in section.blocks if getattr(block, "name", "") == "why-here"]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["No way chosen yet", material.caseload.rulebook.forecast_states["interviewed"].title,
         "40", "60", "80"]
    ]  # fmt: skip
    assert closed.title not in readable(page(done))
    assert "in some futures only" not in table.note
    rare = {"q10": 0.0, "median": 0.0, "q90": 542.0}
    groups = {"main_group": {"median": 0.0}, "recognised_group": {"median": 31.0}}
    section, _ = forecast_section(
        alone, why=[{"kind": "shut", "name": "exit_permits", **rare, "groups": groups}]
    )
    (table,) = [block for block in section.blocks if getattr(block, "name", "") == "why-here"]
    assert "in some futures only" in table.note
    assert table.columns[-2:] == ["Main group", "Recognised group"]
    assert [cell.text for cell in table.rows[0][-2:]] == ["under 10", "30"]


def test_what_cannot_be_told_and_what_would_narrow_it_are_said_without_an_offer_in_confidence(
    material,
):
    plan = material.plan
    closed = next(p for p in plan.pledges.values() if p.confidentiality == "sensitive")
    section, done = forecast_section(
        material,
        unknown=[
            "This log cannot tell how people answer a date that draws near.",
            f"What would narrow it most, if it were known: when {closed.id} begins and ends.",
        ],
        narrow=[
            {"kind": "plan dates", "name": "exit_permits", "share": 0.64},
            {"kind": "plan dates", "name": closed.id, "share": 0.3},
            {"kind": "rates", "name": "T7.done from return_cleared to returned", "share": 0.19},
        ],
    )
    (table,) = [block for block in section.blocks if getattr(block, "name", "") == "narrows"]
    returns = material.caseload.rulebook.transitions["T7"].title
    assert [[cell.text for cell in row] for row in table.rows] == [
        [plan.authorities["exit_permits"].title, "when it begins and ends", "40%"],
        [f"“{returns}” from “Cleared for return”", "how fast it really goes", "10%"],
    ]
    text = readable(page(done))
    assert "This log cannot tell how people answer a date that draws near." in text
    assert closed.title not in text
    outside = build(
        replace(material, forecast=replace(material.forecast, narrow=[], unknown=["This log cannot tell x."])),
        "external",
    )  # fmt: skip
    assert "cannot tell x" not in page(outside)


def test_a_way_that_is_shut_is_told_by_the_country_whose_assurance_it_waits_for(material):
    levels = {"q10": 40.0, "median": 60.0, "q90": 80.0}
    section, _ = forecast_section(
        material,
        why=[
            {"kind": "shut", "name": "return XAA", **levels},
            {"kind": "shut", "name": "exit_permits open for T7", **levels},
        ],
    )
    (table,) = [block for block in section.blocks if getattr(block, "name", "") == "why-here"]
    assert [row[1].text for row in table.rows] == [
        "Assurance from Arland for return",
        material.plan.authorities["exit_permits"].title,
    ]


# -- page, paper, workbook ------------------------------------------------------------------------


def test_the_same_inputs_give_the_same_bytes(material):
    one, two = build(material, "internal"), build(material, "internal")
    assert page(one) == page(two)
    assert render_pdf(one.report, DEFINED) == render_pdf(two.report, DEFINED)
    assert render_xlsx(one.report, exchange_table(one.report)) == render_xlsx(two.report, exchange_table(two.report))  # fmt: skip


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_page_is_one_small_file_that_asks_for_nothing(made, audience):
    text = page(made[audience])
    assert len(text.encode()) <= 150 * 1024
    assert text.startswith("<!doctype html>")
    assert '<html lang="en" dir="ltr">' in text
    assert not re.search(r"<script|<link|<iframe|javascript:|\son\w+=", text)
    outside = set(re.findall(r"""(?:src|href)=["']([^"'#][^"']*)""", text))
    assert not outside
    assert set(re.findall(r"https?://[^\"' <]+", text)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # fmt: skip
    assert "default-src 'none'" in text
    for section in made[audience].report.sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                assert max(len(block.svg), len(block.narrow)) <= 30 * 1024, block.name


def test_names_in_arabic_script_are_on_page_and_paper(made):
    assert "اردوگاه اصلی" in page(made["internal"])
    assert b"NotoSansArabic" in render_pdf(made["internal"].report, DEFINED)


def test_the_workbook_holds_values_only_and_its_tagged_sheet_is_sound(made, tmp_path):
    import zipfile

    import hxl
    from python_calamine import CalamineWorkbook

    done = made["internal"]
    data = render_xlsx(done.report, exchange_table(done.report))
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    assert book.sheet_names[0] == "Summary"
    assert book.sheet_names[-1] == "HXL"
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        sheets = "".join(parts.read(n).decode() for n in parts.namelist() if "sheet" in n)
    assert "<f>" not in sheets
    assert "hyperlink" not in sheets
    assert 'state="hidden"' not in sheets
    rows = book.get_sheet_by_name("HXL").to_python()
    found = hxl.data(rows)
    assert found.display_tags == ["#date+reported", "#indicator+name", "#indicator+value+num"]
    assert len(found.values) > 10
    assert "#respondee" not in json.dumps(rows, default=str)


def test_a_tag_that_marks_individuals_is_refused(made):
    report = made["internal"].report
    bad = Table("HXL", "", ["Who"], [[words("x")]], AS_OF, hxl=["#respondee+id"])
    with pytest.raises(ValueError, match="individuals"):
        render_xlsx(report, bad)


@pytest.mark.slow
@pytest.mark.parametrize("audience", AUDIENCES)
def test_on_a_phone_only_tables_scroll_and_the_browser_refuses_nothing(
    made, audience, tmp_path
):
    from playwright.sync_api import sync_playwright

    file = tmp_path / "report.html"
    file.write_text(page(made[audience]), "utf-8")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        view = browser.new_page(viewport={"width": 380, "height": 800})
        said = []
        view.on("console", lambda message: said.append(message.text))
        view.on("request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None)  # fmt: skip
        view.goto(file.as_uri())
        assert view.evaluate("document.documentElement.scrollWidth") <= 380
        assert (
            view.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") != "none"
        )
        browser.close()
    assert said == []


# -- releases -------------------------------------------------------------------------------------


def released(done, day, **files):
    return release.document(day, done.shown, "r" * 64, files or {"html": "1"})


def test_a_release_for_the_same_date_must_be_the_same_to_the_byte(made):
    first = released(made["external"], AS_OF)
    assert release.faults(first, [first]) == []
    second = released(made["external"], AS_OF, html="2")
    assert "differs" in release.faults(second, [first])[0]


def test_releases_are_four_weeks_apart(made):
    first = released(made["external"], AS_OF)
    soon = released(made["external"], AS_OF + timedelta(days=7))
    assert "expected at least 28" in release.faults(soon, [first])[0]
    assert release.faults(released(made["external"], AS_OF + timedelta(days=30)), [first]) == []


@pytest.mark.slow
def test_a_month_released_once_is_never_shown_otherwise(worlds):
    """A return entered late would change a month that is published: that cell is hidden."""
    early = fill(worlds())
    first = released(build(early.material(AS_OF), "external"), AS_OF)
    late = fill(worlds())
    for n in range(30):
        late.person(f"late{n}", stage="return_cleared", on="2025-03-01")
        late.move(f"late{n}", "T7.done", "2026-04-12")
    day = date(2026, 11, 30)
    unaware = released(build(late.material(day), "external"), day)
    aware = released(build(late.material(day, frozen=release.freeze([first])), "external"), day)
    then = {tuple(k): v for k, v in first["tables"]["departures"]["cells"]}
    assert then["2026-04", "return"] is None
    assert release.faults(unaware, [first])
    assert release.faults(aware, [first]) == []


def test_a_table_cut_otherwise_is_refused(made):
    first = released(made["external"], AS_OF)
    second = json.loads(json.dumps(first)) | {"as_of": "2026-12-31"}
    second["tables"]["caseload"]["dimensions"] = ["legal status", "sex"]
    assert 'table "caseload" is cut otherwise' in release.faults(second, [first])[0]


def test_the_command_refuses_a_free_date_outside(tmp_path):
    from onward.cli.work import write_report
    from onward.registry import Settings, create_operation
    from onward.rulebook import shipped_path

    create_operation(
        tmp_path / "camp", Settings(id="camp", title="Camp", kind="protected-camp", data_ends=AS_OF),
        rulebook_text=shipped_path("protected-camp").read_text("utf-8"), effective="2025-01-01",
        by="administrator",
    )  # fmt: skip
    with pytest.raises(OnwardError, match="fixed date"):
        write_report(
            tmp_path / "camp", tmp_path / "out", as_of="2026-10-01", audience="external"
        )
    assert not (tmp_path / "out").exists()
    done = write_report(tmp_path / "camp", tmp_path / "out")
    assert done["headline"] == "Nobody is on record yet on 31 Oct 2026."
    outside = write_report(tmp_path / "camp", tmp_path / "out", audience="external")
    again = write_report(tmp_path / "camp", tmp_path / "again", audience="external")
    assert outside["headline"] == again["headline"]
    for name in ("html", "pdf", "xlsx"):
        one, two = (tmp_path / folder / f"report.{name}" for folder in ("out", "again"))
        assert one.read_bytes() == two.read_bytes()
    assert TOTAL == "*"


# -- in the reader's language -----------------------------------------------------------------------


def test_a_language_there_is_not_is_refused_by_name():
    from onward.report.tongues import speech_of

    with pytest.raises(OnwardError, match=r"--language tr: .* expected .*ckb"):
        speech_of("tr")


def test_sorani_counts_gregorian_days_in_gregorian_months():
    """Under the names of the Kurdish solar year a day would stand three weeks from itself."""
    from onward.intake import dates as intake
    from onward.report.tongues import MONTHS, speech_of

    assert speech_of("ckb").day(date(2026, 3, 2)) == "٢ ئازار ٢٠٢٦"
    assert len(set(MONTHS["ckb"])) == 12
    for number, month in enumerate(MONTHS["ckb"], 1):
        names = intake.MONTH_NAMES["gregorian"][number - 1]
        assert intake.fold(month) in names, "as lists from there are read"


@pytest.mark.parametrize("language", ["fr", "ar", "fa", "ckb"])
def test_drawings_are_drawn_in_the_readers_words_and_run_as_reading_does(made, language):
    from onward.report.spoken import spoken
    from onward.report.tongues import speech_of

    speech = speech_of(language)
    plain, said = made["internal"].report, spoken(made["internal"].report, speech)

    def figures(report):
        return {b.name: b for s in report.sections for b in s.blocks if isinstance(b, Figure)}

    english, own = figures(plain), figures(said)
    assert {"flows", "blocked-bars", "gantt", "fan"} <= set(english)
    for name in ("flows", "blocked-bars", "gantt", "fan"):
        for width in ("svg", "narrow"):
            before = re.findall(r">([^<>]*[A-Za-z]{3}[^<>]*)<", getattr(english[name], width))
            after = getattr(own[name], width)
            assert not {html.unescape(x) for x in before} & set(
                map(html.unescape, re.findall(r">([^<>]+)<", after))
            ), "a word of the English drawing was left"
            if language == "fr":
                assert 'direction="ltr"' not in after or name == "gantt"
                continue
            assert 'direction="ltr"' in after, "the page's direction would turn it over"
            letters = re.sub(r"<[^>]+>", " ", after)
            assert not re.search(r"[0-9]", re.sub(r"G\d+", "", letters)), "its own digits"
    if language != "fr":
        # The bars begin on the side on which reading does.
        x = re.search(r'<text x="([\d.]+)"[^>]*text-anchor="end"', own["blocked-bars"].svg)
        assert float(x[1]) == 760
        assert '<text x="0"' in english["blocked-bars"].svg


REMARKS = {
    "assumptions": [
        "T13.done (relocate) from wants_relocation has not been seen yet; it may be about as fast as other steps here, or much slower.",
        "T7.done (return home) happens on certain days: about every 28 days, last on 12 October 2026. The next days are drawn from the gaps between past ones.",
        "People keep arriving as they did after the first registration: about 1.4 a month, in families of 2.3 people on average.",
    ],
    "left_out": [
        "1 went from absent to interviewed by T3.held, which the rulebook does not lead to from there; nobody does so again in the forecast",
        "host_assurance: concerns hand-over, which nobody has begun",
        "resettlement_place: places of one pledge left over when it ends are counted as usable until the last pledge ends",
        "return_seat: what comes every 28 and every 30 days is taken as even and counted every 30 days",
    ],
}


def test_a_report_says_titles_and_names_and_no_keys(material):
    told = build(
        replace(material, forecast=replace(material.forecast, **REMARKS)), "internal"
    ).report
    blocks = {getattr(b, "name", ""): b for s in told.sections for b in s.blocks}
    assert [row[0].text for row in blocks["pledges"].rows] == [
        "Norway", "Canada", "Portugal", "Portugal", "Canada", "New Zealand",
    ]  # fmt: skip
    (remarks,) = (
        b.items for s in told.sections if s.name == "forecast" for b in s.blocks
        if any("Not simulated" in item for item in getattr(b, "items", ()))
    )  # fmt: skip
    plan = material.plan
    assert remarks[0].startswith("“Relocate” from “Chose relocation” has not been seen yet")
    assert remarks[1].startswith("“Return home” happens on certain days")
    assert "went from “Absent” to “Interviewed” by “Interview”" in remarks[3]
    assert plan.assurances["host_assurance"].title in remarks[4]
    assert plan.capacities["return_seat"].title in remarks[6]
    for text in (*remarks, *(c.text for t in told.tables() for row in t.rows for c in row)):
        assert not re.search(r"\b[a-z0-9]+_[a-z0-9_]+\b|\b[GT]\d+[a-z]?\.[a-z]", text), text
        assert text not in {*plan.country_names, plan.origin, plan.host}


def test_a_breach_is_told_by_the_title_of_its_safeguard(worlds):
    world = worlds()
    for person in world.people("p", 12, stage="return_cleared"):
        world.move(person, "T7.done", "2026-09-10")
        world.add(
            "breach", ("person", person), "2026-09-10", move="T7.done",
            safeguards=["G3.consent", "G11.arranged"], severity=1,
        )  # fmt: skip
    report = build(world.material(AS_OF), "internal").report
    (table,) = (t for t in report.tables() if t.name == "breaches")
    guards = world.rulebook.safeguards
    assert [row[0].text for row in table.rows] == [
        f"{name} {guards[name].title}" for name in ("G11", "G3")
    ]


def test_exceptions_that_two_people_made_are_counted_for_staff_alone(worlds):
    world = worlds()
    people = world.people("p", 12, stage="return_cleared")
    said = "Safeguards set aside by two people, each for one step and one day: 6."

    def told(audience):
        report = build(world.material(AS_OF), audience).report
        return " ".join(str(b) for s in report.sections for b in s.blocks)

    assert "set aside" not in told("internal")
    for person in people[:6]:
        world.add(
            "override", ("person", person), "2026-09-10", move="T7.done", finding="G1.resolved",
            destination="IRN", approved_by="somebody", reason="Known.", valid_on="2026-09-10",
        )  # fmt: skip
    assert said in told("internal")
    assert "set aside" not in told("external")


def test_what_became_of_exceptions_and_breaches_is_counted_for_staff_alone(worlds):
    world = worlds()
    people = world.people("p", 60, stage="return_cleared")
    for number, person in enumerate(people):
        day = "2026-09-10" if number < 30 else AS_OF.isoformat()
        world.add(
            "override", ("person", person), day, move="T7.done", finding="G1.resolved",
            destination="IRN", approved_by="somebody", reason="Known.", valid_on=day,
        )  # fmt: skip
        world.add(
            "breach", ("person", person), "2026-09-10", move="T7.done", severity=1,
            safeguards=["G3.consent"],
        )  # fmt: skip
    plain = world.material(AS_OF)
    seqs = {
        name: plain.caseload.tables[name]["seq"].to_pylist() for name in ("override", "breach")
    }
    states = ["late"] * 20 + ["waiting"] * 10 + ["told"] * 16 + ["closed"] * 14
    known = replace(
        plain,
        exceptions_used=frozenset(seqs["override"][:18]),
        answered=dict(zip(seqs["breach"], states, strict=True)),
    )

    def told(material, audience):
        report = build(material, audience).report
        text = " ".join(str(b) for s in report.sections for b in s.blocks)
        return text, [t for t in report.tables() if t.name == "breaches answered"]

    text, (table,) = told(known, "internal")
    assert "A step was taken under them: 18. Their day passed without it: 12." in text
    assert [row[1].number for row in table.rows] == [20, 10, 16, 14]
    text, tables = told(known, "external")
    assert ("under them" in text, tables) == (False, [])
    text, tables = told(plain, "internal")
    assert "A step was taken under them: 0." in text
    assert tables == [], "without a register nothing is said of it"


def test_remarks_on_sensitive_work_are_kept_to_the_run(material):
    """The key of such work would tell of it as its title would."""
    plan = material.plan
    hidden = replace(plan.assurances["host_assurance"], confidentiality="sensitive")
    known = replace(plan, assurances={**plan.assurances, "host_assurance": hidden})
    forecast = replace(material.forecast, **REMARKS)
    told = page(build(replace(material, plan=known, forecast=forecast), "internal"))
    assert "host_assurance:" not in told
    assert "Seats on return convoys" in told


@pytest.mark.parametrize("language", ["fr", "ar", "fa", "ckb"])
def test_remarks_of_the_forecast_are_said_in_every_language(material, language):
    from onward.report.spoken import spoken
    from onward.report.tongues import speech_of

    plain = build(
        replace(material, forecast=replace(material.forecast, **REMARKS)), "internal"
    ).report
    said = spoken(plain, speech_of(language))
    for before, after in zip(plain.sections, said.sections, strict=True):
        if before.name == "forecast":
            items = [
                x for b in before.blocks for x in getattr(b, "items", ()) if isinstance(x, str)
            ]
            own = [
                x for b in after.blocks for x in getattr(b, "items", ()) if isinstance(x, str)
            ]
            assert len(items) == len(own) > 6
            for text, words_ in zip(items, own, strict=True):
                english = set(re.findall(r"[A-Za-z]{4,}", text)) - {
                    "onward",
                    "forecast",
                    "list",
                }
                left = english & set(re.findall(r"[A-Za-z]{4,}", words_))
                assert not left - {"Absent", "Borva", "places"}, (
                    words_
                )  # French writes them alike


@pytest.mark.parametrize("language", ["fr", "ar", "fa", "ckb"])
def test_no_sentence_of_a_report_stays_english(made, language):
    """Codes and what an office wrote in its own words may; what the product says may not."""
    from onward.report.saying import Sayer
    from onward.report.spoken import DRAFT, spoken
    from onward.report.tongues import speech_of

    speech = speech_of(language)
    say = Sayer(speech)
    left = []
    for audience in AUDIENCES:
        report = made[audience].report
        said = spoken(report, speech)
        assert say(DRAFT) in said.summary
        assert say(DRAFT) != DRAFT
        approved = spoken(report, speech, approved=True)
        assert list(approved.summary) == list(said.summary)[:-1], (
            "somebody answers for the words"
        )
        defined = [(a, say(title), say(text)) for a, title, text in DEFINED]
        plain = set(sentences(render_html(report, DEFINED)))
        left += [
            text for text in sentences(render_html(said, defined, speech)) if text in plain
        ]
    assert not left, "\n".join(sorted(set(left)))


@pytest.mark.parametrize("language", ["fr", "ar", "fa", "ckb"])
def test_the_proposed_places_are_said_in_every_language(worlds, proposal, language):
    from onward.report.spoken import spoken
    from onward.report.tongues import speech_of

    world = worlds()
    world.people("p", 60, stage="interviewed")
    report = build(world.material(AS_OF, proposal=proposal), "internal").report
    speech = speech_of(language)
    plain, said = (
        next(s for s in one.sections if s.name == "placement")
        for one in (report, spoken(report, speech))
    )
    fair, own = (
        next(b for b in s.blocks if getattr(b, "name", "") == "fairness") for s in (plain, said)
    )
    assert "Officers decide" in plain.blocks[0].text
    assert "Officers decide" not in said.blocks[0].text
    assert "random order" in fair.note
    assert "random order" not in own.note
    missing, asked = (
        next(b for b in s.blocks if getattr(b, "name", "") == "missing-places")
        for s in (plain, said)
    )
    assert {row[0].text for row in missing.rows} >= {
        "Norland, Spring",
        "one fewer place kept for others: Sudmark women at risk",
    }
    for before, after in ((missing.title, asked.title), (missing.note, asked.note)):
        assert before != after
    assert not set(missing.columns) & set(asked.columns) - {"Worth"}
    assert not any("kept for others" in row[0].text for row in asked.rows)
    ages = [n for n, row in enumerate(fair.rows) if "18-59" in row[0].text]
    assert ages
    assert all(speech.figures("18–59") in own.rows[n][0].text for n in ages)
    coded = [n for n, row in enumerate(fair.rows) if row[0].text.startswith("Category: ")]
    assert coded
    for n in coded:
        title, code = re.fullmatch(r"Category: (.+) (\(\w+\))", fair.rows[n][0].text).groups()
        assert code in own.rows[n][0].text
        assert title not in own.rows[n][0].text


def sentences(page):
    """Texts of a page of four words or more, without the marks of direction."""
    page = re.sub(r"<style>.*?</style>|<pre.*?</pre>|<bdi>.*?</bdi>", "", page, flags=re.S)
    texts = (
        html.unescape(t).strip("\u2066\u2067\u2069 \n") for t in re.findall(r">([^<>]+)<", page)
    )
    return [t for t in texts if len(re.findall(r"[A-Za-z]{2,}", t)) >= 4]
