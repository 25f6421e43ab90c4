"""Paces of one operation, as another may be given them: what they say, and the file they are in.

Exists so that an operation that has seen a step a few times, or never, need not guess. Comes in: a file
(`lending` makes what is in it). Goes out: for each move the families that made it and the days in which
families could have, over the whole record and all groups: no person, no group, no date. What must
be hidden from another operation is decided above this room; here a count may be hidden and says so.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onward.errors import Fault, Faults

if TYPE_CHECKING:
    from onward.rulebook.model import Rulebook

FORMAT = "onward-paces-1"
MOST_HIDDEN = 100
"""A count that is hidden because it is small is no larger than this."""
Step = tuple[str, str, str]


@dataclass(frozen=True)
class Seen:
    """One move: from, move, to.

    families     that made it; None: hidden
    family_days  in which they could have, at the pace of an ordinary month
    """

    step: Step
    families: float | None
    family_days: float


@dataclass(frozen=True)
class Paces:
    """What one operation tells of its paces.

    operation  its id;  rulebook  the name of its rulebook, and version the version
    luck_sd    how lucky its whole record may have been, as a log: shared by all its moves
    hidden     what a hidden count is at most
    moves      those that say something
    """

    operation: str
    rulebook: str
    version: str
    luck_sd: float
    hidden: int
    moves: Sequence[Seen]

    def content(self) -> dict[str, Any]:
        """As plain data, without the digest."""
        return {
            "format": FORMAT,
            "operation": self.operation,
            "rulebook": {"name": self.rulebook, "version": self.version},
            "hidden_is_at_most": self.hidden,
            "luck_sd": self.luck_sd,
            "moves": [
                {"from": one.step[0], "move": one.step[1], "to": one.step[2],
                 "families": one.families, "family_days": one.family_days}
                for one in self.moves
            ],
        }  # fmt: skip

    @property
    def digest(self) -> str:
        """SHA-256 over what it says."""
        text = json.dumps(self.content(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """The text of the file: the same paces give the same bytes."""
        data = {**self.content(), "sha256": self.digest}
        return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def read(text: str, file: str) -> Paces:
    """Paces from the text of a file.

    raises  Faults with everything wrong in it: no such file, altered since it was written
    """
    remedy = "Ask the operation for the file again: onward forecast paces."

    def wrong(field: str, found: str, allowed: str) -> Faults:
        return Faults([Fault(file, "", field, found, allowed, remedy)])

    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise wrong("", "not JSON", "a file of onward forecast paces") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise wrong("format", "not a file of paces", FORMAT)
    try:
        made = Paces(
            _word(data["operation"]), _word(data["rulebook"]["name"]),
            _word(data["rulebook"]["version"]), _number(data["luck_sd"]),
            int(_number(data["hidden_is_at_most"])),
            [
                Seen(
                    (_word(one["from"]), _word(one["move"]), _word(one["to"])),
                    None if one["families"] is None else _number(one["families"]),
                    _number(one["family_days"]),
                )
                for one in data["moves"]
            ],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        raise wrong(
            "", "a field is missing or of the wrong kind", "the form that was written"
        ) from None
    if made.digest != data.get("sha256"):
        raise wrong("sha256", "altered since it was written", "the digest of what it says")
    if made.hidden > MOST_HIDDEN:
        raise wrong(
            "hidden_is_at_most", f"{made.hidden}", f"a whole number from 0 to {MOST_HIDDEN}"
        )
    twice = Counter(one.step for one in made.moves)
    for (source, move, target), times in twice.items():
        if times > 1:
            raise wrong("moves", f"{move} from {source} to {target} again", "each move once")
    return made


def check(
    given: Sequence[tuple[str, Paces]],
    rulebook: Rulebook,
    steps: Sequence[Step],
    operation: str,
) -> None:
    """Refuse paces that cannot be of use to an operation.

    given   (file, paces)
    steps   (from, move, to) that the rulebook allows
    raises  Faults naming every file: of another rulebook, with a move that this one does not have,
            of the operation itself, or of one operation twice
    """
    faults, known, before = [], set(steps), {operation: "this operation"}
    for file, one in given:
        if one.rulebook != rulebook.name:
            faults.append(
                Fault(file, "", "rulebook", f'made under "{one.rulebook}"',
                      f'"{rulebook.name}", as here',
                      "Steps of another rulebook are not these steps: take the file out of paces/.")
            )  # fmt: skip
            continue
        if one.operation in before:
            faults.append(
                Fault(file, "", "operation", f"the paces of {before[one.operation]}",
                      "each other operation once", "Take the file out of paces/.")
            )  # fmt: skip
        before.setdefault(one.operation, file)
        strange = sorted({seen.step for seen in one.moves} - known)
        faults += [
            Fault(file, "", "moves", f"{move} from {source} to {target}",
                  f"a move of {rulebook.name} {rulebook.version}",
                  "Ask for a file made under the rulebook in force here.")
            for source, move, target in strange
        ]  # fmt: skip
    if faults:
        raise Faults(faults)


def digests(given: Sequence[Paces]) -> str:
    """What a forecast says it was made from: each operation with the digest of its paces."""
    return " ".join(sorted(f"{one.operation}={one.digest}" for one in given))


def _word(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("not a word")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise ValueError("not a number of 0 or more")
    return value


def steps_taken(given: Sequence[Paces]) -> frozenset[Step]:
    """Moves that some operation surely saw families make."""
    return frozenset(seen.step for one in given for seen in one.moves if seen.families)
