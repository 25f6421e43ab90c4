"""Who travels together: adults by their choice, children with their household."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onward.caseload import movement_units


def family(log, *members, household="H1"):
    """(name, birth, pathway, destination) each, registered in one household."""
    for name, birth, pathway, destination in members:
        log.register(
            name,
            household=household,
            birth=birth,
            intended_pathway=pathway,
            intended_destination=destination,
        )


def units(log, day="2025-06-01"):
    caseload = log.fold(day)
    who = {}
    for row in caseload.people.to_pylist():
        if row["unit"]:
            who.setdefault(row["unit"], []).append(row["id"])
    table = {row["unit"]: row for row in movement_units(caseload).to_pylist()}
    assert {u: row["people"] for u, row in table.items()} == {u: len(p) for u, p in who.items()}
    return {
        tuple(who[u]): (row["pathway"], row["destination"], row["diverged"])
        for u, row in table.items()
    }


def test_a_household_of_one_mind_is_one_unit_with_its_children(log):
    family(log, ("P1", "1980", "return", "HOM"), ("P2", "1982", "return", "HOM"),
           ("P3", "2015", None, None))  # fmt: skip
    assert units(log) == {("P1", "P2", "P3"): ("return", "HOM", False)}


def test_adults_who_choose_differently_are_units_of_their_own_and_marked(log):
    family(log, ("P1", "1980", "return", "HOM"), ("P2", "1982", "resettlement", "MER"))
    assert units(log) == {
        ("P1",): ("return", "HOM", True),
        ("P2",): ("resettlement", "MER", True),
    }


def test_nobody_who_is_undecided_is_put_with_somebody_who_has_decided(log):
    family(log, ("P1", "1980", "return", "HOM"), ("P2", "1982", None, None))
    assert units(log) == {("P1",): ("return", "HOM", True), ("P2",): (None, None, True)}


def test_a_household_that_has_not_chosen_yet_is_one_unit_without_a_choice(log):
    family(
        log, ("P1", "1980", None, None), ("P2", "1982", None, None), ("P3", "2015", None, None)
    )
    assert units(log) == {("P1", "P2", "P3"): (None, None, False)}


def test_a_child_of_parents_who_differ_goes_where_the_childs_own_choice_is_recorded(log):
    family(log, ("P1", "1980", "return", "HOM"), ("P2", "1982", "resettlement", "MER"),
           ("P3", "2015", "resettlement", "MER"), ("P4", "2016", None, None))  # fmt: skip
    assert units(log) == {
        ("P1",): ("return", "HOM", True),
        ("P2", "P3"): ("resettlement", "MER", True),
        ("P4",): (None, None, True),
    }


def test_a_child_whose_recorded_choice_differs_stays_with_the_household_and_marks_it(log):
    family(log, ("P1", "1980", "return", "HOM"), ("P3", "2015", "resettlement", "MER"))
    assert units(log) == {("P1", "P3"): ("return", "HOM", True)}


def test_somebody_whose_age_is_not_known_is_protected_as_a_child(log):
    family(log, ("P1", "1980", "return", "HOM"), ("P2", None, None, None))
    assert units(log) == {("P1", "P2"): ("return", "HOM", False)}


def test_where_no_adult_is_present_everybodys_own_choice_counts(log):
    family(log, ("P1", "2012", "return", "HOM"), ("P2", "2013", "resettlement", "MER"))
    assert set(units(log)) == {("P1",), ("P2",)}


def test_whoever_has_left_is_in_no_unit(log):
    family(log, ("P1", "1980", "return", "HOM"), ("P2", "1982", "return", "HOM"))
    log.move("P2", "T22.deceased", "2025-05-01")
    assert units(log) == {("P1",): ("return", "HOM", False)}


def test_people_of_no_known_household_are_alone(log):
    log.register("P1", birth="1980")
    log.register("P2", birth="1980")
    caseload = log.fold("2025-06-01")
    assert caseload.units["unit"].to_pylist() == ["person/P1", "person/P2"]
    assert caseload.units["household"].to_pylist() == [None, None]


members = st.lists(
    st.tuples(
        st.sampled_from(["1980", "2015", None]),
        st.sampled_from(["return", "resettlement", None]),
        st.sampled_from(["HOM", "MER", None]),
        st.sampled_from(["H1", "H2", None]),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(members)
def test_everybody_here_is_in_exactly_one_unit_of_their_own_household(make_log, people):
    log = make_log()
    for number, (birth, pathway, destination, household) in enumerate(people):
        log.register(f"P{number}", household=household, birth=birth, intended_pathway=pathway,
                     intended_destination=destination)  # fmt: skip
    caseload = log.fold("2025-06-01")
    table = {row["unit"]: row for row in caseload.units.to_pylist()}
    for row in caseload.people.to_pylist():
        unit = table[row["unit"]]
        assert unit["household"] == row["household"]
        if row["adult"]:
            assert (unit["pathway"], unit["destination"]) == (
                row["intended_pathway"], row["intended_destination"],
            )  # fmt: skip
    assert sum(row["people"] for row in table.values()) == len(people)
