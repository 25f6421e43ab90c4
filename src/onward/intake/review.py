"""What people decided about possible doubles, and what is still open before a commit.

Why: names propose, people decide, and what they decided must hold, be undone, and never
contradict itself. In: suggestions from matching and decisions so far. Out: the questions still
open, who is one person with whom, whom to keep apart, and who carries an open duplicate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from onward.errors import Fault, Faults
from onward.intake.match import Person, Suggestion
from onward.said import Said, Share

Choice = Literal["merge", "apart", "ask"]
CHOICES: tuple[Choice, ...] = ("merge", "apart", "ask")
BASES = ("document", "photo", "interview", "family", "list")
"""What a decision may rest on: a word and never a sentence, which could hold a name."""

# A batch in which this share of rows looks like people already there is more likely an old list
# loaded under a new name than new arrivals. A product choice; a profile may set another.
MOST_MATCHED_PERCENT = 50.0


@dataclass(frozen=True)
class Decision:
    """One person's answer to one suggestion. The latest about a pair counts.

    choice  "merge": one person; "apart": two, never to be asked again; "ask": the field must
            find out, both carry an open duplicate until then; "undo" is a decision of its own:
            give the pair again with another choice
    by      who decided
    why     what it rests on, one of `BASES`; "" when nobody said
    """

    first: str
    second: str
    choice: Choice
    by: str
    why: str

    @property
    def pair(self) -> frozenset[str]:
        """The two keys, in no order."""
        return frozenset((self.first, self.second))


@dataclass(frozen=True)
class Side:
    """One side of a question: a row of the list, or somebody recorded. Identity: for the eyes
    of whoever decides, never for a message or a log."""

    key: str
    row: int | None
    person: Person

    @property
    def place(self) -> str:
        """Where this side stands, without a name."""
        return f"row {self.row}" if self.row is not None else f"recorded as {self.key}"


def pair_code(first: str, second: str) -> str:
    """A short code for a pair, the same in either order: what a person types to answer."""
    text = "\x1f".join(sorted((first, second)))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def in_order(suggestion: Suggestion, sides: Mapping[str, Side]) -> tuple[Side, Side]:
    """Both sides as people read them: the row of the list first, then where else."""
    first, second = sorted(
        (sides[suggestion.first], sides[suggestion.second]),
        key=lambda side: (side.row is None, side.row or 0, side.key),
    )
    return first, second


def side_by_side(first: Side, second: Side) -> list[tuple[str, str, str]]:
    """(what, on one side, on the other), for everything either of them has."""
    rows = [("where", first.place, second.place)]
    for what, text in (
        ("names", lambda p: " / ".join(p.names)),
        ("father", lambda p: p.father),
        ("birth", _birth),
        ("sex", lambda p: p.sex),
        ("birthplace", lambda p: p.birthplace),
        ("documents", lambda p: ", ".join(f"{k} {n}" for k, n in sorted(p.documents.items()))),
    ):
        here, there = text(first.person), text(second.person)
        if here or there:
            rows.append((what, here, there))
    home, other = first.person.household, second.person.household
    if home and other:
        same = home == other
        rows.append(
            ("household", "the same" if same else "one", "the same" if same else "another")
        )
    return rows


def _birth(person: Person) -> str:
    if person.birth is None:
        return ""
    first, last = person.birth
    return first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"


@dataclass(frozen=True)
class Reviewed:
    """Where a batch stands.

    questions  suggestions nobody has answered, the surest first
    same       key -> the key it is one person with (the smallest of its group), for every
               merged key
    apart      pairs never to be suggested again
    open       keys that carry an open duplicate
    decisions  the decisions that count, one for each pair
    """

    questions: tuple[Suggestion, ...]
    same: Mapping[str, str]
    apart: frozenset[frozenset[str]]
    open: frozenset[str]
    decisions: tuple[Decision, ...] = ()


def review(
    suggestions: Sequence[Suggestion],
    decisions: Iterable[Decision],
    *,
    must_answer: float = 0.5,
) -> Reviewed:
    """Put suggestions and decisions together.

    suggestions  from `match.suggest`
    decisions    in the order they were taken; of two about one pair the later counts
    must_answer  suggestions from this probability on are questions; weaker ones are offered but
                 do not hold a commit back
    returns      Reviewed
    raises       Faults when decisions contradict each other: two people kept apart who would be
                 one through others
    """
    latest: dict[frozenset[str], Decision] = {}
    for decision in decisions:
        if decision.first == decision.second:
            raise Faults([Fault("decisions", "", "", "a pair of one and the same row")])
        latest.pop(decision.pair, None)
        latest[decision.pair] = decision
    same = _same(d for d in latest.values() if d.choice == "merge")
    apart = frozenset(pair for pair, d in latest.items() if d.choice == "apart")
    faults = [
        Fault(
            "decisions",
            f"rows {' and '.join(sorted(pair))}",
            "",
            "kept apart, but other decisions make them one person",
            "decisions that agree",
            "Undo one of the merges, or the decision to keep apart.",
        )
        for pair in sorted(apart, key=sorted)
        if len({same.get(key, key) for key in pair}) == 1
    ]
    if faults:
        raise Faults(faults)
    kept_apart = {frozenset(same.get(key, key) for key in pair) for pair in apart}
    questions = tuple(
        s
        for s in suggestions
        if s.probability >= must_answer
        and frozenset((s.first, s.second)) not in latest
        and same.get(s.first, s.first) != same.get(s.second, s.second)
        and frozenset((same.get(s.first, s.first), same.get(s.second, s.second)))
        not in kept_apart
    )
    asked = frozenset(key for pair, d in latest.items() if d.choice == "ask" for key in pair)
    return Reviewed(questions, same, apart, asked, tuple(latest.values()))


def _same(merges: Iterable[Decision]) -> dict[str, str]:
    root: dict[str, str] = {}

    def find(key: str) -> str:
        root.setdefault(key, key)
        while root[key] != key:
            key = root[key]
        return key

    for merge in merges:
        a, b = sorted((find(merge.first), find(merge.second)))
        root[b] = a
    return {key: find(key) for key in sorted(root)}


def refuse_if_mostly_known(
    file: str,
    keys: Sequence[str],
    suggestions: Iterable[Suggestion],
    *,
    most_percent: float = MOST_MATCHED_PERCENT,
) -> None:
    """Refuse a batch whose rows are mostly people already there under other keys.

    file         the name for the message
    keys         the batch's row keys, without those the record already knows by the same key
    suggestions  from matching the batch against the record
    raises       Faults with the share found
    """
    batch = set(keys)
    matched = {
        key
        for s in suggestions
        if s.probability >= 0.5
        for key, other in ((s.first, s.second), (s.second, s.first))
        if key in batch and other not in batch
    }
    share = 100 * len(matched) / len(batch) if batch else 0.0
    if share > most_percent and len(matched) > 1:
        raise Faults(
            [
                Fault(
                    file,
                    "",
                    "",
                    Said(
                        "%(a)s of %(b)s rows look like people already recorded (%(c)s)",
                        a=len(matched),
                        b=len(batch),
                        c=Share(share / 100),
                    ),
                    Said("at most %(a)s%%", a=f"{most_percent:g}"),
                    "If it is an earlier list again, load it under that list's profile or "
                    "`numbers`, so that it corrects those people; if it is another list of the "
                    "same people, raise most_matched_percent in the profile.",
                )
            ]
        )
