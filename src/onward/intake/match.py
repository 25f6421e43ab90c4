"""Finds rows that may be one person, says why, and leaves the decision to people.

Why: nobody may be doubled and nobody wrongly merged. In: people as plain data (names, father's
name, birth interval, sex, birthplace, documents), from a batch and from the record, and what was
decided before. Out: suggestions, each with a probability and the weight of every comparison.
The weights are learnt from the data at hand without labels; twins, siblings and namesakes are
weighed down by what differs, never hidden.

source  Fellegi and Sunter, "A Theory for Record Linkage" (1969); weights by expectation and
        maximisation as in Winkler (1988) and in Splink; chances of agreeing by accident from
        random pairs of the same data
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onward.intake.dates import PartialDate
from onward.intake.names import NAME_AGREES, compare_names, known_name, name_keys, name_words
from onward.intake.stage import Identity, StagedRow
from onward.said import Listed, Said, Share, form

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Person:
    """What is compared of one person. Identity: never goes into a log or an event.

    key         the row's or the record's key
    names       whole names, in any scripts; the best of them counts
    father      father's name, "" when unknown
    birth       first and last day the birth can be, or None
    sex, birthplace   "" when unknown
    documents   kind -> comparison key of the number
    household   key of the household, or ""
    known       True for a person already in the record
    """

    key: str
    names: tuple[str, ...]
    father: str = ""
    birth: tuple[dt.date, dt.date] | None = None
    sex: str = ""
    birthplace: str = ""
    documents: Mapping[str, str] = field(default_factory=dict)
    household: str = ""
    known: bool = False


@dataclass(frozen=True)
class Part:
    """One comparison of a suggestion.

    field    "name", "father", "birth", "sex", "birthplace", "document" or "household"
    verdict  in plain words, without the values
    weight   bits for (positive) or against (negative) being one person
    """

    field: str
    verdict: str
    weight: float


@dataclass(frozen=True)
class Suggestion:
    """Two people who may be one: a question to a person, never a decision.

    probability  that they are one, as the data at hand suggest
    weight       the sum of the parts and of how rare such pairs are, in bits
    parts        every comparison with its weight, the strongest first
    """

    first: str
    second: str
    probability: float
    weight: float
    parts: tuple[Part, ...]

    def sentence(self) -> Said:
        """One line for the list of questions: how sure, what agrees, what differs."""
        sure = _sure(self.probability)
        agree = Listed(part.verdict for part in self.parts if part.weight > 0)
        differ = Listed(part.verdict for part in self.parts if part.weight < 0)
        if agree and differ:
            return Said("%(a)s sure; %(b)s; but %(c)s", a=sure, b=agree, c=differ)
        if agree:
            return Said("%(a)s sure; %(b)s", a=sure, b=agree)
        if differ:
            return Said("%(a)s sure; but %(c)s", a=sure, c=differ)
        return Said("%(a)s sure", a=sure)


def _sure(probability: float) -> Said | Share:
    """In per cent; never a hundred, because only a person can be certain."""
    return Said("over %(a)s", a=Share(0.99)) if probability > 0.99 else Share(probability)


LEVELS: dict[str, tuple[str, ...]] = {
    # field: verdicts, the strongest agreement first; the last is "not comparable".
    "name": (
        form("same name"),
        form("same name, written differently"),
        form("names partly agree"),
        form("other name"),
        "",
    ),
    "father": (form("same father's name"), form("another father's name"), ""),
    "birth": (
        form("same birth date"),
        form("birth dates may be the same"),
        form("birth dates nearly the same"),
        form("birth years close"),
        form("another birth date"),
        "",
    ),
    "sex": (form("same sex"), form("another sex"), ""),
    "birthplace": (form("same birthplace"), form("another birthplace"), ""),
    "document": (form("same document number"), form("another number of the same document"), ""),
    "household": (
        form("others of the household alike too"),
        form("nobody else of the household alike"),
        "",
    ),
}
FIELDS = tuple(LEVELS)
# Where learning starts: chance of each level among true pairs. The data move it, but never so
# far that agreement counts against being one person.
START = {
    "name": (0.60, 0.35, 0.04, 0.01),
    "father": (0.95, 0.05),
    "birth": (0.60, 0.25, 0.08, 0.05, 0.02),
    "sex": (0.99, 0.01),
    "birthplace": (0.90, 0.10),
    "document": (0.95, 0.05),
    "household": (0.70, 0.30),
}
# Likewise, chance of each level among strangers, where the list is too small to show it.
STRANGERS = {
    "name": (0.0003, 0.0003, 0.002, 0.9974),
    "father": (0.02, 0.98),
    "birth": (0.0001, 0.002, 0.003, 0.05, 0.9449),
    "sex": (0.5, 0.5),
    "birthplace": (0.1, 0.9),
    "document": (0.0001, 0.9999),
    "household": (0.02, 0.98),
}
BLOCK_LIMIT = 120
FLOOR = 1e-6
# Brothers and sisters on two lists have their household in common too, so it moves the weight by
# this many bits at most and never decides alone.
MOST_HOUSEHOLD = 3.0
# A rare or common name moves the weight by this many bits at most.
MOST_RARE = 8.0


def person_of(row: StagedRow, *, known: bool = False) -> Person:
    """A staged row as a person to compare."""
    return person_from(row.key, row.identity, row.facts, row.household or "", known=known)


def person_from(
    key: str,
    identity: Identity,
    facts: Mapping[str, Any],
    household: str = "",
    *,
    known: bool = False,
) -> Person:
    """What is compared, from an identity and facts as intake stages them.

    facts  names that contain "birth" and hold a date, "sex", and names that contain
           "birthplace" or "birth_place" are used
    """
    birth = next(
        (v for n, v in facts.items() if "birth" in n and isinstance(v, PartialDate)), None
    )
    place = next(
        (
            str(v)
            for n, v in facts.items()
            if n in ("birthplace", "birth_place", "place_of_birth")
        ),
        "",
    )
    fathers = [name.text for name in identity.names if name.part == "father"]
    return Person(
        key,
        whole_names(identity),
        fathers[0] if fathers else "",
        (birth.earliest, birth.latest) if birth is not None else None,
        str(facts.get("sex", "") or "").replace("unknown", ""),
        place,
        {kind: number.key for kind, number in identity.documents},
        household,
        known,
    )


def whole_names(identity: Identity) -> tuple[str, ...]:
    """The whole names an identity gives, one for each script and way of writing.

    From parts: the given name, the family name, and between them father and grandfather when
    there is no family name (a patronymic chain).
    """
    whole = [name.text for name in identity.names if name.part in ("full", "other")]
    for script in dict.fromkeys(name.script for name in identity.names):
        parts = {
            name.part: name.text for name in reversed(identity.names) if name.script == script
        }
        if "given" in parts:
            middle = [] if "family" in parts else ["father", "grandfather"]
            order = ["given", *middle, "family"]
            whole.append(" ".join(parts[part] for part in order if part in parts))
    return tuple(dict.fromkeys(whole))


# ---------------------------------------------------------------- who is compared with whom


def _hashed(*parts: str) -> int:
    # Only equality inside one run counts, so Python's own hash serves: results do not hang on it.
    return hash(parts)


def block_keys(person: Person) -> set[int]:
    """Keys under which a person is compared with others. Each looks for another kind of slip."""
    made = {_hashed("doc", kind, number) for kind, number in person.documents.items()}
    years: list[str] = []
    if person.birth is not None and (person.birth[1] - person.birth[0]).days < 1200:
        years = [str(y) for y in range(person.birth[0].year, person.birth[1].year + 1)]
    fathers = name_keys(person.father).keys if person.father else frozenset()
    for name in person.names:
        keys = name_keys(name).keys
        for key in keys:
            made.update(_hashed("year", key, year) for year in years)
            if key.startswith("~"):
                made.add(_hashed("whole", key))
            elif not years:
                made.add(_hashed("name", key))
        if fathers:
            # The whole name is short of the father's: with it, no birth date is needed.
            shorter = [key for key in keys if "+" in key and "&" not in key]
            made.update(
                _hashed("father", key, father)
                for key in shorter
                for father in fathers
                if father.startswith("=") or len(fathers) < 3
            )
        if person.birth is not None and (person.birth[1] - person.birth[0]).days < 4:
            words = name_words(name)
            if words:
                day = person.birth[0].isoformat()
                made.update(_hashed("day", key, day) for key in name_keys(words[0]).keys)
    return made


def candidates(people: Sequence[Person], *, limit: int = BLOCK_LIMIT) -> tuple[Ints, Ints, int]:
    """Pairs worth comparing.

    people   everyone; pairs of two people already in the record are left out
    limit    a key shared by more people than this says too little and is passed over
    returns  (first, second) as positions in `people`, first < second, each pair once; and the
             number of keys passed over
    """
    keys: list[int] = []
    owners: list[int] = []
    for i, person in enumerate(people):
        made = block_keys(person)
        keys.extend(made)
        owners.extend([i] * len(made))
    if not keys:
        return np.empty(0, np.int64), np.empty(0, np.int64), 0
    key = np.array(keys, dtype=np.int64)
    owner = np.array(owners, dtype=np.int64)
    order = np.lexsort((owner, key))
    key, owner = key[order], owner[order]
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    sizes = np.diff(np.r_[starts, key.size])
    count = np.int64(len(people))
    found: list[Ints] = []
    for size in np.unique(sizes[(sizes > 1) & (sizes <= limit)]):
        # All blocks of one size at once: every pair of places inside a block.
        at = starts[sizes == size]
        left, right = np.triu_indices(int(size), 1)
        a = owner[at[:, None] + left].ravel()
        b = owner[at[:, None] + right].ravel()
        found.append(np.unique(np.minimum(a, b) * count + np.maximum(a, b)))
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64), int((sizes > limit).sum())
    pairs = np.unique(np.concatenate(found))
    first, second = pairs // count, pairs % count
    known = np.array([person.known for person in people])
    keep = ~(known[first] & known[second])
    return first[keep], second[keep], int((sizes > limit).sum())


# ---------------------------------------------------------------- comparing


def name_level(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    """The level of the best of two people's names; see LEVELS."""
    best = 0.0
    for x in first:
        for y in second:
            score = 1.0 if x == y else compare_names(x, y).score
            best = max(best, score)
            if best == 1.0:
                return 0
    if not first or not second:
        return 4
    return 0 if best >= 0.985 else 1 if best >= NAME_AGREES else 2 if best >= 0.6 else 3


def father_level(first: str, second: str) -> int:
    """The level of two fathers' names; see LEVELS."""
    if not first or not second:
        return 2
    return 0 if compare_names(first, second).score >= NAME_AGREES else 1


def _birth_level(a: Person, b: Person) -> int:
    if a.birth is None or b.birth is None:
        return 5
    (a0, a1), (b0, b1) = a.birth, b.birth
    exact = a0 == a1 and b0 == b1
    if exact and a0 == b0:
        return 0
    if a0 <= b1 and b0 <= a1:
        return 1
    if exact:
        apart = abs((a0 - b0).days)
        swapped = a0.year == b0.year and (a0.month, a0.day) == (b0.day, b0.month)
        one_part = sum((a0.year != b0.year, a0.month != b0.month, a0.day != b0.day)) == 1
        if swapped or apart <= 3 or (one_part and (a0.year == b0.year or apart < 3700)):
            return 2
        return 3 if apart <= 550 else 4
    gap = (b0 - a1).days if b0 > a1 else (a0 - b1).days
    return 3 if gap <= 400 else 4


def _plain_level(x: str, y: str) -> int:
    return 2 if not x or not y else 0 if x == y else 1


def _document_level(a: Person, b: Person) -> int:
    shared = [kind for kind in a.documents if kind in b.documents]
    if not shared:
        return 2
    return 0 if any(a.documents[kind] == b.documents[kind] for kind in shared) else 1


def compare(
    people: Sequence[Person],
    first: Ints,
    second: Ints,
    *,
    progress: Callable[[int], None] | None = None,
) -> Ints:
    """The level of every comparison for every pair: shape (pairs, fields), see LEVELS."""
    levels = np.empty((first.size, len(FIELDS)), dtype=np.int64)
    names: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
    places = {
        p.birthplace: " ".join(sorted(name_keys(p.birthplace).keys)) if p.birthplace else ""
        for p in people
    }
    for at, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        a, b = people[i], people[j]
        pair = (a.names, b.names)
        name = names.get(pair)
        if name is None:
            name = names[pair] = name_level(a.names, b.names)
        place = _plain_level(places[a.birthplace], places[b.birthplace])
        levels[at] = (
            name,
            father_level(a.father, b.father),
            _birth_level(a, b),
            _plain_level(a.sex, b.sex),
            place,
            _document_level(a, b),
            NO_HOUSEHOLD,
        )
        if progress and at % 20_000 == 0:
            progress(at)
    levels[:, FIELDS.index("household")] = _household_levels(people, first, second, levels)
    return levels


NO_HOUSEHOLD = len(LEVELS["household"]) - 1


def _household_levels(
    people: Sequence[Person], first: Ints, second: Ints, levels: Ints
) -> Ints:
    """Whether somebody else of the one household is like somebody else of the other.

    Asked of two people in two households of at least two: a person living alone, or somebody
    listed with no household, says nothing.
    """
    number: dict[str, int] = {"": -1}
    for person in people:
        number.setdefault(person.household, len(number))
    home = np.array([number[person.household] for person in people], dtype=np.int64)
    size = np.bincount(home[home >= 0], minlength=len(number) + 1)
    a, b = home[first], home[second]
    asked = (a >= 0) & (b >= 0) & (a != b) & (size[a] > 1) & (size[b] > 1)
    found = np.full(first.size, NO_HOUSEHOLD, dtype=np.int64)
    if not asked.any():
        return found
    pair = np.minimum(a, b) * np.int64(len(number) + 1) + np.maximum(a, b)
    alike = asked & (levels[:, 0] <= 1) & (levels[:, 2] <= 2)
    homes, at = np.unique(pair[asked], return_inverse=True)
    # One person of the household may be like two of the other: count people, not pairs.
    place = np.searchsorted(homes, pair[alike])
    ones = np.unique(
        np.stack([place, np.where(a[alike] < b[alike], first[alike], second[alike])]), axis=1
    )[0]
    others = np.unique(
        np.stack([place, np.where(a[alike] < b[alike], second[alike], first[alike])]), axis=1
    )[0]
    count = np.minimum(
        np.bincount(ones, minlength=homes.size), np.bincount(others, minlength=homes.size)
    )
    found[asked] = np.where(count[at] - alike[asked] >= 1, 0, 1)
    return found


# ---------------------------------------------------------------- weights


@dataclass(frozen=True)
class Weights:
    """What the data taught.

    true      field -> chance of each level among true pairs
    accident  field -> chance of each level among random pairs
    share     share of true pairs among the pairs compared
    """

    true: Mapping[str, tuple[float, ...]]
    accident: Mapping[str, tuple[float, ...]]
    share: float

    def bits(self, field_name: str, level: int) -> float:
        """Weight of one level of one comparison, in bits; 0 when not comparable."""
        if level >= len(self.true[field_name]):
            return 0.0
        return float(
            np.log2(
                max(self.true[field_name][level], FLOOR)
                / max(self.accident[field_name][level], FLOOR)
            )
        )


def _shares(column: Ints, count: int, smooth: Floats) -> Floats:
    seen = np.bincount(column[column < count], minlength=count).astype(float)
    made: Floats = (seen + smooth) / (seen.sum() + smooth.sum())
    return made


def learn(
    people: Sequence[Person], levels: Ints, *, seed: int, random_pairs: int = 10_000
) -> Weights:
    """Learn the weights from the data at hand, without labels.

    people   everyone
    levels   from `compare`
    seed     of the random pairs that show how often strangers agree
    returns  Weights; with few pairs they stay near the starting values
    """
    draw = np.random.default_rng(seed)
    count = len(people)
    accident: dict[str, Floats] = {}
    # A short list has few pairs, and drawing one of them often teaches nothing.
    size = min(random_pairs, count * (count - 1) // 4)
    a = draw.integers(0, max(count, 1), size)
    b = (a + draw.integers(1, max(count, 2), size)) % max(count, 1)
    cheap = compare(people, a, b)
    # Pairs that are most likely one person say nothing about strangers.
    one = (cheap[:, 0] <= 1) & (cheap[:, 2] <= 1) | (cheap[:, 5] == 0)
    cheap = cheap[~one]
    for f, name in enumerate(FIELDS):
        size = len(START[name])
        accident[name] = _shares(
            cheap[:, f], size, 200.0 * np.array(STRANGERS[name], dtype=np.float64)
        )
    true = {name: np.array(START[name]) for name in FIELDS}
    # There cannot be many more true pairs than people; without this bound, learning may take
    # namesakes for the thing to be found.
    most = min(0.5 * count / max(len(levels), 1), 0.5)
    # Half a double is expected before anything was seen, however short the list.
    least = min(0.5 / max(len(levels), 1), most)
    share = max(min(0.01, most), least)
    patterns, counts = np.unique(levels, axis=0, return_counts=True)
    for _ in range(40):
        weight = np.zeros(len(patterns))
        for f, name in enumerate(FIELDS):
            size = len(START[name])
            ratio = np.ones(size + 1)
            ratio[:size] = np.log(
                np.maximum(true[name], FLOOR) / np.maximum(accident[name], FLOOR)
            )
            ratio[size] = 0.0
            weight += ratio[patterns[:, f]]
        # Pairs were chosen for agreeing on a name: the share is of those, so start from it.
        odds = np.exp(np.clip(weight, -60, 60)) * _prior(share, count, counts.sum())
        chance = odds / (1 + odds)
        mass = chance * counts
        for f, name in enumerate(FIELDS):
            size = len(START[name])
            seen = np.bincount(patterns[:, f], weights=mass, minlength=size + 1)[:size]
            # The starting values keep twice the weight of what was seen: a wrong turn in the
            # learning can then never make another father or birth count for nothing.
            held = 20 + 2 * seen.sum()
            true[name] = (seen + held * np.array(START[name])) / (seen.sum() + held)
        new = float(mass.sum() / max(counts.sum(), 1))
        if abs(new - share) < 1e-6:
            break
        share = min(max(new, least), most)
    return Weights(
        {name: tuple(map(float, value)) for name, value in true.items()},
        {name: tuple(map(float, value)) for name, value in accident.items()},
        share,
    )


def _prior(share: float, people: int, pairs: int) -> float:
    """Odds that two people drawn at random are one, from the share among the pairs compared."""
    everyone = max(people * (people - 1) / 2, 1.0)
    chance = min(max(share * pairs / everyone, 1e-12), 0.5)
    return chance / (1 - chance)


def _rarity(people: Sequence[Person]) -> Callable[[Person, Person], float]:
    """Bits by which a pair's name is rarer (or commoner) than agreement usually is."""
    words: Counter[str] = Counter()
    total = 0
    marks: dict[str, tuple[str, ...]] = {}
    for person in people:
        for name in person.names[:1]:
            made = tuple(_mark(word) for word in name_words(name))
            marks[person.key] = made
            words.update(set(made))
            total += 1
    usual = 1.0
    if total:
        # What agreement is worth on average: the chance that two people share a word.
        usual = sum((c / total) ** 2 for c in words.values()) / max(
            sum(c / total for c in words.values()), FLOOR
        )

    def bits(a: Person, b: Person) -> float:
        x = marks.get(a.key, ())
        y = marks.get(b.key, ())
        shared = [word for word in x if word in y] or list(x[:1])
        if not shared:
            return 0.0
        rare = [math.log2(usual * total / words[word]) for word in shared]
        return min(max(sum(rare) / len(rare) * min(len(rare), 2), -MOST_RARE), MOST_RARE)

    return bits


def name_mark(name: str) -> str:
    """The first word of a name, the same for most of its spellings."""
    words = name_words(name)
    return _mark(words[0]) if words else ""


def _mark(word: str) -> str:
    known = known_name(word)
    if known is not None:
        return "=" + known
    keys = name_keys(word).keys
    return min(keys) if keys else word


# ---------------------------------------------------------------- suggestions


def suggest(
    people: Sequence[Person],
    *,
    seed: int,
    apart: Collection[frozenset[str]] = (),
    least: float = 0.10,
    progress: Callable[[int], None] | None = None,
) -> tuple[Suggestion, ...]:
    """Everyone who may be someone else, as questions for a person.

    people   the batch and, with known=True, the people in the record
    seed     of the random pairs that show how often strangers agree
    apart    pairs of keys that a person decided to keep apart: never suggested again
    least    suggestions below this probability are left out
    returns  suggestions, the surest first; the same people in any order give the same ones
    """
    people = sorted(people, key=lambda person: person.key)
    first, second, _ = candidates(people)
    levels = compare(people, first, second, progress=progress)
    weights = learn(people, levels, seed=seed)
    return _suggestions(people, first, second, levels, weights, apart, least)


def _suggestions(
    people: Sequence[Person],
    first: Ints,
    second: Ints,
    levels: Ints,
    weights: Weights,
    apart: Collection[frozenset[str]],
    least: float,
) -> tuple[Suggestion, ...]:
    decided = set(apart)
    rarity = _rarity(people)
    prior = math.log2(_prior(weights.share, len(people), max(int(first.size), 1)))
    table = {name: [weights.bits(name, n) for n in range(len(LEVELS[name]))] for name in FIELDS}
    made: list[Suggestion] = []
    # Most pairs are far from likely whatever their names' rarity: they are left out at once.
    base = np.full(first.size, prior)
    for f, name in enumerate(FIELDS):
        given = np.array(table[name])
        if name == "household":
            given = given.clip(-MOST_HOUSEHOLD, MOST_HOUSEHOLD)
        base += given[levels[:, f]]
    least_bits = math.log2(least / (1 - least)) if 0 < least < 1 else -math.inf
    near = (base + MOST_RARE >= least_bits) | (levels[:, 5] == 0)
    for i, j, row in zip(
        first[near].tolist(), second[near].tolist(), levels[near].tolist(), strict=True
    ):
        a, b = people[i], people[j]
        bits = {name: table[name][level] for name, level in zip(FIELDS, row, strict=True)}
        if row[0] <= 1:
            bits["name"] += rarity(a, b)
        if row[0] == 3 and row[5] != 0:
            # Whoever bears another name and no same document is another person.
            bits["name"] = min(bits["name"], -8.0)
        bits["household"] = min(max(bits["household"], -MOST_HOUSEHOLD), MOST_HOUSEHOLD)
        weight = prior + sum(bits.values())
        if row[3] == 1 and row[5] != 0:
            weight -= 3.0
        if row[5] == 0:
            # One document on two rows is one person or a mistake: always a question.
            weight = max(weight, 1.0)
        probability = 1 / (1 + 2.0 ** -min(max(weight, -60.0), 60.0))
        if probability < least or frozenset((a.key, b.key)) in decided:
            continue
        parts = sorted(
            (
                Part(name, LEVELS[name][level], round(bits[name], 2))
                for name, level in zip(FIELDS, row, strict=True)
                if LEVELS[name][level]
            ),
            key=lambda part: -abs(part.weight),
        )
        keys = sorted((a.key, b.key))
        made.append(
            Suggestion(
                keys[0], keys[1], round(probability, 4), round(float(weight), 2), tuple(parts)
            )
        )
    made.sort(key=lambda s: (-s.probability, -s.weight, s.first, s.second))
    return tuple(made)


def groups(suggestions: Iterable[Suggestion], *, least: float = 0.5) -> list[tuple[str, ...]]:
    """Suggestions that hang together, so that one person on four lists is one question."""
    root: dict[str, str] = {}

    def find(key: str) -> str:
        root.setdefault(key, key)
        while root[key] != key:
            root[key] = root[root[key]]
            key = root[key]
        return key

    for suggestion in suggestions:
        if suggestion.probability >= least:
            root[find(suggestion.first)] = find(suggestion.second)
    made: dict[str, list[str]] = {}
    for key in root:
        made.setdefault(find(key), []).append(key)
    return sorted(tuple(sorted(keys)) for keys in made.values() if len(keys) > 1)
