"""The aim of a proposal, declared in a file an officer can read and change.

The order of what matters is a decision for people, so it stands in YAML and not in code. In: a
YAML text (or the shipped default). Out: `Aims`, with a hash for the record, or every fault at
once with its place in the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from onward.errors import Fault, Faults, one_of
from onward.placement.inputs.tables import PLEDGE_STATES, PRIORITIES, Case

DEFAULT = Path(__file__).with_name("aims.yaml")

STAGE_OPTIONS: dict[str, dict[str, Any]] = {
    "emergencies": {"later_window_counts": 0.9},
    "protection": {"priority": {}, "category": {}, "use_acceptance": False},
    "together": {"same_window": 1.0, "same_country": 1.0},
    "who": {},
    "outcome": {
        "decides": "where",
        "per": "case",
        "score": 1.0,
        "preference": 0.5,
        "family_tie": 0.5,
        "language": 0.1,
        "skill": 0.1,
        "may_lose": 0.0,
    },
    "keep": {},
    "lottery": {},
}
# The only order in which who is placed and where they go can be found from prices, on problems
# too large for exact programs; of these, aims may be left out.
BY_PRICES = ("emergencies", "protection", "together", "who", "outcome", "keep", "lottery")
GROUP_FIELDS = (
    "category", "nationality", "need", "priority", "sex", "min_size", "max_size",
    "single_parent", "lone_older", "linked",
)  # fmt: skip
LONE_OLDER_AGE = 60  # the age from which humanitarian statistics count an older person


@dataclass(frozen=True)
class Stage:
    """One aim: its name and its settings, defaults filled in."""

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Floor:
    """The least share of the persons of a group that the proposal must place."""

    name: str
    group: Mapping[str, Any]
    share: float


@dataclass(frozen=True)
class Aims:
    """Stages in order, floors, the gap at which a stage may stop, the pledge states that
    count, and the SHA-256 of the text they came from."""

    stages: tuple[Stage, ...]
    floors: tuple[Floor, ...] = ()
    gap: float = 0.0005
    states_that_count: tuple[str, ...] = ("open", "confirmed")
    sha256: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def stage(self, name: str) -> Stage | None:
        return next((s for s in self.stages if s.name == name), None)

    @property
    def names(self) -> list[str]:
        """The aims as declared, in order."""
        return [s.name for s in self.stages]

    @property
    def only_where(self) -> bool:
        """Whether the outcome chooses among places alone, and never who has one."""
        outcome = self.stage("outcome")
        return outcome is None or outcome.options["decides"] == "where"

    def order(self) -> tuple[list[str], str]:
        """The aims in the order in which they are solved, and the one after which who is placed
        is settled ("" where none settles it).

        As declared, but for one: where the outcome decides whether as well, the draw settles
        what is equal after it, and not before."""
        names = self.names
        if "who" in names:
            if not self.only_where and names.index("who") < names.index("outcome"):
                names.remove("who")
                names.insert(names.index("outcome") + 1, "who")
            return names, "who"
        if self.only_where and "outcome" in names[1:]:
            return names, names[names.index("outcome") - 1]
        return names, ""

    def by_prices(self) -> bool:
        """Whether prices can find what these aims ask, in the order in which they ask it."""
        names = self.names
        needs_outcome = "together" in names or "keep" in names
        if "protection" not in names or (needs_outcome and "outcome" not in names):
            return False
        if not self.only_where:
            return False
        rest = [x for x in names if x != "who"]
        before = set(names[: names.index("who")] if "who" in names else ["protection"])
        return (
            rest == sorted(rest, key=BY_PRICES.index)
            and "protection" in before
            and not before & {"outcome", "keep", "lottery"}
        )


def lone_older(case: Case) -> bool:
    return case.size == 1 and case.age is not None and case.age >= LONE_OLDER_AGE


def in_group(case: Case, group: Mapping[str, Any], linked: bool) -> bool:
    """Whether the case belongs to the group of a floor; an unknown fact is not a match."""
    tests: dict[str, Callable[[Any], bool]] = {
        "category": lambda v: v in case.categories,
        "nationality": lambda v: case.nationality == v,
        "need": lambda v: v in case.needs,
        "priority": lambda v: case.priority == v,
        "sex": lambda v: case.sex == v,
        "min_size": lambda v: case.size >= v,
        "max_size": lambda v: case.size <= v,
        "single_parent": lambda v: case.single_parent is v,
        "lone_older": lambda v: lone_older(case) is v,
        "linked": lambda v: linked is v,
    }
    return all(bool(tests[key](value)) for key, value in group.items())


def read_aims(path: Path | None = None) -> Aims:
    """The aims in a file; without a path the shipped ones. Raises `Faults`."""
    source = path or DEFAULT
    try:
        text = source.read_text("utf-8-sig")
    except OSError:
        raise Faults([Fault(str(source), "", "", "cannot be read", "a YAML file")]) from None
    except UnicodeDecodeError:
        raise Faults(
            [Fault(source.name, "", "", "not UTF-8 text", "a YAML file", "Save it as UTF-8.")]
        ) from None
    return parse_aims(text, source.name)


def parse_aims(text: str, name: str = "aims.yaml") -> Aims:
    """The aims in a YAML text. Raises `Faults` naming every unknown or wrong entry."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else ""
        raise Faults([Fault(name, where, "", "not valid YAML", "key: value lines")]) from None
    faults: list[Fault] = []

    def fault(where: str, key: str, found: str, allowed: str = "") -> None:
        faults.append(Fault(name, where, key, found, allowed))

    if not isinstance(document, dict):
        raise Faults(
            [Fault(name, "", "", "empty or a list", "keys version, gap, stages, floors")]
        )
    known = ("version", "gap", "states_that_count", "stages", "floors")
    for key in document:
        if key not in known:
            fault("", str(key), "unknown entry", one_of(known))
    if document.get("version") != 1:
        fault("", "version", "missing or unknown", "1")
    gap = document.get("gap", 0.0005)
    if isinstance(gap, bool) or not isinstance(gap, (int, float)) or not 0 <= gap < 1:
        fault("", "gap", "not a share", "a number from 0 to below 1")
        gap = 0.0005
    states = document.get("states_that_count", ["open", "confirmed"])
    if not isinstance(states, list) or any(s not in PLEDGE_STATES for s in states):
        fault("", "states_that_count", "not a list of pledge states", one_of(PLEDGE_STATES))
        states = []
    stages: list[Stage] = []
    listed = document.get("stages")
    if not isinstance(listed, list) or not listed:
        fault("", "stages", "missing or empty", "a list of stages")
        listed = []
    for index, entry in enumerate(listed):
        where = f"stages[{index}]"
        entry = {"name": entry} if isinstance(entry, str) else entry
        if not isinstance(entry, dict) or str(entry.get("name")) not in STAGE_OPTIONS:
            fault(where, "name", "unknown stage", one_of(STAGE_OPTIONS))
            continue
        stage = str(entry["name"])
        if stage in {s.name for s in stages}:
            fault(where, "name", "stage given twice", "each stage once")
            continue
        options = dict(STAGE_OPTIONS[stage])
        for key, value in entry.items():
            if key == "name":
                continue
            if key not in options:
                fault(where, str(key), "unknown setting", one_of(options) or "no settings")
                continue
            allowed = _wrong(stage, key, value)
            if allowed:
                fault(where, key, "not allowed here", allowed)
            else:
                options[key] = value
        stages.append(Stage(stage, options))
    if not any(f.where.startswith("stages") for f in faults):
        _whether(stages, fault)
    floors: list[Floor] = []
    asked = document.get("floors") or []
    if not isinstance(asked, list):
        fault("", "floors", "not a list", "a list of floors")
        asked = []
    for index, entry in enumerate(asked):
        where = f"floors[{index}]"
        if not isinstance(entry, dict):
            fault(where, "", "not a floor", "name, group and share")
            continue
        group, share = entry.get("group"), entry.get("share")
        if (
            not isinstance(group, dict)
            or not group
            or any(k not in GROUP_FIELDS for k in group)
        ):
            fault(where, "group", "not a group", one_of(GROUP_FIELDS))
            continue
        wrong = {key: _wrong_group(key, value) for key, value in group.items()}
        if any(wrong.values()):
            for key, allowed in wrong.items():
                if allowed:
                    fault(f"{where}.group", key, "not allowed here", allowed)
            continue
        if (
            isinstance(share, bool)
            or not isinstance(share, (int, float))
            or not 0 <= share <= 1
        ):
            fault(where, "share", "not a share", "a number from 0 to 1")
            continue
        floors.append(
            Floor(str(entry.get("name") or f"floor {index + 1}"), group, float(share))
        )
    if faults:
        raise Faults(
            faults, f"{len(faults)} fault{'s' if len(faults) > 1 else ''} in the aims."
        )
    return Aims(
        stages=tuple(stages),
        floors=tuple(floors),
        gap=float(gap),
        states_that_count=tuple(states),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _whether(stages: list[Stage], fault: Callable[[str, str, str, str], None]) -> None:
    """An outcome that chooses places alone needs an aim before it that chooses who has one."""
    names = [s.name for s in stages]
    at = names.index("outcome") if "outcome" in names else -1
    if at < 0 or stages[at].options["decides"] != "where":
        return
    if at == 0:
        found = "decides where only, and no stage before it settles who is placed"
    elif "who" in names[at:]:
        found = (
            "decides where only, and stands before the stage who, which settles who is placed"
        )
    else:
        return
    allowed = "a place further down, or decides: where_and_whether"
    fault(f"stages[{at}]", "outcome", found, allowed)


def _wrong_group(key: str, value: Any) -> str:
    """What is allowed for a fact of a group, when the value is not; otherwise an empty text."""
    if key in ("min_size", "max_size"):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if whole and value >= 1 else "a whole number, 1 or more"
    if key in ("single_parent", "lone_older", "linked"):
        return "" if isinstance(value, bool) else "true or false"
    if key == "priority":
        return "" if value in PRIORITIES else one_of(PRIORITIES)
    return (
        "" if isinstance(value, str) and value else "one code, in quotes where YAML asks for it"
    )


def _wrong(stage: str, key: str, value: Any) -> str:
    """What is allowed, when the value of a setting is not; otherwise an empty text."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if key in ("priority", "category"):
        fine = isinstance(value, dict) and all(
            isinstance(v, (int, float)) and not isinstance(v, bool) and v >= 0
            for v in value.values()
        )
        if fine and key == "priority":
            fine = all(k in PRIORITIES for k in value)
        return "" if fine else "a weight of 0 or more for each code"
    if key == "use_acceptance":
        return "" if isinstance(value, bool) else "true or false"
    if key == "decides":
        words = ("where", "where_and_whether")
        return "" if value in words else one_of(words)
    if key == "per":
        return "" if value in ("case", "person") else "case or person"
    if key in ("may_lose", "later_window_counts"):
        return "" if number and 0 <= value <= 1 else "a number from 0 to 1"
    return "" if number and value >= 0 else "a number, 0 or more"
