"""Everything that is wrong with a rulebook, at once: the file, the grammar, the floor.

A rulebook is adapted by people who have one afternoon, so they get every fault together, each
with its line, what was found and what is allowed. In comes a rulebook file; out comes a
`Check`. `accept` is the door for adopting one: it gives the rulebook with the hash of the floor
it was checked against, or refuses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from onward.errors import Fault, Faults, OnwardError, one_of
from onward.rulebook.floor import Floor, floor_names, load_floor
from onward.rulebook.load import read_all
from onward.rulebook.model import Rulebook
from onward.rulebook.reading import read_bytes
from onward.rulebook.situations import Interpreter
from onward.rulebook.weaker import compare, floor_situations, line_in


@dataclass(frozen=True)
class Check:
    """The outcome of checking one rulebook file.

    rulebook    None when the file could not be read at all
    floor       None when the rulebook names no floor that exists
    situations  how many planted situations were asked (0 when the floor was not compared)
    """

    file: str
    rulebook: Rulebook | None
    floor: Floor | None
    faults: tuple[Fault, ...]
    situations: int = 0

    @property
    def passed(self) -> bool:
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        """Plain data in the form of docs/reference/schemas/rulebook-check.schema.json."""
        book = self.rulebook
        return {
            "file": self.file,
            "passed": self.passed,
            "rulebook": book.name if book else None,
            "version": book.version if book else None,
            "hash": book.hash if book else None,
            "floor": self.floor.name if self.floor else None,
            "floor_hash": self.floor.hash if self.floor else None,
            "situations": self.situations,
            "faults": [
                {
                    "file": fault.file,
                    "line": int(fault.where.removeprefix("line "))
                    if fault.where.startswith("line ")
                    else None,
                    "field": fault.field,
                    "found": fault.found,
                    "allowed": fault.allowed,
                    "remedy": fault.remedy,
                }
                for fault in self.faults
            ],
        }


def check(path: str | Path, *, floor: Floor | None = None) -> Check:
    """Check a rulebook file; raises OnwardError only when the file cannot be read."""
    return check_bytes(read_bytes(Path(path), "rulebook"), file=str(path), floor=floor)


def check_bytes(
    data: bytes, *, file: str = "rulebook.yaml", floor: Floor | None = None
) -> Check:
    """Check a rulebook's bytes against the floor it names (or the one given, in tests)."""
    rulebook, faults = read_all(data, file=file)
    if rulebook is None:
        return Check(file, None, None, tuple(faults))
    conditions = grammar_faults(rulebook)
    if floor is None:
        if rulebook.floor in floor_names():
            floor = load_floor(rulebook.floor)
        elif rulebook.floor:
            faults.append(
                Fault(file, f"line {line_in(rulebook, 'floor')}", "floor", f'no protection floor called "{rulebook.floor}"',
                      one_of(floor_names()))
            )  # fmt: skip
    asked = 0
    below: list[Fault] = []
    if floor is not None:
        try:
            below = compare(rulebook, floor)
            if not faults and not conditions:
                asked = len(floor_situations(floor, rulebook))
        except (Faults, KeyError, TypeError, ValueError, AttributeError):
            # A file with other faults can be too broken to compare. A sound one cannot.
            if not faults and not conditions:
                raise
            below = [
                Fault(file, "", "", "not all of it could be compared with the protection floor",
                      "", "Mend the other faults and check again.")
            ]  # fmt: skip
    found = tuple(dict.fromkeys((*faults, *conditions, *below)))
    return Check(file, rulebook, floor, found, asked)


def grammar_faults(rulebook: Rulebook) -> list[Fault]:
    """Every condition outside the grammar, findings and derived facts alike."""
    interpreter = Interpreter(rulebook)
    found: list[Fault] = []
    for kind, facts in rulebook.derived.items():
        for derived in facts.values():
            if derived.condition:
                found += _faults_of(
                    lambda k=kind, n=derived.name: interpreter.derived(k, n),
                    f"derived.{kind}.{derived.name}.is",
                )
    for safeguard in rulebook.safeguards.values():
        for finding in safeguard.findings.values():
            if finding.condition:
                found += _faults_of(
                    lambda f=finding: interpreter.condition(f),
                    f"safeguards.{safeguard.name}.{finding.name}.must",
                )
    return found


def _faults_of(parse: Any, field: str) -> list[Fault]:
    try:
        parse()
    except Faults as error:
        return [replace(fault, field=fault.field or field) for fault in error.faults]
    return []


def accept(rulebook: Rulebook) -> Rulebook:
    """The rulebook with the hash of the floor it was checked against, ready to be adopted.

    raises  Faults when it is anywhere weaker than its floor or outside the grammar
    """
    if rulebook.floor not in floor_names():
        raise OnwardError(
            f'{rulebook.file}: no protection floor is called "{rulebook.floor}"; '
            f"expected {one_of(floor_names())}."
        )
    floor = load_floor(rulebook.floor)
    faults = grammar_faults(rulebook) or compare(rulebook, floor)
    if faults:
        raise Faults(faults, f"{rulebook.file} cannot be adopted:")
    return replace(rulebook, floor_hash=floor.hash)
