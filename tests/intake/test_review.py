"""Decisions about possible doubles hold, can be changed, and never contradict each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onward.errors import Faults
from onward.intake.match import Suggestion
from onward.intake.review import Decision, refuse_if_mostly_known, review


def may_be(a, b, probability=0.9):
    return Suggestion(a, b, probability, 3.0, ())


def decided(a, b, choice, by="Amina"):
    return Decision(a, b, choice, by, "seen side by side")


def test_every_likely_double_is_a_question_until_someone_answers():
    found = [may_be("a", "b"), may_be("c", "d"), may_be("e", "f", 0.2)]
    assert [s.first for s in review(found, []).questions] == ["a", "c"]
    after = review(found, [decided("b", "a", "merge"), decided("c", "d", "apart")])
    assert after.questions == ()
    assert after.same == {"a": "a", "b": "a"}
    assert after.apart == {frozenset("cd")}


def test_what_the_field_must_find_out_stays_an_open_duplicate():
    after = review([may_be("a", "b")], [decided("a", "b", "ask")])
    assert after.questions == ()
    assert after.open == {"a", "b"}


def test_a_later_decision_about_the_same_pair_undoes_the_earlier_one():
    after = review([], [decided("a", "b", "merge"), decided("b", "a", "apart", by="Chantal")])
    assert after.same == {}
    assert after.apart == {frozenset("ab")}


def test_what_follows_from_decisions_is_not_asked_again():
    merges = [decided("a", "b", "merge"), decided("b", "c", "merge")]
    assert review([may_be("a", "c")], merges).questions == ()
    apart = [decided("a", "b", "merge"), decided("a", "d", "apart")]
    assert review([may_be("b", "d")], apart).questions == ()


def test_keeping_two_apart_who_are_one_through_others_is_refused():
    with pytest.raises(Faults, match="other decisions make them one person"):
        review(
            [],
            [
                decided("a", "b", "merge"),
                decided("b", "c", "merge"),
                decided("a", "c", "apart"),
            ],
        )


def test_a_list_of_people_already_there_is_refused_with_the_reason():
    known = [may_be(f"n{i}", f"k{i}") for i in range(6)]
    with pytest.raises(Faults, match=r"6 of 10 rows look like people already recorded \(60%\)"):
        refuse_if_mostly_known("new.csv", [f"n{i}" for i in range(10)], known)
    refuse_if_mostly_known("new.csv", [f"n{i}" for i in range(20)], known)


keys = st.sampled_from("abcdef")


@given(st.lists(st.tuples(keys, keys).filter(lambda pair: pair[0] != pair[1]), max_size=8))
def test_being_one_person_holds_in_every_direction_and_in_any_order(pairs):
    merges = [decided(a, b, "merge") for a, b in pairs]
    there, back = review([], merges).same, review([], merges[::-1]).same
    assert there == back
    assert all(there[a] == there[b] for a, b in pairs)
    assert all(there[root] == root for root in there.values())
