"""The condition grammar: what can be written, what is refused, and how a fault reads."""

from __future__ import annotations

import pytest

from onward.errors import Faults
from onward.rulebook import load, loads, shipped_names, shipped_path
from onward.rulebook.grammar import (
    AgeAtLeast,
    And,
    Compare,
    Condition,
    Not,
    OneOf,
    Or,
    Quantifier,
    parse_condition,
)

RULEBOOK = load(shipped_path("protected-camp"))


def read(text: str, kind: str = "person") -> Condition:
    return parse_condition(text, kind=kind, rulebook=RULEBOOK, file="camp.yaml", line=40)


def faults(text: str, kind: str = "person") -> str:
    with pytest.raises(Faults) as caught:
        read(text, kind)
    return str(caught.value)


# ------------------------------------------------------------------ what can be written


@pytest.mark.parametrize("name", shipped_names())
def test_every_condition_of_a_shipped_rulebook_can_be_read(name):
    rulebook = load(shipped_path(name))
    for safeguard in rulebook.safeguards.values():
        for finding in safeguard.findings.values():
            read = parse_condition(finding.condition, kind="person", rulebook=rulebook)
            assert read.reads_raw, f"{finding.key} reads nothing"


def test_a_condition_becomes_a_small_tree():
    read_one = read(
        "identity_resolved AND NOT open_duplicate AND (sex = 'female' OR sex IN ('male'))"
    )
    assert isinstance(read_one.node, And)
    assert len(read_one.node.parts) == 3
    assert isinstance(read_one.node.parts[1], Not)
    either = read_one.node.parts[2]
    assert isinstance(either, Or)
    assert isinstance(either.parts[0], Compare)
    assert isinstance(either.parts[1], OneOf)


def test_between_is_two_comparisons():
    node = read("arrived_on BETWEEN '2024-01-01' AND :on").node
    assert isinstance(node, And)
    assert [part.op for part in node.parts] == [">=", "<="]


def test_precedence_is_that_of_sql():
    node = read("fear_asked OR NOT sex = 'male' AND right_to_leave").node
    assert isinstance(node, Or)
    assert isinstance(node.parts[1], And)
    assert isinstance(node.parts[1].parts[0], Not)


def test_reads_resolve_derived_facts_relations_and_join_columns_to_raw_facts():
    passed = read("non_refoulement_passed")
    assert passed.reads == {("person", "non_refoulement_passed")}
    assert ("destination", "information_updated_on") in passed.reads_raw
    assert ("assessment", "person") in passed.reads_raw
    assert passed.parameters == {"destination", "on"}
    assert passed.settings == {"assessment_valid_days"}
    family = read("all_true(members, split_agreed)")
    assert {("household", "roster_size"), ("person", "household")} <= family.reads_raw


def test_the_outer_row_is_named_by_its_kind():
    condition = read("any_true(assurances, covers = person.group)")
    node = condition.node
    assert isinstance(node, Quantifier)
    assert isinstance(node.part, Compare)
    assert (node.part.left.level, node.part.right.level) == (0, 1)
    assert '"assurance"."covers" = "person"."group"' in condition.tree.sql()


def test_within_a_family_the_outer_person_and_the_member_are_kept_apart():
    node = read("all_true(members, intended_pathway = person.intended_pathway)").node
    assert isinstance(node, Quantifier)
    assert (node.part.left.level, node.part.right.level) == (0, 1)


def test_words_that_sql_reserves_can_be_facts():
    assert read("any_true(documents, type = 'exit_permit')").reads == {("document", "type")}
    assert read("group = 'main_group' AND language = 'fa'").reads


def test_parameters_and_partial_dates():
    assert isinstance(read("age_at_least(birth, 18)").node, AgeAtLeast)
    assert read("intended_destination = :destination").parameters == {"destination"}
    assert read(":pathway = 'return' OR fear_asked").parameters == {"pathway"}


# ------------------------------------------------------------------ what is refused

OUTSIDE = [
    # unknown turned into known
    "identity_resolved IS NULL",
    "identity_resolved IS NOT NULL",
    "identity_resolved IS TRUE",
    "identity_resolved IS NOT FALSE",
    "COALESCE(identity_resolved, fear_asked)",
    "IFNULL(identity_resolved, fear_asked)",
    "NULLIF(sex, 'male') = 'female'",
    "sex = NULL",
    "sex NOT IN ('female', NULL)",
    "sex IS NOT DISTINCT FROM 'male'",
    "CASE WHEN sex = 'male' THEN fear_asked ELSE right_to_leave END",
    "IF(fear_asked, fear_asked, right_to_leave)",
    "TRY(fear_asked)",
    # constants
    "TRUE",
    "FALSE",
    "true OR fear_asked",
    "identity_resolved OR TRUE",
    "1",
    "1 = 1",
    "1 = 2 OR fear_asked",
    "'a' = 'a'",
    "'2024-01-01' < :on",
    ":on > '2020-01-01'",
    ":on = :on",
    "consent_valid_days > 3",
    "sex = sex",
    "person.sex = sex",
    "date_diff('day', arrived_on, arrived_on) = 0",
    "all_true(claims, person.fear_asked)",
    # reaching outside
    "identity_resolved; DROP TABLE person",
    "identity_resolved -- and nothing else",
    "identity_resolved /* and nothing else */",
    "(SELECT 1)",
    "EXISTS (SELECT 1 FROM person)",
    "sex = (SELECT 'male')",
    "sex IN (SELECT sex FROM person)",
    "sex = ANY('male')",
    "fear_asked UNION SELECT TRUE",
    "read_csv('/etc/passwd')",
    "any_true(claims, read_text('/etc/passwd') = 'x')",
    "any_true(read_parquet('x'), lodged)",
    "pg_sleep(10)",
    "getenv('HOME') = 'x'",
    "all_true('x.csv', fear_asked)",
    "current_setting('x') = 'y'",
    "COUNT(*) > 0",
    "bool_or(fear_asked)",
    "fear_asked OVER ()",
    # other syntax
    "CAST(sex AS INTEGER) = 1",
    "sex::text = 'male'",
    "DATE '2024-01-01' < arrived_on",
    "sex = E'male'",
    "sex = $$male$$",
    "\"sex\" = 'male'",
    "sex == 'male'",
    "sex != 'male'",
    "sex || 'a' = 'malea'",
    "arrived_on + 3 < :on",
    "sex LIKE 'f%'",
    "sex = 'a\\'b'",
    "sex ~ 'f'",
    "fear_asked XOR right_to_leave",
    "fear_asked AS x",
    "fear_asked, right_to_leave",
    "fear_asked right_to_leave",
    "fear_asked AND",
    "fear_asked)",
    "((fear_asked)",
    "arrived_on = :on = :on",
    "arrived_on BETWEEN SYMMETRIC :on AND '2020-01-01'",
    "sex IN ()",
    "sex IN ('male') IN ('female')",
    "sex IN (intended_destination)",
    "[fear_asked]",
    "{'a': fear_asked}",
    "x -> x",
    "fear_asked\x00",
    "fear_asked\u00a0AND right_to_leave",
    "ѕex = 'female'",  # a Cyrillic letter
    "sex ＝ 'female'",
    "sex = ‘female’",
    "",
    "   ",
]


@pytest.mark.parametrize("text", OUTSIDE)
def test_what_is_outside_the_grammar_is_refused(text):
    assert faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200 + "fear_asked" + ")" * 200,
        "NOT " * 3000 + "fear_asked",
        "NOT " * 1500 + "fear_asked",
        " AND ".join(["fear_asked"] * 5000),
        "x" * 50_000,
        "any_true(consents, " * 40 + "informed" + ")" * 40,
    ],
)
def test_huge_conditions_are_refused_and_not_run(text):
    assert faults(text)


def test_a_long_list_of_safeguards_is_still_read():
    assert read(" AND ".join(["fear_asked"] * 400)).reads == {("person", "fear_asked")}


# ------------------------------------------------------------------ names and types


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("identity_resolvd", "Did you mean identity_resolved?"),
        ("sex = 'W'", "no value of sex; expected female, male, other or unknown"),
        ("stage = 'return_confirmd'", "Did you mean return_confirmed?"),
        (":pathway = 'retrun'", "Did you mean return?"),
        ("sex IN ('female', 'W')", '"W" is no value of sex'),
        ("any_true(assurances, covers = person.sex)", "share no value"),
        ("arrived_on = 3", "arrived_on is a date"),
        ("arrived_on > '2024-13-01'", "'YYYY-MM-DD'"),
        ("arrived_on > '20240101'", "'YYYY-MM-DD'"),
        ("sex = fear_asked", "yes-or-no"),
        ("fear_asked = 'yes'", "yes-or-no"),
        ("sex", "stands alone"),
        ("sex < 'male'", "orders texts"),
        ("birth < :on", "age_at_least(birth, years)"),
        ("age_at_least(arrived_on, 18)", "expected birth"),
        ("age_at_least(birth, 0)", "whole years from 1 to 120"),
        ("age_at_least(birth, 18.5)", "whole years from 1 to 120"),
        ("categories = 'MED'", "set of codes"),
        ("date_diff('month', arrived_on, :on) > 3", "date_diff('day'"),
        ("date_diff('day', sex, :on) > 3", "arrived_on"),
        ("date_diff('day', arrived_on, :on)", "stands alone"),
        (":destination", "stands alone"),
        (":place = 'x'", ":on, :destination or :pathway"),
        ("all_true(member, fear_asked)", "no relation of person"),
        ("any_true(claims)", "with 1 parts"),
        ("consent.destination = 'x'", "no consent row is being asked here"),
        ("any_true(claims, any_true(interviews, alone))", "claim has no relations"),
        ("a.b.c = 1", "person.group"),
    ],
)
def test_a_fault_says_what_was_found_and_what_is_allowed(text, said):
    message = faults(text)
    assert said in message
    assert message.startswith("camp.yaml, line 40: ")


def test_all_faults_of_one_condition_come_at_once_on_their_lines():
    with pytest.raises(Faults) as caught:
        read("sex = 'W'\n AND stage = 'nowhere'\n AND identity_resolvd")
    found = " ".join(str(fault) for fault in caught.value.faults)
    assert len(caught.value.faults) == 3
    for piece in ('"W"', '"nowhere"', "identity_resolvd"):
        assert piece in found


def test_a_fault_in_a_later_line_names_that_line():
    assert "camp.yaml, line 42: " in faults("fear_asked\n AND right_to_leave\n AND sex ~ 'x'")


def test_a_derived_fact_may_not_rest_on_itself():
    source = shipped_path("protected-camp").read_text(encoding="utf-8")
    circular = source.replace(
        "is: any_true(sheets, approved AND current)",
        "is: any_true(sheets, approved AND consent.sheet_current)",
    )
    assert circular != source
    rulebook = loads(circular)
    declared = rulebook.derived["consent"]["sheet_current"]
    for text, kind in (
        (declared.condition, "consent"),
        ("sheet_current", "consent"),
        ("any_true(consents, sheet_current)", "person"),
        (rulebook.safeguards["G3"].findings["consent"].condition, "person"),
    ):
        with pytest.raises(Faults, match="depends on itself: sheet_current → sheet_current"):
            parse_condition(text, kind=kind, rulebook=rulebook)
