"""The plan of an encrypted operation: adopted, dated, and never beside the record in clear."""

from __future__ import annotations

from datetime import date

import pytest

from onward.errors import Faults, OnwardError
from onward.registry import open_operation
from onward.registry.planning import adopt_plan, plan_of, plan_version

PLAN = """plan: camp
title: Our camp
version: "1"
as_of: 2026-06-01
rulebook: protected-camp
languages: [fa]
origin: IRN
host: IRQ
authorities:
  mandate: {title: Mandate, type: sc_resolution, grantor: Council, effective: 2025-12-01, expiry: 2027-09-30}
actions:
  interviews: {title: Interview everyone, owner: interview team, duration_days: {min: 20, likely: 30, max: 60}}
deadlines:
  end: {title: Mandate ends, date: 2027-09-30, authority: mandate, clock: expiry}
pledges:
  quiet_offer:
    title: An offer in confidence
    country: CAN
    channel: resettlement
    state: offered
    chance: 0.3
    places: 40
    opens: 2026-12-01
    capacity: resettlement_place
    confidentiality: sensitive
"""  # fmt: skip


def test_each_version_holds_from_its_day(small):
    first = adopt_plan(small, PLAN, effective="2026-05-01", by="chantal")
    second = adopt_plan(
        small, PLAN.replace("Our camp", "Our camp, revised"), effective="2026-06-01",
        by="chantal", replaces=first.sha256,
    )  # fmt: skip
    assert plan_version(small, date(2026, 4, 30)) is None
    assert plan_version(small, date(2026, 5, 31)).sha256 == first.sha256
    assert plan_version(small).sha256 == second.sha256
    assert plan_of(small, small.rulebook).title == "Our camp, revised"


def test_a_plan_edited_from_an_older_one_is_a_conflict_and_changes_nothing(small):
    first = adopt_plan(small, PLAN, effective="2026-05-01", by="chantal")
    adopt_plan(small, PLAN + "\n# theirs\n", effective="2026-05-02", by="bilal")
    now = plan_version(small)
    with pytest.raises(OnwardError, match="meanwhile"):
        adopt_plan(
            small, PLAN + "\n# mine\n", effective="2026-05-02", by="chantal",
            replaces=first.sha256,
        )  # fmt: skip
    assert plan_version(small) == now


def test_a_faulty_plan_is_not_adopted(small):
    with pytest.raises(Faults):
        adopt_plan(
            small, PLAN.replace("2027-09-30", "soon"), effective="2026-05-01", by="chantal"
        )
    assert plan_version(small) is None


def test_a_pledge_made_in_confidence_lies_nowhere_in_clear(small):
    adopt_plan(small, PLAN, effective="2026-05-01", by="chantal")
    files = [path for path in small.path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert b"quiet_offer" not in path.read_bytes(), path


def test_a_plan_in_plain_files_is_edited_as_a_file(operation):
    assert plan_version(operation) is None
    (operation.path / "plan.yaml").write_text(PLAN, "utf-8")
    assert plan_version(open_operation(operation.path)).text.decode() == PLAN
    with pytest.raises(OnwardError, match=r"edit plan\.yaml"):
        adopt_plan(operation, PLAN, effective="2026-05-01", by="chantal")


def test_why_a_plan_was_changed_stands_in_the_event_and_names_nobody(small):
    from onward.registry.planning import adoptions

    adopt_plan(small, PLAN, effective="2026-05-01", by="chantal", reason="The State confirmed")
    assert adoptions(small)[-1].facts == {"reason": "The State confirmed"}
    with pytest.raises(Faults, match="contact or a document number"):
        adopt_plan(
            small, PLAN + "# again\n", effective="2026-05-02", by="chantal",
            reason="Ask amina@example.org",
        )  # fmt: skip


@pytest.mark.parametrize("audience", ["internal", "external"])
def test_a_report_names_no_sensitive_work(small, audience):
    """Most who read reports may not see what is sensitive in the plan: its page says as much."""
    from onward.registry.computing.reporting import make_report

    quiet = "confidentiality: sensitive"
    plan = (
        PLAN.replace("expiry: 2027-09-30}", "expiry: 2027-09-30}\n"
                     f"  quietlaw: {{title: Canary law, type: sc_resolution, grantor: Canary grantor, effective: 2025-12-01, expiry: 2026-06-20, {quiet}}}")
        .replace("deadlines:", "  talks: {title: Canary talks, owner: Canary owner, "
                 f"duration_days: {{min: 5, likely: 9, max: 20}}, {quiet}}}\ndeadlines:")
        .replace("clock: expiry}", f"clock: expiry}}\n  hidden: {{title: Canary day, date: 2026-07-01, {quiet}}}")
        + f"milestones:\n  met: {{title: Canary met, after: [talks], by: 2026-06-25, {quiet}}}\n"
    )  # fmt: skip
    adopt_plan(small, plan, effective="2026-05-01", by="chantal")
    found = plan_of(small, small.rulebook)
    assert {t.title for g in (found.actions, found.milestones, found.deadlines, found.authorities)
            for t in g.values() if t.confidentiality == "sensitive"} >= {
        "Canary law", "Canary talks", "Canary day", "Canary met"}  # fmt: skip
    made = make_report(small, audience=audience, with_forecast=False)
    page = made.contents["html"].decode()
    if audience == "internal":
        assert "Kept in confidence" in page
        assert "Interview everyone" in page
    assert "Canary" not in page
    assert b"Canary" not in made.contents["xlsx"]
    assert "Canary" not in " ".join([made.headline, *made.summary])
