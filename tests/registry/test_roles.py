"""The shipped table of roles is the one written separately here, and keeps the field's promises.

`access_table.csv` was written from the duties of each role, not from `roles.yaml`. Letters: O the
whole operation, F the account's office, A people assigned, R people referred, empty: nothing.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from onward.errors import Faults, OnwardError
from onward.registry.permissions.roles import FILE, check_roles, load_rules
from onward.rulebook import load, shipped_names, shipped_path

LETTERS = {"operation": "O", "office": "F", "assigned": "A", "referred": "R"}
RULES = load_rules()
RULEBOOK = load(shipped_path("protected-camp"))
IDENTITY = ("names", "documents", "contacts", "narrative")


def written() -> dict[tuple[str, str], str]:
    with open(
        Path(__file__).with_name("access_table.csv"), encoding="utf-8", newline=""
    ) as file:
        rows = list(csv.DictReader(file))
    return {
        (row["what"], role): "".join(sorted(cell)) for row in rows for role, cell in row.items()
        if role != "what"
    }  # fmt: skip


def shipped() -> dict[tuple[str, str], str]:
    found = {}
    for role in RULES.roles.values():
        for part, names, table in (
            ("read", RULES.classes, role.reads),
            ("do", RULES.actions, role.may),
        ):
            for name in names:
                letters = "".join(sorted(LETTERS[reach] for reach in table.get(name, ())))
                found[f"{part} {name}", role.name] = letters
    return found


def test_the_shipped_table_is_the_one_written_separately():
    here, there = written(), shipped()
    differing = {
        k: (here.get(k), there.get(k)) for k in here | there if here.get(k) != there.get(k)
    }
    assert differing == {}


def test_whoever_may_open_a_person_may_record_complaint_refusal_and_fear():
    for role in RULES.roles.values():
        assert role.may.get("person.read") == role.may.get("person.record_always"), role.name
        assert role.may.get("person.read") == role.may.get("rights.open"), role.name


def test_administrators_auditors_custodians_and_liaisons_read_nobody():
    for name in ("administrator", "auditor", "custodian", "host_liaison"):
        assert not RULES.roles[name].reads
        assert not any(a.startswith(("person.", "authorise.")) for a in RULES.roles[name].may)


def test_analyst_and_plan_lead_see_no_identity_and_nothing_sealed():
    for name in ("analyst", "plan_lead"):
        assert not set(RULES.roles[name].reads) & {
            *IDENTITY,
            "grounds",
            "medical",
            "complaints",
        }
        assert "person.reveal" not in RULES.roles[name].may


def test_whoever_works_on_return_never_reads_claims_or_health():
    assert not set(RULES.roles["repatriation_officer"].reads) & {
        "grounds",
        "medical",
        "narrative",
    }


def test_nobody_both_proposes_and_approves():
    for role in RULES.roles.values():
        assert not {"override.propose", "override.approve"} <= set(role.may), role.name


@pytest.mark.parametrize(
    ("roles", "word"),
    [
        (["administrator", "interviewer"], "cases"),
        (["auditor", "supervisor"], "cases"),
        (["administrator", "auditor"], "one person"),
        (["rsd_officer", "rsd_reviewer"], "one person"),
        (["host_liaison", "analyst"], "cases"),
        (["king"], "not a role"),
    ],
)
def test_roles_that_may_not_meet_in_one_account_are_refused(roles, word):
    with pytest.raises(OnwardError, match=word):
        check_roles(roles)


def test_every_field_of_the_rulebook_has_one_class_and_sealed_ones_a_guarded_one():
    columns = RULES.field_classes(RULEBOOK)
    for kind in RULEBOOK.kinds.values():
        for fact in kind.facts.values():
            name = columns[kind.name][fact.name]
            assert name in RULES.classes
            if fact.sensitivity == "sealed":
                assert name in {"grounds", "medical", "complaints", "needs"}, (
                    kind.name,
                    fact.name,
                )


# Written from what each fact tells, not from the table: facts of a person by name, records by kind,
# health by how long it is kept, everything else by how sensitive the rulebook says it is.
NAMED = {
    "biodata": "birth sex role_in_household nationality country_of_origin language arrived_on",
    "needs": "specific_needs categories capacity_doubted other_parent_settled",
    "complaints": "departure_for_release departure_for_services",
}
ELSEWHERE = {
    ("consent", "pressure"): "complaints",
    ("follow_up", "result"): "complaints",
    ("follow_up", "looked_into"): "complaints",
}
DERIVED = {
    "id": "open", "first_on": "internal",
    "legal": "confidential", "legal_since": "confidential", "stage": "confidential",
    "stage_since": "confidential", "place": "internal", "place_since": "internal",
    "active": "internal", "adult": "biodata", "unit": "internal", "office": "internal",
    "registered_on": "internal", "steps": "confidential", "processes": "confidential",
    "open_steps": "confidential", "blocked": "confidential", "forecast_state": "confidential",
}  # fmt: skip


def guarded_as(kind, fact):
    for name, facts in NAMED.items():
        if kind == "person" and fact.name in facts.split():
            return name
    if (kind, fact.name) in ELSEWHERE:
        return ELSEWHERE[kind, fact.name]
    if kind in ("complaint", "incident"):
        return "complaints"
    if fact.retention == "medical":
        return "medical"
    return {"sealed": "grounds"}.get(fact.sensitivity, fact.sensitivity)


@pytest.mark.parametrize("name", shipped_names())
def test_every_column_has_the_class_of_what_it_tells(name):
    rulebook = load(shipped_path(name))
    columns = RULES.field_classes(rulebook)
    assert set(columns) == set(rulebook.kinds)
    for kind in rulebook.kinds.values():
        expected = dict.fromkeys(kind.refs, "internal")
        for fact in kind.facts.values():
            ends = ("", "_first", "_last") if fact.type == "partial_date" else ("",)
            expected |= {fact.name + end: guarded_as(kind.name, fact) for end in ends}
        expected |= {"id": "open", "first_on": "internal"}
        if kind.name == "person":
            expected |= DERIVED
        assert columns[kind.name] == expected, kind.name


@pytest.mark.parametrize("name", shipped_names())
def test_that_a_record_exists_is_told_to_readers_of_something_telling_in_it(name):
    rulebook = load(shipped_path(name))
    for kind, classes in RULES.kind_classes(rulebook).items():
        every = {guarded_as(kind, fact) for fact in rulebook.kinds[kind].facts.values()}
        assert classes == (every - {"open", "internal"} or every), kind


def test_what_fits_no_class_is_among_the_most_guarded():
    assert RULES.field_class("person", "something", "of-no-kind", "operational") == "grounds"
    assert RULES.field_class("something", "birth", "sealed", "operational") == "grounds"
    assert RULES.field_class("person", "something", "open", "medical") == "medical"
    assert RULES.field_class("incident", "something", "open", "medical") == "complaints"


def test_tables_worked_out_for_one_rulebook_are_not_those_of_another():
    rules = replace(RULES, _worked_out={})  # what other tests had worked out is not counted
    others = [load(shipped_path(name)) for name in shipped_names()]
    for make in (rules.field_classes, rules.finding_classes, rules.kind_classes):
        made = [make(each) for each in others]
        assert [set(make(each)) for each in others] == [set(table) for table in made]
        assert all(make(each) is table for each, table in zip(others, made, strict=True))
    for each in others:
        assert (
            set(rules.field_classes(each)) == set(each.kinds) == set(rules.kind_classes(each))
        )
        findings = {f.key for s in each.safeguards.values() for f in s.findings.values()}
        assert set(rules.finding_classes(each)) == findings


def test_roles_together_reach_what_each_of_them_reaches_and_nothing_more():
    two = ("interviewer", "medical")
    assert RULES.reads(two, "biodata") == {"assigned", "office"}
    assert RULES.reads(two, "medical") == {"office"}
    assert RULES.reads(two, "grounds") == frozenset()
    assert RULES.may(two, "person.read") == {"assigned", "office"}
    assert RULES.may(two, "plan.edit") == frozenset()
    assert RULES.actions_of(two) == {action for role in two for action in RULES.roles[role].may}
    for nobody in ((), ("king",)):
        assert RULES.reads(nobody, "open") == frozenset()
        assert RULES.may(nobody, "person.read") == frozenset()
        assert RULES.actions_of(nobody) == frozenset()
    assert RULES.may(("king", "medical"), "person.read") == {"office"}
    with pytest.raises(KeyError, match=r"person\.reed is not an action"):
        RULES.may(two, "person.reed")


def test_that_a_claim_exists_is_told_only_to_readers_of_claims():
    kinds = RULES.kind_classes(RULEBOOK)
    assert kinds["claim"] == kinds["assessment"] == kinds["decision"] == {"grounds"}
    assert kinds["complaint"] == kinds["incident"] == {"complaints"}


def test_that_fear_was_expressed_is_not_told_by_the_name_of_what_blocks():
    told = RULES.finding_classes(RULEBOOK)
    assert told["G5.no_fear"] == {"grounds"}
    assert told["G17.triaged"] == {"complaints"}
    assert told["G11.not_unfit"] == {"medical"}
    assert "grounds" not in told["G3.consent"]


def test_a_field_of_the_vault_that_nobody_named_is_the_most_guarded():
    assert RULES.vault_class("name.full.latin") == "names"
    assert RULES.vault_class("number") == "documents"
    assert RULES.vault_class("something.new") == "narrative"
    assert RULES.vault_class("contact_next.of.kin") == "contacts"
    assert RULES.vault_class("notes") == RULES.vault_class("sealed.health.note") == "narrative"
    assert RULES.identity == {"names", "documents", "contacts", "narrative"}


def test_a_table_with_an_unknown_word_is_refused_with_its_place(tmp_path):
    text = FILE.read_text("utf-8").replace("assigned: [narrative]", "assigned: [gossip]", 1)
    wrong = tmp_path / "roles.yaml"
    wrong.write_text(text, "utf-8")
    with pytest.raises(Faults, match=r"protection_officer\.reads\.assigned.*gossip"):
        load_rules(wrong)


def test_the_reference_page_is_what_the_table_says():
    from onward.registry.permissions.roles_page import PAGE, page

    assert PAGE.read_text("utf-8") == page(), (
        "run: python -m onward.registry.permissions.roles_page"
    )
