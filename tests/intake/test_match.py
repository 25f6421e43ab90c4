"""Who may be one person: the same people are found, relatives stay apart, people decide."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.intake.dates import PartialDate
from onward.intake.households import build_households, check_households
from onward.intake.match import Person, Suggestion, groups, suggest
from onward.intake.stage import Identity, Name, StagedRow

DAY = dt.date(1979, 2, 11)
FATHERS = ("Hassan", "Karim", "Yusuf", "Rostam", "Bahram", "Jamil")
GIVEN = (
    "Ali",
    "Zahra",
    "Dariush",
    "Shirin",
    "Nader",
    "Leila",
    "Farhad",
    "Soraya",
    "Kaveh",
    "Mina",
)
FAMILIES = ("Moradi", "Zandi", "Barzinji", "Sharifi", "Vaziri", "Hakimi", "Rostami", "Naderi")


def person(key, name, born=DAY, father="", sex="", **more):
    birth = born if isinstance(born, tuple) or born is None else (born, born)
    return Person(key, (name,), father, birth, sex, **more)


def town(count=300, seed=3):
    """Strangers, so that agreement has something to be rare among."""
    draw = random.Random(seed)
    return [
        person(
            f"t{n}",
            f"{draw.choice(GIVEN)}{draw.choice(['', 'nia', 'pour'])} {draw.choice(FAMILIES)}{n % 7}",
            dt.date(1950, 1, 1) + dt.timedelta(days=draw.randint(0, 20000)),
            draw.choice(FATHERS),
            draw.choice(["male", "female"]),
        )
        for n in range(count)
    ]


def chance(*two, among=None):
    found = suggest([*(town() if among is None else among), *two], seed=1, least=0.0)
    keys = {p.key for p in two}
    return max((s.probability for s in found if {s.first, s.second} == keys), default=0.0)


def test_the_same_woman_in_two_scripts_is_a_question_with_its_reasons():
    a = person("a", "Zahra Karimi", father="Hassan", sex="female")
    b = person("b", "زهراء كريمي", father="حسن", sex="female")
    (found,) = [
        s for s in suggest([*town(), a, b], seed=1) if {s.first, s.second} == {"a", "b"}
    ]
    assert found.probability > 0.95
    verdicts = {part.field: part for part in found.parts}
    assert verdicts["birth"].verdict == "same birth date"
    assert verdicts["birth"].weight > 5
    assert "sure; " in found.sentence()
    assert "Karimi" not in found.sentence()


def test_a_household_that_agrees_supports_and_one_that_differs_does_not_decide():
    year = (dt.date(1979, 1, 1), dt.date(1979, 12, 31))

    def family(list_name, others):
        rows = [person(f"{list_name}0", "Leila Hakimi", year, "Karim", household=list_name)]
        return rows + [
            person(f"{list_name}{n}", name, born, "Karim", household=list_name)
            for n, (name, born) in enumerate(others, 1)
        ]

    born = dt.date(1990, 4, 5)
    one = family("H", [("Kaveh Hakimi", born), ("Mina Hakimi", dt.date(1992, 1, 9))])
    same = family("K", [("کاوه حکیمی", born), ("Mina Hakimi", dt.date(1992, 1, 9))])
    other = family("K", [("Rostam Hakimi", dt.date(1961, 8, 8)), ("Nader Hakimi", born)])

    def first_pair(two):
        found = suggest([*town(), *one, *two], seed=1, least=0.0)
        return next(s for s in found if {s.first, s.second} == {"H0", "K0"})

    agreeing, differing = first_pair(same), first_pair(other)
    assert agreeing.weight > differing.weight
    assert "others of the household alike too" in agreeing.sentence()
    assert "nobody else of the household alike" in differing.sentence()
    # brothers stay apart although their households agree
    found = suggest([*town(), *one, *same], seed=1, least=0.5)
    assert {frozenset((s.first, s.second)) for s in found} >= {
        frozenset((f"H{n}", f"K{n}")) for n in range(3)
    }
    assert all(s.first[1] == s.second[1] for s in found if s.first[0] in "HK")


def test_a_list_of_a_few_people_finds_its_double_and_keeps_strangers_apart():
    few = [
        person("p0", "Zarifeh Nowruzian", dt.date(1984, 5, 3)),
        person("p1", "Zarifa Noruzian", dt.date(1984, 5, 3)),
        person("p2", "Behrouz Sharifi", dt.date(1984, 5, 3)),
        person("p3", "Shirin Hakimi", dt.date(1971, 11, 30)),
        person("p4", "Zarifeh Hakimi", dt.date(1990, 1, 2)),
    ]
    found = suggest(few, seed=1, least=0.5)
    assert [{s.first, s.second} for s in found] == [{"p0", "p1"}]


def test_a_year_only_birth_supports_less_than_a_day():
    a = person("a", "Nader Hakimian", father="Yusuf")
    day = chance(a, person("b", "Nadir Hakimian", father="Yusuf"))
    year = chance(
        a,
        person("b", "Nadir Hakimian", (dt.date(1979, 1, 1), dt.date(1979, 12, 31)), "Yusuf"),
    )
    assert day > year > 0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # twins: the same father, birth and sex
        (("Hassan Moradi", DAY, "Karim", "male"), ("Hossein Moradi", DAY, "Karim", "male")),
        # sisters
        (
            ("Zahra Moradi", DAY, "Karim", "female"),
            ("Zohreh Moradi", dt.date(1981, 5, 1), "Karim", "female"),
        ),
        # namesakes a generation apart
        (
            ("Ali Moradi", DAY, "Karim", "male"),
            ("Ali Moradi", dt.date(2001, 7, 9), "Nader", "male"),
        ),
        # cousins of one name, born in the same year
        (
            ("Ali Moradi", DAY, "Karim", "male"),
            ("Ali Moradi", dt.date(1979, 9, 30), "Yusuf", "male"),
        ),
    ],
)
def test_twins_sisters_and_namesakes_stay_apart(a, b):
    assert chance(person("a", *a), person("b", *b)) < 0.5


def test_the_same_document_outweighs_another_spelling_and_a_lost_birth():
    a = person("a", "Kaveh Mirzadeh", documents={"passport": "P12345"})
    b = person("b", "Kawa Mirza", None, documents={"passport": "P12345"})
    assert chance(a, b) > 0.5


def test_two_numbers_of_the_same_document_speak_against():
    a = person("a", "Farhad Zandi", father="Bahram", documents={"passport": "P1"})
    same = person("b", "Ferhad Zandi", father="Bahram")
    other = person("b", "Ferhad Zandi", father="Bahram", documents={"passport": "P2"})
    assert chance(a, other) < chance(a, same)


def test_who_was_kept_apart_is_not_asked_about_again():
    a, b = person("a", "Mina Vaziri"), person("b", "مینا وزیری")
    everyone = [*town(), a, b]
    pair = frozenset(("a", "b"))
    assert any({s.first, s.second} == pair for s in suggest(everyone, seed=1))
    assert not any({s.first, s.second} == pair for s in suggest(everyone, seed=1, apart={pair}))


def test_two_people_already_in_the_record_are_not_compared():
    a = person("a", "Mina Vaziri", known=True)
    b = person("b", "Mina Vaziri", known=True)
    assert chance(a, b) == 0


def test_the_order_of_the_list_changes_nothing():
    everyone = [*town(80), person("a", "Mina Vaziri"), person("b", "مینا وزیری")]
    shuffled = list(everyone)
    random.Random(5).shuffle(shuffled)
    assert suggest(everyone, seed=1) == suggest(shuffled, seed=1)


def test_one_person_on_four_lists_is_one_group():
    made = [
        Suggestion("a", "b", 0.9, 3, ()),
        Suggestion("b", "c", 0.8, 2, ()),
        Suggestion("d", "e", 0.2, -2, ()),
    ]
    assert groups(made) == [("a", "b", "c")]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(GIVEN), st.sampled_from(FAMILIES), st.sampled_from(FATHERS)),
        max_size=12,
    )
)
def test_suggestions_are_about_two_different_people_of_the_list(rows):
    people = [person(str(n), f"{g} {f}", DAY, father) for n, (g, f, father) in enumerate(rows)]
    found = suggest(people, seed=1, least=0.0)
    keys = {p.key for p in people}
    assert all(s.first != s.second and {s.first, s.second} <= keys for s in found)
    assert all(0 <= s.probability <= 1 for s in found)
    assert len({(s.first, s.second) for s in found}) == len(found)


# ---------------------------------------------------------------- households


def row(number, role, born, name="", household="h"):
    day = dt.date.fromisoformat(born)
    names = (Name("full", name or f"Person{number} Karimi", "Latn"),)
    return StagedRow(
        number,
        f"k{number}",
        "c",
        {"birth": PartialDate(day, day, "day")},
        Identity(names),
        household,
        {},
        role,
    )


ON = dt.date(2026, 1, 31)


def kinds(*rows, suggestions=()):
    return [f.kind for f in check_households(rows, on=ON, suggestions=suggestions)]


def test_a_household_that_fits_together_raises_nothing():
    family = [
        row(2, "head", "1980-01-01"),
        row(3, "spouse", "1985-01-01"),
        row(4, "child", "2010-05-01"),
    ]
    assert kinds(*family) == []
    (household,) = build_households(family)
    assert (household.head, len(household.members)) == ("k2", 3)


def test_two_heads_no_head_and_children_alone_are_found():
    assert kinds(row(2, "head", "1980-01-01"), row(3, "head", "1982-01-01")) == ["two_heads"]
    assert kinds(row(2, "spouse", "1980-01-01")) == ["no_head"]
    assert kinds(row(2, "head", "2012-01-01"), row(3, "sibling", "2015-01-01")) == [
        "child_alone"
    ]


def test_a_child_older_than_the_parent_cannot_be():
    (found,) = check_households(
        [row(2, "head", "1990-01-01"), row(3, "child", "1985-01-01")], on=ON
    )
    assert (found.kind, found.impossible, found.rows) == (
        "child_older_than_parent",
        True,
        (2, 3),
    )
    assert kinds(row(2, "head", "1990-01-01"), row(3, "child", "1998-01-01")) == [
        "parent_too_young"
    ]
    assert kinds(row(2, "head", "1990-01-01"), row(3, "parent", "1995-01-01")) == [
        "child_older_than_parent"
    ]


def test_one_person_in_two_households_is_found_through_matching():
    rows = [row(2, "head", "1980-01-01"), row(9, "head", "1980-01-01", household="g")]
    link = Suggestion("k2", "k9", 0.9, 3, ())
    assert kinds(*rows, suggestions=[link]) == ["in_two_households"]


def test_a_member_written_twice_is_found():
    rows = [
        row(2, "head", "1980-01-01", "Zahra Karimi"),
        row(3, "sibling", "1980-01-01", "زهرا کریمی"),
    ]
    assert kinds(*rows) == ["same_person_twice"]


def test_a_town_full_of_namesakes_is_not_taken_for_doubles():
    draw = random.Random(11)
    everyone = [
        person(
            f"n{n}",
            f"{draw.choice(GIVEN[:5])} {draw.choice(FAMILIES[:4])}",
            dt.date(1950, 1, 1) + dt.timedelta(days=draw.randint(0, 20000)),
            draw.choice(FATHERS),
            draw.choice(["male", "female"]),
        )
        for n in range(500)
    ]
    assert len(suggest(everyone, seed=1, least=0.5)) <= 5
