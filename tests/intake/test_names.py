"""Names of one person meet under every spelling; relatives and look-alikes stay apart."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onward.intake.names import NAME_AGREES, compare_names, known_name, name_keys, name_words

PAIRS = Path(__file__).parents[2] / "benchmarks" / "data" / "names.csv"


def meet(a, b):
    return bool(name_keys(a).keys & name_keys(b).keys) and compare_names(a, b).agrees


@pytest.mark.parametrize(
    "spellings",
    [
        "Mohammad Mohammed Muhammad Mohamed Mohd Md Mehmed Mihemed محمد محەمەد",
        "Hossein Hussein Husayn Hosein Husên حسین حسين حوسێن",
        "Gholam Qolam Ghulam غلام",
        "Abdollah Abdullah عبدالله",
    ],
)
def test_the_spellings_that_every_list_has_are_one_name(spellings):
    first, *others = [word + " Karimi" for word in spellings.split()]
    assert all(meet(first, other) for other in others)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Alireza Moradi", "Ali Reza Moradi"),
        ("Alireza Moradi", "Ali-Reza Mouradi"),
        ("علیرضا مرادی", "علی رضا مرادی"),
        ("علی‌رضا مرادی", "Alireza Moradi"),
        ("Abdul Rahman Qasim", "عبدالرحمن قاسم"),
        ("Abd al-Rahman Ghasem", "عبد الرحمن قاسم"),
        ("Abdurrahman Qasim", "Abdolrahman Ghasem"),
        ("Nur al-Din Saleh", "نورالدین صالح"),
        ("Ali al-Obaidi", "علي العبيدي"),
        ("Ali Alobaidi", "Ali Obaidi"),
        ("Abu Bakr Hassan", "أبو بكر حسن"),
        ("Hassan ibn Ali Karimi", "Hassan Ali Karimi"),
    ],
)
def test_compound_names_articles_and_chains_are_joined(a, b):
    assert meet(a, b)


@pytest.mark.parametrize("title", ["Seyed", "Sayyid", "Haji", "Sheikh", "سید", "الحاج", "Mir"])
def test_titles_are_left_out(title):
    name = "علی موسوی" if "\u0600" < title < "\u06ff" else "Ali Mousavi"
    assert meet(f"{title} {name}", "Ali Mousavi")


def test_a_name_that_is_only_a_title_is_still_a_name():
    assert name_words("Mirza") == ("mirza",)
    assert meet("Mirza", "میرزا")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Hassanzadeh", "حسن‌زاده"),
        ("Hosseinpour", "Hussein-poor"),
        ("Karimian", "Kareemyan"),
        ("Ahmadi-nejad", "احمدی نژاد"),
        ("Soleimannia", "سلیمان نیا"),
    ],
)
def test_endings_of_family_names_are_one_however_written(a, b):
    assert meet("Sara " + a, "Sara " + b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Hassan", "Hossein"),
        ("حسن", "حسین"),
        ("Hamid", "Hamed"),
        ("حمید", "حامد"),
        ("Nasser", "Nasir"),
        ("Mahmoud", "Mohammad"),
        ("Jamal", "Jamil"),
        ("Zahra", "Zohreh"),
        ("Ali", "Ala"),
        ("Taher", "Tahereh"),
        ("Hamid", "حامد"),
    ],
)
def test_names_that_only_look_alike_stay_apart(a, b):
    assert not meet(a + " Karimi", b + " Karimi")
    assert not meet("Sara " + a + "i", "Sara " + b + "ian")


def test_brothers_and_fathers_stay_apart_and_a_shorter_chain_does_not():
    assert not meet("Ali Hassan Karimi", "Omar Hassan Karimi")
    assert not meet("Ali Hassan Karimi", "Hassan Karimi")
    assert meet("Ali Hassan Karimi", "Ali Karimi")
    assert meet("Ali Hassan", "علي حسن كريم العبيدي")


def test_the_family_name_may_come_first_when_nothing_is_missing():
    found = compare_names("Karimi Zahra", "زهرا کریمی")
    assert found.agrees
    assert found.note == "other order"


def test_a_comparison_says_which_words_met_and_how_well():
    found = compare_names("Zahra Hassan Karimi", "Zehra Kerîmî")
    assert [(pair.first, pair.second) for pair in found.pairs] == [
        ("zahra", "zehra"),
        ("hassan", ""),
        ("karimi", "kerimi"),
    ]


def test_known_names_carry_their_endings():
    assert known_name("karimi") == known_name("کریمی") != known_name("کریمیان")
    assert known_name("علیرضا") == known_name("alireza")


@given(st.text(max_size=40), st.text(max_size=40))
def test_comparing_is_even_handed_and_never_breaks(a, b):
    there, back = compare_names(a, b), compare_names(b, a)
    assert there.score == pytest.approx(back.score, abs=1e-6)
    assert 0 <= there.score <= 1
    assert isinstance(name_keys(a).keys, frozenset)


letters = st.text("ابتحدرزسشعفقکلمنهویabdefghijklmnoprstuyz", min_size=1, max_size=9)


@given(st.lists(letters, min_size=1, max_size=4))
def test_every_name_meets_itself(words):
    name = " ".join(words)
    if name_words(name):
        assert compare_names(name, name).score == 1
        assert name_keys(name).keys


def test_the_development_pairs_are_told_apart_as_well_as_is_promised():
    rows = list(csv.DictReader(PAIRS.read_text("utf-8").splitlines()))
    found = {"1": [0, 0], "0": [0, 0]}
    for row in rows:
        if row["half"] == "development":
            found[row["same"]][meet(row["first"], row["second"])] += 1
    joined = found["1"][1] + found["0"][1]
    assert found["1"][1] / joined >= 0.98
    assert found["1"][1] / sum(found["1"]) >= 0.97


def test_names_agree_from_one_threshold_on():
    assert compare_names("Ali Karimi", "Ali Karimi").score >= NAME_AGREES
