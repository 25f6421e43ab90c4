"""No operation can lower the protection floor; it may only ask more."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onward.errors import Faults
from onward.rulebook import load, loads, shipped_names, shipped_path
from onward.rulebook.check import accept, check, check_bytes
from onward.rulebook.draft import draft
from onward.rulebook.floor import load_floor
from onward.rulebook.form import as_strict, form
from onward.rulebook.grammar import parse_condition
from onward.rulebook.situations import Interpreter
from onward.rulebook.weaker import compare
from onward.rulebook.worlds import always_true

CAMP = load(shipped_path("protected-camp"))
TEXT = CAMP.source_text
FLOOR = load_floor("protected-camp")
LINE_OF_T5 = TEXT[: TEXT.index("\n  T5:\n") + 1].count("\n") + 2  # its first line


def said_of(*pairs: tuple[str, str]) -> str:
    """Everything the check says of the camp's rulebook with pieces of text replaced."""
    text = TEXT
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    result = check_bytes(text.encode(), file="mine.yaml")
    return "\n".join(str(fault) for fault in result.faults)


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_rulebook_is_sound(name):
    result = check(shipped_path(name))
    assert result.faults == ()
    assert result.situations >= 60
    adopted = accept(load(shipped_path(name)))
    assert adopted.floor_hash == load_floor(name).hash != ""


@pytest.mark.parametrize("name", shipped_names())
def test_a_fact_more_makes_no_sound_rulebook_unsound(name):
    """Worlds are drawn fact after fact, so each fact more is another draw of all that follow."""
    text = shipped_path(name).read_text("utf-8")
    for places in range(1, 13):
        facts = "".join(
            f"      noted_{k}: {{type: boolean, label: Noted, sensitivity: internal, retention: case}}\n"
            for k in range(places)
        )
        more = text.replace("    facts:\n", f"    facts:\n{facts}", 1)
        assert more != text
        assert check_bytes(more.encode(), file="mine.yaml").faults == ()


WEAKER = {
    "a safeguard detached": (
        ("safeguards: [G2, G3, G5, G6, G8, G9, G10]", "safeguards: [G2, G3, G6, G8, G9, G10]"),
        f"line {LINE_OF_T5}, transitions.T5.safeguards: weaker than the protection floor: G5 detached",
    ),
    "a safeguard no longer asked of every movement": (
        ("movement_always: [G5, G15, G17]", "movement_always: [G15, G17]"),
        "G5 is not asked of every movement",
    ),
    "a path shortened": (("path: [T18, T19]", "path: [T18]"), "the path leaves out T19"),
    "made overridable": (("        hard: true", "        hard: false"), "made overridable"),
    "true whatever is known": (
        ("must: NOT departure_for_release AND", "must: right_to_leave OR NOT right_to_leave OR NOT departure_for_release AND"),
        "safeguards.G16.free",
    ),
    "a fact not read": (
        ("must: fitness_checked_on <= :on AND date_diff('day', fitness_checked_on, :on) <= fitness_valid_days", "must: arrived_on <= :on"),
        "does not read person.fitness_checked_on",
    ),
    "another way round": (
        ("must: identity_resolved AND NOT open_duplicate", "must: identity_resolved AND NOT open_duplicate OR right_to_leave"),
        "cannot be shown to ask at least what the floor asks",
    ),
    "asked later": (
        ("      no_fear:\n", "      no_fear:\n        at: movement\n"),
        "asked only at movement",
    ),
    "a setting loosened": (("{value: 180, note: a consent", "{value: 365, note: a consent"), "365 days; expected at most 180"),
    "a shorter reflection": (("reflection_days:           {value: 3", "reflection_days:           {value: 0"), "0 days; expected at least 3"),
    "the owner of a remedy changed": (
        ("remedy: Only the person can choose. Offer counselling on every pathway; never press.\n        owner: person", "remedy: Ask again.\n        owner: operation"),
        "the remedy is owned by operation",
    ),
    "a gated step made recording": (
        ("    title: Transfer to the host\n", "    title: Transfer to the host\n    records: true\n"),
        "never refused",
    ),
    "one move made recording": (
        ("to: {stage: transferred, place: host_custody}}", "to: {stage: transferred, place: host_custody}, records: true}"),
        "never refused",
    ),
    "a recording step gated": (
        ("    safeguards: []\n    records: true\n    reversed_by: withdrawal under G5", "    safeguards: [G4]\n    reversed_by: withdrawal under G5"),
        "no longer always recordable",
    ),
    "no longer a movement": (
        ("    movement: true\n    path: [T18, T19]\n", ""),
        "no longer a movement",
    ),
    "a short cut": (
        ("from: {stage: [handover_cleared]}", "from: {stage: [handover_cleared, registered]}"),
        "may start from registered",
    ),
    "a recording move around a gate": (
        ("      reappeared:", "      taken: {from: {place: [in_camp]}, to: {stage: transferred, place: host_custody}}\n      reappeared:"),
        "records its way into stage transferred",
    ),
    "a new movement that asks nothing": (
        ("  T21:\n", "  T99:\n    title: Bus\n    pathway: return\n    decides: nobody\n    evidence: [none]\n    safeguards: []\n    reversed_by: nothing\n    movement: true\n    path: [T1]\n    moves:\n      done: {from: {place: [in_camp]}, to: {place: left}}\n    source: none\n  T21:\n"),
        "does not ask",
    ),
    "a person who leaves without a movement": (
        ("  T21:\n", "  T99:\n    title: Walk\n    pathway: return\n    decides: nobody\n    evidence: [none]\n    safeguards: [G1, G2, G3, G5, G6, G8, G9, G10, G11, G15, G16, G17]\n    reversed_by: nothing\n    moves:\n      done: {from: {place: [in_camp]}, to: {place: left}}\n    source: none\n  T21:\n"),
        "the person leaves, but it is no movement",
    ),
    "a record that begins beyond a gate": (
        ("    starts: registered\n", "    starts: handover_cleared\n"),
        "beyond a gate",
    ),
    "a starting answer that opens": (
        ("triaged:               {type: boolean, starts: false", "triaged:               {type: boolean, starts: true"),
        "a new record starts with true; expected false",
    ),
    "an answer given in advance": (
        ("pressure:              {type: boolean, label", "pressure:              {type: boolean, starts: false, label"),
        "a new record starts with false; expected no answer",
    ),
    "a code that passes as something else": (
        ("allowed: [coercion, services, conduct", "allowed: [coercion, pressure, services, conduct"),
        "pressure would pass where a safeguard asks for something else",
    ),
    "a secret told": (
        ("fear_asked:            {type: boolean, label: Asked in private about any fear, sensitivity: sealed", "fear_asked:            {type: boolean, label: Asked in private about any fear, sensitivity: internal"),
        "internal; expected sealed or stricter",
    ),
    "members no longer counted": (
        (", closed_by: {kind: household, via: household, fact: roster_size}", ""),
        "relations.person.members",
    ),
    "complaints joined more narrowly": (
        ("join: {person: id, household: household, destination: \":destination\"}", "join: {person: id, destination: \":destination\"}"),
        "relations.person.complaints",
    ),
    "a derived fact loosened": (
        ("AND finding = 'passed' AND made_on <= :on", "AND made_on <= :on"),
        "planted situation no longer blocked",
    ),
    "an adult at sixteen": (("age_at_least(birth, 18)", "age_at_least(birth, 16)"), "safeguards.G9.determined"),
    "who travels together decided otherwise": (
        ("together_when: [intended_pathway, intended_destination]", "together_when: [intended_pathway]"),
        "who travels together",
    ),
    "another floor": (("floor: protected-camp", "floor: voluntary-return"), "has no place under this floor"),
    "no floor": (("floor: protected-camp", "floor: none"), 'no protection floor called "none"'),
    "outside the grammar": (
        ("must: identity_resolved AND NOT open_duplicate", "must: identity_resolved IS NOT NULL"),
        "outside the grammar",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WEAKER)
def test_a_weaker_rulebook_is_refused(name):
    change, expected = WEAKER[name]
    assert expected in said_of(change)


STRICTER = {
    "a shorter validity": ("{value: 180, note: a consent", "{value: 90, note: a consent"),
    "a longer reflection": (
        "reflection_days:           {value: 3",
        "reflection_days:           {value: 7",
    ),
    "one more condition": (
        "must: identity_resolved AND NOT open_duplicate",
        "must: identity_resolved AND NOT open_duplicate AND right_to_leave",
    ),
    "one more condition inside": (
        "any_true(sites, voluntary AND safe_distance",
        "any_true(sites, monitored AND safe_distance AND voluntary",
    ),
    "nobody may override": ("        hard: false", "        hard: true"),
    "one more safeguard": ("    safeguards: [G2]\n", "    safeguards: [G2, G10]\n"),
    "one answer fewer": (
        "finding IN ('has_capacity', 'supported_decision')",
        "finding = 'has_capacity'",
    ),
    "asked at decision too": ("        at: movement\n", ""),
    "fewer ways in": (
        "from: {legal: [refugee, complementary]}, to: {legal: status_ended}",
        "from: {legal: [refugee]}, to: {legal: status_ended}",
    ),
    "one more safeguard of every movement": (
        "movement_always: [G5, G15, G17]",
        "movement_always: [G1, G5, G15, G17]",
    ),
    "a stricter secrecy": (
        "label: Right to leave is respected, sensitivity: confidential",
        "label: Right to leave is respected, sensitivity: sealed",
    ),
}


@pytest.mark.parametrize("name", STRICTER)
def test_a_stricter_rulebook_is_sound(name):
    assert said_of(STRICTER[name]) == ""


def test_an_operation_may_do_without_hand_over():
    text = TEXT
    for step in ("T18", "T19", "T20"):
        text = re.sub(rf"(?m)^  {step}:\n(?:    .*\n)+", "", text)
    text = re.sub(r"(?m)^  handover_file:.*\n", "", text)
    text = re.sub(r"(?m)^      (handover_\w+|transferred|host_custody): .*\n", "", text)
    text = re.sub(r"(?m)^    (in_handover|transferred): .*\n", "", text)
    text = text.replace(", T20]", "]").replace(", host_custody", "")
    text = re.sub(r"(, handover_\w+)+\]", "]", text)
    result = check_bytes(text.encode())
    assert [str(fault) for fault in result.faults] == []
    assert "T20" not in loads(text).transitions


def test_every_fault_of_every_sort_is_reported_at_once():
    said = said_of(
        ("sensitivity: sealed", "sensitivity: secret"),
        ("must: identity_resolved AND NOT open_duplicate", "must: COALESCE(identity_resolved)"),
        ("movement_always: [G5, G15, G17]", "movement_always: [G5, G15]"),
    )
    assert '"secret"' in said
    assert "COALESCE" in said
    assert "G17 is not asked of every movement" in said


def test_what_is_weaker_cannot_be_adopted():
    weaker = replace(CAMP, movement_always=("G5",))
    with pytest.raises(Faults, match="cannot be adopted"):
        accept(weaker)


def test_the_hash_of_the_floor_covers_its_situations(tmp_path):
    from onward.rulebook.floor import read_floor
    from onward.rulebook.load import shipped_folder

    for part in ("floors", "situations"):
        (tmp_path / part).mkdir()
        source = shipped_folder() / part / "voluntary-return.yaml"
        (tmp_path / part / source.name).write_bytes(source.read_bytes())
    before = read_floor(tmp_path / "floors" / "voluntary-return.yaml").hash
    assert before == load_floor("voluntary-return").hash
    situations = tmp_path / "situations" / "voluntary-return.yaml"
    situations.write_text(situations.read_text() + "# one more line\n")
    assert read_floor(tmp_path / "floors" / "voluntary-return.yaml").hash != before


def test_a_floor_can_be_drafted_from_a_rulebook_and_is_met_by_it(tmp_path):
    from onward.rulebook.floor import read_floor

    bounds = {name: direction for name, (direction, _) in FLOOR.bounds.items()}
    (tmp_path / "floors").mkdir()
    path = tmp_path / "floors" / "protected-camp.yaml"
    path.write_text(draft(CAMP, tighten=bounds))
    assert compare(CAMP, read_floor(path)) == []


# -- rulebooks mutated at random ----------------------------------------------------------------
BOOKS = {name: load(shipped_path(name)) for name in shipped_names()}
FLOORS = {name: load_floor(name) for name in shipped_names()}


def weakened(name: str, draw: random.Random) -> tuple[object, str]:
    """A rulebook weakened in one random way, and what was done."""
    book = BOOKS[name]
    gated = [t for t in book.transitions.values() if t.safeguards]
    findings = [f for s in book.safeguards.values() for f in s.findings.values()]
    finding = draw.choice(findings)

    def with_finding(**changes):
        guard = book.safeguards[finding.safeguard]
        inner = {**guard.findings, finding.name: replace(finding, **changes)}
        return replace(
            book, safeguards={**book.safeguards, guard.name: replace(guard, findings=inner)}
        )

    way = draw.choice(
        ["drop safeguard", "drop finding", "detach", "flip hard", "or", "replace fact", "loosen",
         "at movement", "shorten path", "record", "always"]
    )  # fmt: skip
    if way == "drop safeguard":
        gone = draw.choice(list(book.safeguards))
        rest = {k: v for k, v in book.safeguards.items() if k != gone}
        return replace(book, safeguards=rest), f"{way} {gone}"
    if way == "drop finding":
        guard = book.safeguards[finding.safeguard]
        inner = {k: v for k, v in guard.findings.items() if k != finding.name}
        books = {**book.safeguards, guard.name: replace(guard, findings=inner)}
        return replace(book, safeguards=books), f"{way} {finding.key}"
    if way == "detach":
        step = draw.choice(gated)
        gone = draw.choice(step.safeguards)
        rest = tuple(s for s in step.safeguards if s != gone)
        steps = {**book.transitions, step.name: replace(step, safeguards=rest)}
        return replace(book, transitions=steps), f"{way} {gone} from {step.name}"
    if way == "flip hard":
        finding = draw.choice([f for f in findings if f.hard])
        return with_finding(hard=False), f"{way} {finding.key}"
    if way == "at movement":
        finding = draw.choice([f for f in findings if not f.at])
        return with_finding(at="movement"), f"{way} {finding.key}"
    if way == "or":
        other = draw.choice(
            ["right_to_leave OR NOT right_to_leave", "identity_resolved",
             "any_true(interviews, confirmed OR NOT confirmed)", "place <> 'deceased'"]
        )  # fmt: skip
        text = f"({finding.condition}) OR {other}"
        return with_finding(condition=text), f"{way} {finding.key}: {other}"
    if way == "replace fact":
        booleans = [
            fact
            for kind in book.kinds.values()
            for fact in kind.facts.values()
            if fact.type == "boolean" and re.search(rf"\b{fact.name}\b", finding.condition)
        ]
        if not booleans:
            return with_finding(hard=False) if finding.hard else replace(
                book, movement_always=()
            ), way
        fact = draw.choice(booleans)
        # A name may stand in several kinds; the other one must exist wherever it does, or the
        # condition would be no condition and be refused for that alone.
        homes = [kind for kind in book.kinds.values() if fact.name in kind.facts]
        same = [
            other.name
            for other in book.kinds[fact.kind].facts.values()
            if other.type == "boolean"
            and other.name not in finding.condition
            and all(other.name in kind.facts for kind in homes)
        ]
        other = draw.choice(same) if same else None
        if other is None:
            return replace(book, movement_always=()), way
        text = re.sub(rf"\b{fact.name}\b", other, finding.condition)
        return with_finding(condition=text), f"{way} {finding.key}: {fact.name} by {other}"
    if way == "loosen":
        setting = draw.choice(list(book.settings))
        direction, limit = FLOORS[name].bounds[setting]
        worse = (
            limit + draw.randint(1, 900)
            if direction == "at_most"
            else draw.randint(0, limit - 1)
        )
        return replace(book, settings={**book.settings, setting: worse}), f"{way} {setting}"
    if way == "shorten path":
        step = draw.choice([t for t in book.transitions.values() if t.path])
        rest = tuple(s for s in step.path if s != draw.choice(step.path))
        steps = {**book.transitions, step.name: replace(step, path=rest[:-1])}
        return replace(book, transitions=steps), f"{way} {step.name}"
    if way == "record":
        step = draw.choice(gated)
        move = draw.choice([m for m in step.moves.values() if not m.records])
        moves = {**step.moves, move.name: replace(move, records=True)}
        steps = {**book.transitions, step.name: replace(step, moves=moves)}
        return replace(book, transitions=steps), f"{way} {move.key}"
    gone = draw.choice(book.movement_always)
    rest = tuple(s for s in book.movement_always if s != gone)
    return replace(book, movement_always=rest), f"{way} {gone}"


def caught(name: str, seed: int) -> None:
    mutant, what = weakened(name, random.Random(seed))
    assert compare(mutant, FLOORS[name]), what


@given(name=st.sampled_from(sorted(BOOKS)), seed=st.integers(0, 10**9))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_rulebook_weakened_at_random_is_always_caught(name, seed):
    caught(name, seed)


@pytest.mark.slow
@given(name=st.sampled_from(sorted(BOOKS)), seed=st.integers(0, 10**9))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_many_rulebooks_weakened_at_random_are_all_caught(name, seed):
    caught(name, seed)


# -- the proof by form ----------------------------------------------------------------------------
def shape(text: str):
    return form(parse_condition(text, kind="person", rulebook=CAMP).node, CAMP)


@pytest.mark.parametrize(
    ("new", "least", "shown"),
    [
        ("fear_asked", "fear_asked", True),
        ("right_to_leave AND fear_asked", "fear_asked", True),
        ("fear_asked OR right_to_leave", "fear_asked", False),
        ("fear_asked", "fear_asked OR right_to_leave", True),
        ("group = 'main_group'", "group IN ('main_group', 'recognised_group')", True),
        ("group IN ('main_group', 'recognised_group')", "group = 'main_group'", False),
        (
            "date_diff('day', arrived_on, :on) <= 10",
            "date_diff('day', arrived_on, :on) <= 20",
            True,
        ),
        (
            "date_diff('day', arrived_on, :on) <= 30",
            "date_diff('day', arrived_on, :on) <= 20",
            False,
        ),
        (
            "date_diff('day', arrived_on, :on) >= 30",
            "date_diff('day', arrived_on, :on) >= 20",
            True,
        ),
        (
            "date_diff('day', arrived_on, :on) < 20",
            "date_diff('day', arrived_on, :on) <= 20",
            True,
        ),
        (
            "20 >= date_diff('day', arrived_on, :on)",
            "date_diff('day', arrived_on, :on) <= 20",
            True,
        ),
        (":destination <> country_of_origin", "country_of_origin <> :destination", True),
        ("NOT NOT fear_asked", "fear_asked", True),
        ("any_true(consents, informed AND in_private)", "any_true(consents, informed)", True),
        ("all_true(claims, lodged)", "any_true(claims, lodged)", False),
        ("NOT (fear_asked AND right_to_leave)", "NOT fear_asked", False),
        ("non_refoulement_passed", "non_refoulement_passed AND fear_asked", False),
    ],
)
def test_at_least_as_strict_is_shown_by_form_alone(new, least, shown):
    assert as_strict(shape(new), shape(least)) is shown


@given(seed=st.integers(0, 10**9))
@settings(max_examples=150, deadline=None)
def test_what_is_shown_stricter_never_opens_where_the_floor_blocks(seed):
    """The proof by form is sound: checked on random conditions over random worlds."""
    from datetime import date

    from onward.rulebook.worlds import random_rows

    draw = random.Random(seed)
    atoms = ["fear_asked", "right_to_leave", "NOT fear_asked", "group = 'main_group'",
             "group IN ('main_group', 'recognised_group')", "any_true(consents, informed)",
             "any_true(consents, informed AND in_private)", "all_true(claims, lodged)",
             "all_true(claims, lodged OR finally_rejected)",
             "date_diff('day', arrived_on, :on) <= 3", "date_diff('day', arrived_on, :on) <= 90"]  # fmt: skip

    def condition(depth: int) -> str:
        if depth == 0 or draw.random() < 0.3:
            return draw.choice(atoms)
        word = draw.choice((" AND ", " OR "))
        return "(" + word.join(condition(depth - 1) for _ in range(2)) + ")"

    new, least = condition(2), condition(2)
    if not as_strict(shape(new), shape(least)):
        return
    interpreter = Interpreter(CAMP)
    parsed = [parse_condition(t, kind="person", rulebook=CAMP) for t in (new, least)]
    for _ in range(20):
        rows = random_rows(CAMP, draw)
        truths = [
            interpreter.holds(p, rows, rows["person"][0], on=date(2026, 6, 1),
                              destination="home", pathway="return")
            for p in parsed
        ]  # fmt: skip
        assert not (truths[0] is True and truths[1] is not True), (new, least)


@pytest.mark.parametrize(
    ("text", "constant"),
    [
        ("fear_asked", False),
        ("fear_asked OR NOT fear_asked", False),  # unknown where nobody asked, so it can fail
        ("all_true(complaints, triaged)", False),
        ("identity_resolved AND NOT open_duplicate", False),
    ],
)
def test_a_condition_that_can_fail_is_not_called_constant(text, constant):
    parsed = parse_condition(text, kind="person", rulebook=CAMP)
    assert always_true(parsed, Interpreter(CAMP)) is constant
