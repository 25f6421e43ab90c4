"""Finding the same people on two lists: ours beside Splink, with its comparisons and with ours.

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
import subprocess
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.names import latin_form
from onward.intake import match
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
    homes = 0
    while len(made) < originals:
        homes += 1
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
                             "sex": draw.choice(["male", "female"]), "number": number, "home": homes})  # fmt: skip
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
            f"{key[0]}{item['home']}",
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


def splink_ours(rows: list[Person], *, hold: bool = False) -> dict[frozenset[str], float]:
    """Splink as the engine over our name keys, our comparisons and our levels.

    hold  the chances among true pairs are those our learning starts from, and Splink only scores
    Splink cannot express how rare a shared name is across spellings, nor that one document on two
    rows is always a question; everything else is what `onward.intake.match` compares.
    """
    import duckdb
    import pandas as pd
    import splink.comparison_level_library as level
    import splink.comparison_library as cl
    from splink import Linker, SettingsCreator, block_on
    from splink.internals.duckdb.database_api import DuckDBAPI

    rows = sorted(rows, key=lambda person: person.key)
    keys = [match.block_keys(person) for person in rows]
    shared = Counter(key for made in keys for key in made)
    names = list(dict.fromkeys(person.names for person in rows))
    fathers = list(dict.fromkeys(person.father for person in rows))
    name_at = {name: at for at, name in enumerate(names)}
    father_at = {name: at for at, name in enumerate(fathers)}
    frame = pd.DataFrame(
        {
            "unique_id": [p.key for p in rows],
            "keys": [[k for k in made if 1 < shared[k] <= match.BLOCK_LIMIT] for made in keys],
            "name": [name_at[p.names] for p in rows],
            "first": [match.name_mark(p.names[0]) for p in rows],
            "father": pd.array(
                [father_at[p.father] if p.father else None for p in rows], "Int64"
            ),
            "born": [p.birth[0] if p.birth else None for p in rows],
            "born_last": [p.birth[1] if p.birth else None for p in rows],
            "sex": [p.sex or None for p in rows],
            "place": [p.birthplace or None for p in rows],
            "number": [p.documents.get("national_id") for p in rows],
        }
    )

    @cache
    def name_level(a: int, b: int) -> int:
        return match.name_level(names[a], names[b])

    @cache
    def father_level(a: int, b: int) -> int:
        return match.father_level(fathers[a], fathers[b])

    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    for name, function in (("onward_name", name_level), ("onward_father", father_level)):
        connection.create_function(name, function, ["BIGINT", "BIGINT"], "INTEGER")
    exact = "(born_l = born_last_l AND born_r = born_last_r)"
    days = "abs(date_diff('day', born_l, born_r))"
    parts = [f"({part}(born_l) <> {part}(born_r))::INT" for part in ("year", "month", "day")]
    swapped = (
        "(year(born_l) = year(born_r) AND month(born_l) = day(born_r) "
        "AND day(born_l) = month(born_r))"
    )
    levels = {
        "name": [f"onward_name(name_l, name_r) = {n}" for n in range(3)],
        "father": ["onward_father(father_l, father_r) = 0"],
        "birth": [
            f"{exact} AND born_l = born_r",
            "born_l <= born_last_r AND born_r <= born_last_l",
            f"{exact} AND ({swapped} OR {days} <= 3 OR ({' + '.join(parts)} = 1 "
            f"AND (year(born_l) = year(born_r) OR {days} < 3700)))",
            f"CASE WHEN {exact} THEN {days} <= 550 ELSE greatest(date_diff('day', born_last_l, "
            "born_r), date_diff('day', born_last_r, born_l)) <= 400 END",
        ],
        "sex": ["sex_l = sex_r"],
        "birthplace": ["place_l = place_r"],
        "document": ["number_l = number_r"],
    }
    column = {"birth": "born", "birthplace": "place", "document": "number"}
    comparisons = []
    for field, conditions in levels.items():
        made: list[Any] = [
            level.CustomLevel(text, label_for_charts=text[:40]) for text in conditions
        ]
        made.append(level.ElseLevel())
        if hold:
            made = [
                one.configure(m_probability=chance, fix_m_probability=True)
                for one, chance in zip(made, match.START[field], strict=True)
            ]
        null = level.NullLevel(column.get(field, field))
        comparisons.append(cl.CustomComparison([null, *made], output_column_name=field))
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=[block_on("keys", arrays_to_explode=["keys"])],
    )
    linker = Linker(DuckDBAPI(connection).register(frame), settings, log_level=None)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("number"), block_on("first", "father", "born")], recall=0.5
    )
    training.estimate_u_using_random_sampling(max_pairs=3e4, seed=1)
    training.estimate_parameters_using_expectation_maximisation(block_on("born", "sex"))
    training.estimate_parameters_using_expectation_maximisation(block_on("first", "father"))
    found = linker.inference.predict(threshold_match_probability=0.05).as_pandas_dataframe()
    columns = (found["unique_id_l"], found["unique_id_r"], found["match_probability"])
    return {frozenset((a, b)): float(p) for a, b, p in zip(*columns, strict=True)}


def splink_held(rows: list[Person]) -> dict[frozenset[str], float]:
    """The same with our starting chances held."""
    return splink_ours(rows, hold=True)


METHODS = {
    "onward": ours,
    "splink_default": splink,
    "splink_our_keys": splink_ours,
    "splink_our_keys_held": splink_held,
}
AIM_SECONDS, AIM_POINTS = 60, 10
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99)


def make_linker(frame: Any, settings: Any, linker_class: Any) -> Any:
    """Splink 5 wants the table registered with its database first."""
    from splink.internals.duckdb.database_api import DuckDBAPI

    return linker_class(DuckDBAPI().register(frame), settings, log_level=None)


def peak_mb() -> float:
    """This process's own peak; what getrusage says is inherited from whoever started it."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measured(name: str, count: int) -> dict[str, Any]:
    """One method in this process: times and memory are its own."""
    rows, truth = people(count, seed=7)
    begin, worked = time.perf_counter(), time.process_time()
    pairs = METHODS[name](rows)
    seconds, worked = time.perf_counter() - begin, time.process_time() - worked
    return {
        "at_half": judged(pairs, truth, 0.5),
        "at_best_f1": max((judged(pairs, truth, t) for t in THRESHOLDS), key=lambda m: m["f1"]),
        "seconds": seconds,
        "cpu_seconds": worked,
        "peak_mb": peak_mb(),
    }


def run(quick: bool, count: int = 0) -> dict[str, Any]:
    """Every method on the same people, each in a process of its own."""
    count = count or (10_000 if quick else 100_000)
    result: dict[str, Any] = {"rows": count, "true_pairs": len(people(count, seed=7)[1])}

    def apart(name: str, rows: int) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.linkage", "--only", name, "--rows", str(rows)],
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    for name in METHODS:
        result[name] = apart(name, count)
    if not quick:
        result["onward_50000"] = apart("onward", 50_000)
    best = result["splink_default"]["at_best_f1"]["f1"]
    result["f1_difference_points"] = 100 * (result["onward"]["at_half"]["f1"] - best)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=0, help="instead of 100,000")
    parser.add_argument("--only", choices=METHODS, help="one method, as JSON")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measured(options.only, options.rows or 10_000)))
        return
    result = run(options.quick, options.rows)
    if options.json:
        json.dump(result, sys.stdout, indent=2)
        return
    print(f"{result['rows']:,} rows, {result['true_pairs']:,} true pairs")
    for name in METHODS:
        found = result[name]
        for label in ("at_half", "at_best_f1"):
            m = found[label]
            print(
                f"{name:20} {label:11} precision {m['precision']:.3f} "
                f"({m['precision_low']:.3f}-{m['precision_high']:.3f}) recall {m['recall']:.3f} "
                f"({m['recall_low']:.3f}-{m['recall_high']:.3f}) F1 {m['f1']:.3f}"
            )
        print(
            f"{name:20} {found['seconds']:.1f} s ({found['cpu_seconds']:.1f} s of work), "
            f"{found['peak_mb']:.0f} MB"
        )
    if "onward_50000" in result:
        found = result["onward_50000"]
        print(
            f"onward, 50,000 rows: {found['seconds']:.1f} s ({found['cpu_seconds']:.1f} s of work; "
            f"aim {AIM_SECONDS} s)"
        )
    print(
        f"F1, onward at 0.5 less Splink's default at its best: "
        f"{result['f1_difference_points']:.1f} points (aim {AIM_POINTS})"
    )


if __name__ == "__main__":
    main()
