"""The shipped table of roles is the one written separately here, and keeps the field's promises.

`access_table.csv` was written from the duties of each role, not from `roles.yaml`. Letters: O the
whole operation, F the account's office, A people assigned, R people referred, empty: nothing.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from onward.errors import Faults, OnwardError
from onward.registry.permissions.roles import FILE, check_roles, load_rules
from onward.rulebook import load, shipped_path

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
