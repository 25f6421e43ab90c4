"""What the report has to know of a rulebook, read off the rulebook itself.

Exists so that no state, process or outcome of one kind of operation is written into the report:
a rulebook for plain voluntary return is read by the same lines. Comes in: a rulebook. Goes out:
which states mean gone, declining, pending or accepted, which steps decide a claim, and what
each way of leaving is called. Legal states are told apart by UNHCR's codes (REF, OIP, ASY).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from onward.rulebook.model import Move, Rulebook

LEAVES = ("outcome", "handover")
LOST = ("absence", "death")
CHOSEN = "chosen"
COMMON = "common"


@dataclass(frozen=True)
class Reading:
    """The rulebook as the report reads it."""

    rulebook: Rulebook

    def _steps(self) -> list[Move]:
        return list(self.rulebook.moves().values())

    def _choosing(self, move: Move) -> bool:
        return self.rulebook.transitions[move.transition].pathway == CHOSEN

    # -- leaving

    @cached_property
    def exits(self) -> dict[str, str]:
        """Stage in which a person is gone by an outcome or a hand-over -> the way."""
        found: dict[str, str] = {}
        for name, state in self.rulebook.axes["stage"].states.items():
            if state.ends not in LEAVES:
                continue
            ways = [f.gone for f in self.rulebook.forecast_states.values()
                    if f.gone and name in f.where.get("stage", ())]  # fmt: skip
            ways += [m.pathway for m in self._steps() if m.targets.get("stage") == name]
            found[name] = ways[0] if ways else name
        return found

    @cached_property
    def ways(self) -> tuple[str, ...]:
        """Ways of leaving in the rulebook's order, hand-over included, absence and death not."""
        return tuple(dict.fromkeys(self.exits.values()))

    @cached_property
    def lost(self) -> dict[str, str]:
        """Stage in which a person is absent or dead -> its name."""
        states = self.rulebook.axes["stage"].states
        return {name: name for name, state in states.items() if state.ends in LOST}

    def way(self, way: str) -> str:
        """What a way of leaving is called: the titles of the states it ends in."""
        titles = [f.title for f in self.rulebook.forecast_states.values() if f.gone == way]
        return " or ".join(t if i == 0 else _lower(t) for i, t in enumerate(titles)) or _title(
            way
        )

    def lost_places(self) -> set[str]:
        """Places of the absent and the dead."""
        states = self.rulebook.axes["stage"].states
        return {
            move.targets["place"]
            for move in self._steps()
            if "place" in move.targets
            and "stage" in move.targets
            and states[move.targets["stage"]].ends in LOST
        }

    def moves_within(self) -> set[str]:
        """Keys of movements after which the person is still here: relocations."""
        states = self.rulebook.axes["stage"].states
        return {
            move.key
            for move in self._steps()
            if self.rulebook.is_movement(move)
            and not move.records
            and "place" in move.targets
            and not states[move.targets.get("stage", self.rulebook.axes["stage"].starts)].ends
        }

    # -- choosing

    @cached_property
    def pathways(self) -> dict[str, str]:
        """Pathway a person may choose -> the stage that choice leads to."""
        found: dict[str, str] = {}
        for move in self._steps():
            if (
                self._choosing(move)
                and not move.records
                and move.pathway not in (CHOSEN, COMMON)
            ):
                found.setdefault(move.pathway, move.targets.get("stage", ""))
        return found

    def choice(self, pathway: str) -> str:
        """What a choice is called, by the state it leads to."""
        states = self.rulebook.axes["stage"].states
        stage = self.pathways.get(pathway, "")
        return states[stage].title if stage in states else _title(pathway)

    def may_choose(self) -> set[str]:
        """Stages in which a choice can be recorded: the person has been counselled and heard."""
        return {
            stage
            for move in self._steps()
            if self._choosing(move) and not move.records
            for stage in move.sources.get("stage", ())
        }

    def eligible(self, pathway: str) -> list[dict[str, tuple[str, ...]]]:
        """States on the other axes from which the first step after choosing can be taken.

        One mapping per first step; a person fits when any of them holds. None: everybody fits.
        """
        stage = self.pathways[pathway]
        first = [
            {axis: states for axis, states in move.sources.items() if axis != "stage"}
            for move in self._steps()
            if not self._choosing(move) and not move.records and move.pathway == pathway
            and stage in move.sources.get("stage", ())
        ]  # fmt: skip
        return first or [{}]

    def declining(self) -> set[str]:
        """Stages that are reached only by recording that the person declined."""
        states = self.rulebook.axes["stage"].states
        by: dict[str, list[bool]] = {}
        for move in self._steps():
            stage = move.targets.get("stage")
            if stage is not None and not states[stage].ends:
                by.setdefault(stage, []).append(move.records)
        return {stage for stage, records in by.items() if all(records)}

    # -- claims

    def coded(self, code: str) -> set[str]:
        """Legal states that carry a UNHCR code."""
        legal = self.rulebook.axes.get("legal")
        return {n for n, s in legal.states.items() if s.code == code} if legal else set()

    @cached_property
    def decisions(self) -> dict[str, str]:
        """Move that decides a claim -> "recognised", "complementary" or "negative", at first
        instance: steps some of whose moves recognise and which start from a claim nobody has
        decided yet."""
        return self._deciding(first=True)

    @cached_property
    def appeals(self) -> dict[str, str]:
        """The same for a later instance: steps that start only from a negative decision."""
        return self._deciding(first=False)

    def _deciding(self, *, first: bool) -> dict[str, str]:
        pending = self.coded("ASY")
        negative = {
            move.targets["legal"]
            for move in self._steps()
            if move.targets.get("legal") in pending
            and any(s in pending and s != move.targets["legal"] for s in move.sources.get("legal", ()))
        }  # fmt: skip
        found: dict[str, str] = {}
        for step in self.rulebook.transitions.values():
            moves = [m for m in step.moves.values()
                     if set(m.sources.get("legal", ())) & pending and not m.records
                     and "legal" in m.targets]  # fmt: skip
            kinds = {m.key: self._finding(m.targets["legal"]) for m in moves}
            starts = {s for m in moves for s in m.sources["legal"]} & pending
            if "recognised" not in kinds.values() or not starts or step.records:
                continue
            if (starts <= negative) != first:
                found.update(kinds)
        return found

    def _finding(self, state: str) -> str:
        code = self.rulebook.axes["legal"].states[state].code
        return {"REF": "recognised", "OIP": "complementary"}.get(code, "negative")

    @cached_property
    def claim_process(self) -> str:
        """The process that the decisions close; "" when there is none."""
        keys = {*self.decisions, *self.appeals}
        found = [
            p.name for p in self.rulebook.processes.values()
            if keys & {*p.closes} or {k.split(".")[0] for k in keys} & {*p.closes}
        ]  # fmt: skip
        return found[0] if found else ""

    # -- places

    def place_steps(self, capacity: str) -> tuple[set[str], dict[str, bool]]:
        """Whoever uses a place of this kind: (stages of those accepted and not yet gone, moves
        of the decision before -> whether it accepts)."""
        waiting: set[str] = set()
        decided: dict[str, bool] = {}
        for step in self.rulebook.transitions.values():
            if step.consumes != capacity or not step.movement:
                continue
            for move in step.moves.values():
                if self.rulebook.is_movement(move) and not move.records:
                    waiting |= set(move.sources.get("stage", ()))
            before = self.rulebook.transitions[step.path[-1]] if step.path else None
            for move in before.moves.values() if before else ():
                target = move.targets.get("stage")
                if target in waiting:
                    decided[move.key] = True
                elif target is not None and target not in move.sources.get("stage", ()):
                    decided[move.key] = False
        return waiting, decided

    def place_ways(self, capacity: str) -> set[str]:
        """Ways by which people leave who used a place of this kind."""
        return {
            self.exits[move.targets["stage"]]
            for step in self.rulebook.transitions.values()
            if step.consumes == capacity
            for move in step.moves.values()
            if move.targets.get("stage") in self.exits
        }


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
