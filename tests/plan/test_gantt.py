"""The chart: well formed, harmless, complete, and silent about what is not public."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET

import pytest

from onward.plan import gantt_list, gantt_svg, plan_draws

TODAY = dt.date(2026, 10, 31)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def draws(example):
    return plan_draws(example, 500, 1, TODAY)


def words_of(svg):
    return " ".join("".join(t.itertext()) for t in ET.fromstring(svg).iter(f"{SVG}text"))


@pytest.mark.parametrize("width", [760, 380])
@pytest.mark.parametrize("mirrored", [False, True])
def test_it_is_one_harmless_drawing(example, draws, width, mirrored):
    svg = gantt_svg(example, draws, TODAY, width=width, mirrored=mirrored)
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {
        "svg", "title", "desc", "rect", "line", "path", "text",
    }  # fmt: skip
    for element in root.iter():
        assert not [
            k for k in element.attrib if k.startswith("on") or "href" in k or k == "style"
        ]
    _, _, w, h = map(float, root.get("viewBox").split())
    for rect in root.iter(f"{SVG}rect"):
        assert 0 <= float(rect.get("x", 0)) <= w
        assert float(rect.get("x", 0)) + float(rect.get("width")) <= w + 2
        assert float(rect.get("y", 0)) + float(rect.get("height")) <= h + 0.6
    assert len(svg) < 45_000


def test_every_deadline_and_milestone_is_named(example, draws):
    said = words_of(gantt_svg(example, draws, TODAY))
    for deadline in example.deadlines.values():
        assert deadline.date.isoformat() in said
    for stone in example.milestones.values():
        assert stone.title in said
    assert "as of 2026-10-31" in said


def test_outside_it_shows_only_what_is_public(read):
    work = {"owner": "o", "duration_days": 20}
    plan = read(
        actions={"a": {"title": "Open work", "confidentiality": "public", "chance": 0.4, **work},
                 "b": {"title": "Quiet offer explored", "confidentiality": "sensitive", **work}},
    )  # fmt: skip
    draws = plan_draws(plan, 50, 1, TODAY)
    assert "Quiet offer" in gantt_svg(plan, draws, TODAY)
    outside = gantt_svg(plan, draws, TODAY, audience="external")
    assert "Open work" in outside
    assert "Quiet offer" not in outside
    assert "succeeds" not in outside
    assert gantt_list(plan, draws, audience="external")["what"].to_pylist() == ["a"]


def test_a_persian_title_runs_from_right_to_left_inside_its_column(read):
    title = "مصاحبه با همه"
    plan = read(actions={"a": {"title": title, "owner": "o", "duration_days": 20}})
    svg = gantt_svg(plan, plan_draws(plan, 50, 1, TODAY), TODAY)
    texts = list(ET.fromstring(svg).iter(f"{SVG}text"))
    (text,) = [t for t in texts if title in "".join(t.itertext())]
    assert "".join(text.itertext()) == f"\u2067{title}\u2069"
    assert (text.get("x"), text.get("text-anchor")) == ("0.0", "start")


def test_words_may_be_translated(example, draws):
    svg = gantt_svg(example, draws, TODAY, words={"milestones": "نقاط عطف"})
    assert "نقاط عطف" in words_of(svg)


def test_titles_cannot_break_out_of_the_drawing(read):
    title = '<script>alert("x")</script>'
    plan = read(actions={"a": {"title": title, "owner": "<b>", "duration_days": 20}})
    root = ET.fromstring(gantt_svg(plan, plan_draws(plan, 50, 1, TODAY), TODAY))
    assert not list(root.iter(f"{SVG}script"))


def test_the_list_says_in_words_what_the_chart_draws(example, draws):
    rows = {r["what"]: r for r in gantt_list(example, draws).to_pylist()}
    assert set(rows) == set(example.actions) | set(example.milestones)
    assert rows["legal_analysis"]["state"] == "done"
    assert rows["verify_rest"]["state"] == "under way"
    assert rows["half_of_claims"]["critical"] > 0.5
    for row in rows.values():
        known = [row[k] for k in ("done_p10", "done_likely", "done_p90") if row[k]]
        assert known == sorted(known)


def test_it_can_be_printed(example, draws):
    import vl_convert

    png = vl_convert.svg_to_png(gantt_svg(example, draws, TODAY))
    assert png.startswith(b"\x89PNG")
