"""Finding the same people on two lists: ours beside Splink with its default comparisons.

Synthetic people with names drawn by their frequency, families that share a father and a place,
and a tenth of them written a second time as lists do it: another script, another spelling, a
birth date with only its year, swapped or mistyped, a lost field. Run:
`python -m benchmarks.linkage [--quick] [--json]`.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.names import latin_form
from onward.intake.match import Person, suggest

GIVEN_PARTS = (
    "mehr",
    "shah",
    "far",
    "gol",
    "naz",
    "beh",
    "kam",
    "del",
    "jan",
    "zad",
    "por",
    "bar",
)
ENDINGS = ("an", "in", "ar", "ad", "iz", "ush", "am", "aneh", "i", "eh")
PLACES = ("Baghdad", "Tehran", "Kirkuk", "Shiraz", "Erbil", "Basra", "Mosul", "Tabriz", "Ahvaz")
TO_ARABIC = (
    ("sh", "ش"), ("kh", "خ"), ("gh", "غ"), ("ch", "چ"), ("zh", "ژ"), ("a", "ا"), ("b", "ب"),
    ("p", "پ"), ("t", "ت"), ("j", "ج"), ("d", "د"), ("r", "ر"), ("z", "ز"), ("s", "س"), ("f", "ف"),
    ("k", "ک"), ("g", "گ"), ("l", "ل"), ("m", "م"), ("n", "ن"), ("v", "و"), ("u", "و"), ("o", ""),
    ("h", "ه"), ("i", "ی"), ("y", "ی"), ("e", ""), ("q", "ق"), ("w", "و"),
)  # fmt: skip


def arabic(word: str) -> str:
    """A made-up word in Arabic letters."""
    made, at = "", 0
    while at < len(word):
        for latin, letter in TO_ARABIC:
            if word.startswith(latin, at):
                made += letter
                at += len(latin)
                break
        else:
            at += 1
    return made


def spellings(draw: random.Random) -> tuple[list[tuple[list[str], list[str]]], ...]:
    """(given names, family names), each as (Latin spellings, Arabic spellings), commonest first."""
    path = Path(__file__).parents[1] / "src" / "onward" / "intake" / "data" / "names.csv"
    given = [
        (row["latin"].split(), row["arabic"].split())
        for row in csv.DictReader(path.read_text("utf-8").splitlines())
    ]
    draw.shuffle(given)
    for first in GIVEN_PARTS:
        for last in ENDINGS:
            word = first + last
            given.append(([word, word.replace("i", "ee").replace("u", "ou")], [arabic(word)]))
    families = []
    stems = list(given[:150])
    for latin, arab in stems:
        families.append(
            ([w + e for w in latin[:3] for e in ("i", "y")], [arab[0] + "ی", arab[0] + "ي"])
        )
        families.append(
            ([w + "zadeh" for w in latin[:3]], [arab[0] + "زاده", arab[0] + " زاده"])
        )
    for first in GIVEN_PARTS:
        for second in GIVEN_PARTS:
            word = first + second + "i"
            families.append(([word, word[:-1] + "y"], [arabic(word)]))
    draw.shuffle(families)
    return given, families


def common(draw: random.Random, items: list[Any]) -> Any:
    """Drawn by rank, as names are: a few very common, many rare."""
    rank = int(len(items) ** draw.random()) - 1
    return items[min(rank + draw.randint(0, 2), len(items) - 1)]


def people(count: int, seed: int) -> tuple[list[Person], set[frozenset[str]]]:
    """`count` rows, a tenth of which are second writings of others; and the true pairs."""
    draw = random.Random(seed)
    given, families = spellings(draw)
    made: list[dict[str, Any]] = []
    originals = int(count * 10 / 11)
    while len(made) < originals:
        family, father = common(draw, families), common(draw, given)
        place = draw.choice(PLACES)
        start = dt.date(1950, 1, 1) + dt.timedelta(days=draw.randint(0, 20000))
        taken: set[str] = set()
        for child in range(draw.choice([1, 1, 2, 3, 4])):
            name = common(draw, given)
            if name[0][0] in taken:
                continue
            taken.add(name[0][0])
            twin = child > 0 and draw.random() < 0.03
            born = (
                made[-1]["born"]
                if twin
                else start + dt.timedelta(days=700 * child + draw.randint(0, 300))
            )
            number = f"{draw.randint(0, 10**8):08d}" if draw.random() < 0.4 else ""
            made.append({"given": name, "father": father, "family": family, "born": born, "place": place,
                             "sex": draw.choice(["male", "female"]), "number": number})  # fmt: skip
    made = made[:originals]
    rows: list[Person] = []
    truth: set[frozenset[str]] = set()

    def write(item: dict[str, Any], key: str, again: bool) -> Person:
        script = draw.randint(0, 1) if again else 0
        pick = (lambda part: draw.choice(part[script])) if again else (lambda part: part[0][0])
        words = [pick(item["given"]), pick(item["family"])]
        father = pick(item["father"])
        if again and draw.random() < 0.15:
            words.insert(1, father)
        if again and draw.random() < 0.05:
            words.insert(0, ["Seyed", "سید"][script])
        if again and draw.random() < 0.05:
            words = [words[-1], *words[:-1]] if len(words) == 2 else words
        name = " ".join(words)
        if again and script == 0 and draw.random() < 0.08:
            at = draw.randrange(1, len(name) - 1)
            name = name[:at] + name[at + 1 :]
        born: dt.date = item["born"]
        birth: tuple[dt.date, dt.date] | None = (born, born)
        luck = draw.random()
        if again and luck < 0.25:
            birth = (dt.date(born.year, 1, 1), dt.date(born.year, 12, 31))
        elif again and luck < 0.33 and born.day <= 12:
            swapped = dt.date(born.year, born.day, born.month)
            birth = (swapped, swapped)
        elif again and luck < 0.40:
            moved = born + dt.timedelta(days=draw.choice([-365, 365, -1, 1, 10, 30]))
            birth = (moved, moved)
        elif again and luck < 0.46:
            birth = None
        number = item["number"] if not again or draw.random() < 0.5 else ""
        return Person(
            key,
            (name,),
            father if not again or draw.random() < 0.7 else "",
            birth,
            item["sex"] if not again or draw.random() < 0.95 else "",
            item["place"] if not again or draw.random() < 0.8 else "",
            {"national_id": number} if number else {},
        )

    for n, item in enumerate(made):
        rows.append(write(item, f"A{n:07d}", False))
    for n in draw.sample(range(originals), count - originals):
        rows.append(write(made[n], f"B{n:07d}", True))
        truth.add(frozenset((f"A{n:07d}", f"B{n:07d}")))
    draw.shuffle(rows)
    return rows, truth


def judged(
    pairs: dict[frozenset[str], float], truth: set[frozenset[str]], least: float
) -> dict[str, float]:
    found = {pair for pair, p in pairs.items() if p >= least}
    right = len(found & truth)
    precision = right / len(found) if found else 0.0
    recall = right / len(truth)
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    low, high = wilson(right, len(truth))
    plow, phigh = wilson(right, len(found)) if found else (0.0, 0.0)
    return {"precision": precision, "recall": recall, "f1": f1, "threshold": least,
            "recall_low": low, "recall_high": high, "precision_low": plow, "precision_high": phigh}  # fmt: skip


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95% interval of a share (Wilson)."""
    z, p = 1.96, hits / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z * ((p * (1 - p) / count + z * z / (4 * count**2)) ** 0.5) / (1 + z * z / count)
    return middle - half, middle + half


def ours(rows: list[Person]) -> dict[frozenset[str], float]:
    return {
        frozenset((s.first, s.second)): s.probability for s in suggest(rows, seed=1, least=0.05)
    }


def splink(rows: list[Person]) -> dict[frozenset[str], float]:
    """Splink as its guide starts: default comparisons of names, date of birth and numbers.

    It gets every name in plain Latin letters, or no two scripts would ever meet.
    """
    import pandas as pd
    import splink.comparison_library as cl
    from splink import Linker, SettingsCreator, block_on

    def parts(person: Person) -> dict[str, Any]:
        words = latin_form(person.names[0]).split()
        exact = person.birth and person.birth[0] == person.birth[1]
        return {
            "unique_id": person.key,
            "first_name": words[0],
            "surname": words[-1],
            "father": latin_form(person.father) or None,
            "dob": person.birth[0].isoformat() if exact and person.birth else None,
            "year": str(person.birth[0].year) if person.birth else None,
            "sex": person.sex or None,
            "place": person.birthplace or None,
            "number": person.documents.get("national_id"),
        }

    frame = pd.DataFrame([parts(person) for person in rows])
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.NameComparison("first_name"),
            cl.NameComparison("surname"),
            cl.NameComparison("father"),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.ExactMatch("sex"),
            cl.ExactMatch("place"),
            cl.ExactMatch("number"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("first_name", "surname"),
            block_on("dob"),
            block_on("number"),
            block_on("surname", "year"),
            block_on("first_name", "year"),
            block_on("father", "place", "year"),
        ],
    )
    linker = make_linker(frame, settings, Linker)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("number"), block_on("first_name", "surname", "dob")], recall=0.6
    )
    training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    training.estimate_parameters_using_expectation_maximisation(block_on("dob"))
    training.estimate_parameters_using_expectation_maximisation(
        block_on("first_name", "surname")
    )
    predicted = linker.inference.predict(threshold_match_probability=0.05).as_pandas_dataframe()
    return {
        frozenset((a, b)): float(p)
        for a, b, p in zip(
            predicted["unique_id_l"], predicted["unique_id_r"], predicted["match_probability"], strict=True
        )
    }  # fmt: skip


def make_linker(frame: Any, settings: Any, linker_class: Any) -> Any:
    """Splink 5 wants the table registered with its database first."""
    from splink.internals.duckdb.database_api import DuckDBAPI

    return linker_class(DuckDBAPI().register(frame), settings, log_level=None)


def run(quick: bool) -> dict[str, Any]:
    count = 10_000 if quick else 100_000
    rows, truth = people(count, seed=7)
    result: dict[str, Any] = {"rows": count, "true_pairs": len(truth)}
    for name, method in (("onward", ours), ("splink_default", splink)):
        begin = time.perf_counter()
        pairs = method(rows)
        seconds = time.perf_counter() - begin
        found = max(
            (judged(pairs, truth, least) for least in (0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99)),
            key=lambda m: m["f1"],
        )
        result[name] = {
            "at_half": judged(pairs, truth, 0.5),
            "at_best_f1": found,
            "seconds": seconds,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    result["f1_difference_points"] = 100 * (
        result["onward"]["at_half"]["f1"] - result["splink_default"]["at_best_f1"]["f1"]
    )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = run(options.quick)
    if options.json:
        json.dump(result, sys.stdout, indent=2)
        return
    print(f"{result['rows']:,} rows, {result['true_pairs']:,} true pairs")
    for name in ("onward", "splink_default"):
        found = result[name]
        for label in ("at_half", "at_best_f1"):
            m = found[label]
            print(
                f"{name:15} {label:11} precision {m['precision']:.3f} recall {m['recall']:.3f} "
                f"({m['recall_low']:.3f}-{m['recall_high']:.3f}) F1 {m['f1']:.3f}"
            )
        print(f"{name:15} {found['seconds']:.1f} s, peak so far {found['peak_mb']:.0f} MB")
    print(
        f"F1, onward at 0.5 less Splink at its best: {result['f1_difference_points']:.1f} points"
    )


if __name__ == "__main__":
    main()
