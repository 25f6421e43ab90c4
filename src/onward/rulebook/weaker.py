"""Every way in which a rulebook is weaker than its protection floor.

In come a rulebook and a floor; out comes one fault for every way in which the rulebook is
weaker: a safeguard missing, detached, made overridable, asked later, loosened, made constant or
no longer reading its facts; a setting, a join or a starting answer that lets more through; a
step that can be taken from elsewhere; a recording move that walks around a gate; a planted
situation that no longer blocks. A condition is accepted only when its form shows that it is at
least as strict: what cannot be shown is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from onward.errors import Fault, Faults, one_of
from onward.rulebook.floor import SENSITIVITY, Floor
from onward.rulebook.form import as_strict, form, negatively_read, relation_form
from onward.rulebook.model import Fact, Finding, Move, Rulebook, Transition
from onward.rulebook.situations import (
    Interpreter,
    Situation,
    no_longer_blocked,
    read_situations,
)
from onward.rulebook.worlds import always_true


def compare(rulebook: Rulebook, floor: Floor) -> list[Fault]:
    """Every way in which a rulebook is weaker than a floor; [] when it is nowhere weaker."""
    return _Comparison(rulebook, floor).faults()


class _Comparison:
    """Collects the faults; each method looks at one part of the rulebook."""

    def __init__(self, rulebook: Rulebook, floor: Floor) -> None:
        self.rulebook = rulebook
        self.floor = floor
        self.least = floor.least
        self.found: list[Fault] = []
        self.ours = Interpreter(rulebook)
        self.theirs = Interpreter(floor.least)

    def fault(self, line: int, field: str, found: str, allowed: str) -> None:
        self.found.append(
            Fault(self.rulebook.file, f"line {line}" if line else "", field,
                  f"weaker than the protection floor: {found}", allowed)
        )  # fmt: skip

    def faults(self) -> list[Fault]:
        if self.rulebook.floor != self.floor.name:
            self.fault(
                line_in(self.rulebook, "floor"),
                "floor",
                f'"{self.rulebook.floor}"',
                self.floor.name,
            )
        self.facts()
        self.relations()
        self.settings()
        self.safeguards()
        self.states()
        self.steps()
        self.new_moves()
        self.units()
        self.situations()
        return list(dict.fromkeys(self.found))

    # -- what is known --------------------------------------------------------------------------
    def facts(self) -> None:
        negative = set()
        for safeguard in self.least.safeguards.values():
            for finding in safeguard.findings.values():
                condition = self.theirs.condition(finding)
                negative |= set(negatively_read(condition.node, self.theirs))
        for kind, least in self.least.kinds.items():
            ours = self.rulebook.kinds.get(kind)
            if ours is None:
                self.fault(
                    line_in(self.rulebook, "kinds"),
                    f"kinds.{kind}",
                    f"{kind} is missing",
                    f"a kind called {kind}",
                )
                continue
            for ref, target in least.refs.items():
                if ours.refs.get(ref) != target:
                    self.fault(ours.line, f"kinds.{kind}.refs.{ref}",
                               f"{ref} points to {ours.refs.get(ref, 'nothing')}", target)  # fmt: skip
            for name, want in least.facts.items():
                self.fact(want, ours.facts.get(name), ours.line, (kind, name) in negative)
        for kind, name in sorted(self.floor.absent_facts):
            known = self.rulebook.kinds.get(kind)
            if known is not None and name in known.facts:
                self.fault(known.facts[name].line, f"kinds.{kind}.facts.{name}",
                           f"{name} is recorded, which this floor does not protect",
                           "no such fact, or the floor of an operation that needs it")  # fmt: skip
        for step in self.rulebook.transitions.values():
            for pathway in dict.fromkeys(
                (step.pathway, *(m.pathway for m in step.moves.values()))
            ):
                if pathway not in (*self.floor.pathways, "common", "chosen"):
                    self.fault(step.line, f"transitions.{step.name}.pathway",
                               f"the pathway {pathway} has no place under this floor",
                               one_of(self.floor.pathways))  # fmt: skip

    def fact(self, want: Fact, have: Fact | None, line: int, negative: bool) -> None:
        path = f"kinds.{want.kind}.facts.{want.name}"
        if have is None:
            self.fault(line, path, "a fact that safeguards read is missing", f"{want.name}")
            return
        if have.type != want.type:
            self.fault(have.line, f"{path}.type", f"type {have.type}", want.type)
        stricter = SENSITIVITY[SENSITIVITY.index(want.sensitivity) :]
        if have.sensitivity in SENSITIVITY and have.sensitivity not in stricter:
            self.fault(have.line, f"{path}.sensitivity", have.sensitivity,
                       f"{want.sensitivity} or stricter")  # fmt: skip
        if have.starts != want.starts:
            self.fault(have.line, f"{path}.starts",
                       f"a new record starts with {_answer(have.starts)}", _answer(want.starts))  # fmt: skip
        missing = [code for code in want.allowed if code not in have.allowed]
        added = [code for code in have.allowed if code not in want.allowed]
        if missing:
            self.fault(have.line, f"{path}.allowed", f"without {one_of(missing)}",
                       one_of(want.allowed))  # fmt: skip
        if added and negative:
            self.fault(have.line, f"{path}.allowed",
                       f"{one_of(added)} would pass where a safeguard asks for something else",
                       f"exactly {one_of(want.allowed)}")  # fmt: skip

    def relations(self) -> None:
        for kind, relations in self.least.relations.items():
            for name, want in relations.items():
                have = self.rulebook.relations.get(kind, {}).get(name)
                path = f"relations.{kind}.{name}"
                if have is None:
                    self.fault(
                        line_in(self.rulebook, "relations"),
                        path,
                        "missing",
                        f"a relation called {name}",
                    )
                elif relation_form(have) != relation_form(want):
                    pairs = ", ".join(f"{a}: {b}" for a, b in want.join.items())
                    closed = f", closed_by {want.closed_by.fact}" if want.closed_by else ""
                    self.fault(have.line, path, "joined otherwise",
                               f"{want.kind} by {{{pairs}}}{closed}")  # fmt: skip

    def settings(self) -> None:
        for name, (direction, limit) in self.floor.bounds.items():
            have = self.rulebook.settings.get(name)
            words = f"{direction.replace('_', ' ')} {limit}"
            if have is None:
                self.fault(
                    line_in(self.rulebook, "settings"), f"settings.{name}", "missing", words
                )
            elif (have > limit) if direction == "at_most" else (have < limit):
                self.fault(
                    line_in(self.rulebook, "settings", name),
                    f"settings.{name}",
                    f"{have} days",
                    words,
                )

    # -- what must be true ----------------------------------------------------------------------
    def safeguards(self) -> None:
        for name, least in self.least.safeguards.items():
            ours = self.rulebook.safeguards.get(name)
            for key, want in least.findings.items():
                have = ours.findings.get(key) if ours else None
                path = f"safeguards.{name}.{key}"
                if have is None:
                    line = ours.line if ours else line_in(self.rulebook, "safeguards")
                    self.fault(line, path, "missing", f"the finding {name}.{key}")
                    continue
                if want.hard and not have.hard:
                    self.fault(have.line, f"{path}.hard", "made overridable", "hard: true")
                if have.at and not want.at:
                    self.fault(have.line, f"{path}.at", f"asked only at {have.at}",
                               "asked at decision and at movement")  # fmt: skip
                if have.owner != want.owner:
                    self.fault(have.line, f"{path}.owner", f"the remedy is owned by {have.owner}",
                               want.owner)  # fmt: skip
                self.condition(have, want, path)

    def condition(self, have: Finding, want: Finding, path: str) -> None:
        try:
            condition = self.ours.condition(have)
            new = form(condition.node, self.rulebook, self.ours)
        except Faults:
            return  # said by the check of the grammar
        reads = condition.reads_raw
        gone = sorted(self.floor.reads.get(want.key, frozenset()) - reads)
        if gone:
            self.fault(have.line, f"{path}.must",
                       f"does not read {one_of(f'{kind}.{column}' for kind, column in gone)}",
                       "a condition that reads every fact of the floor's")  # fmt: skip
        if always_true(condition, self.ours):
            self.fault(have.line, f"{path}.must", "true whatever the facts",
                       "a condition that can fail")  # fmt: skip
        least = form(self.theirs.condition(want).node, self.least, self.theirs)
        if not as_strict(new, least):
            self.fault(have.line, f"{path}.must",
                       "cannot be shown to ask at least what the floor asks",
                       f"{want.condition} (add to it with AND)")  # fmt: skip

    # -- how a person moves ---------------------------------------------------------------------
    def states(self) -> None:
        for axis, least in self.least.axes.items():
            for name, want in least.states.items():
                have = self.rulebook.axes[axis].states.get(name)
                if have is not None and have.ends != want.ends:
                    self.fault(line_in(self.rulebook, "axes", name), f"axes.{axis}.states.{name}.ends", f'"{have.ends}"',
                               f'"{want.ends}"')  # fmt: skip

    def steps(self) -> None:
        moves = self.rulebook.moves()
        missing_always = set(self.least.movement_always) - set(self.rulebook.movement_always)
        for name in sorted(missing_always):
            self.fault(line_in(self.rulebook, "movement_always"), "movement_always", f"{name} is not asked of every movement",
                       one_of(self.least.movement_always))  # fmt: skip
        for name, want in self.least.transitions.items():
            have = self.rulebook.transitions.get(name)
            path = f"transitions.{name}"
            if have is None:
                if name not in self.floor.may_leave_out:
                    self.fault(
                        line_in(self.rulebook, "transitions"),
                        path,
                        "the step is missing",
                        f"a transition {name}",
                    )
                continue
            if have.pathway != want.pathway:
                self.fault(have.line, f"{path}.pathway", have.pathway, want.pathway)
            detached = [s for s in want.safeguards if s not in have.safeguards]
            if detached:
                self.fault(have.line, f"{path}.safeguards", f"{one_of(detached)} detached",
                           ", ".join(want.safeguards))  # fmt: skip
            if want.movement and not have.movement:
                self.fault(
                    have.line, f"{path}.movement", "no longer a movement", "movement: true"
                )
            left_out = self.floor.may_leave_out - set(self.rulebook.transitions)
            shorter = [s for s in want.path if s not in have.path and s not in left_out]
            if want.movement and shorter:
                self.fault(have.line, f"{path}.path", f"the path leaves out {one_of(shorter)}",
                           ", ".join(want.path))  # fmt: skip
            if have.records and not want.records:
                self.fault(have.line, f"{path}.records", "made recording, so never refused",
                           "no records: true on a gated step")  # fmt: skip
            if want.records and not have.records:
                self.fault(have.line, f"{path}.records", "no longer always recordable",
                           "records: true")  # fmt: skip
            for move in want.moves.values():
                self.move(move, moves.get(move.key), have)

    def move(self, want: Move, have: Move | None, step: Transition) -> None:
        path = f"transitions.{step.name}.moves.{want.name}"
        if have is None:
            if want.records:
                self.fault(step.line, path, "can no longer be recorded", "this move")
            return
        if have.records != want.records:
            said = (
                "made recording, so never refused" if have.records else "no longer recordable"
            )
            self.fault(
                step.line, f"{path}.records", said, f"records: {str(want.records).lower()}"
            )
        if want.moves_out and not have.moves_out:
            self.fault(step.line, f"{path}.moves_out", "no longer leaves the place",
                       "moves_out: true")  # fmt: skip
        if have.pathway != want.pathway:
            self.fault(step.line, f"{path}.pathway", have.pathway, want.pathway)
        if have.targets != want.targets:
            self.fault(step.line, f"{path}.to", _states(have.targets), _states(want.targets))
        for axis in dict.fromkeys((*want.sources, *have.sources)):
            least, ours = want.sources.get(axis), have.sources.get(axis)
            if want.records:
                # What happened may be recorded from every state the floor names and this
                # rulebook has.
                here = set(self.rulebook.axes[axis].states)
                narrow = ours is not None and (
                    least is None or not set(least) & here <= set(ours)
                )
                if narrow:
                    self.fault(step.line, f"{path}.from.{axis}", "recordable from fewer states",
                               one_of(least or ("any state",)))  # fmt: skip
            elif least is not None and (ours is None or not set(ours) <= set(least)):
                wider = sorted(set(ours or ()) - set(least)) or ["any state"]
                self.fault(step.line, f"{path}.from.{axis}", f"may start from {one_of(wider)}",
                           one_of(least))  # fmt: skip
        if self.least.is_movement(want):
            asked = self.rulebook.safeguards_for(have, "movement")
            union = self.least.safeguards_for(want, "movement")
            left_out = {
                s
                for name in self.floor.may_leave_out - set(self.rulebook.transitions)
                for s in self.least.transitions[name].safeguards
            }
            kept = {
                s
                for name in (want.transition, *self.least.transitions[want.transition].path)
                if name in self.rulebook.transitions
                for s in self.least.transitions[name].safeguards
            }
            lost = [
                s for s in union if s not in asked and not (s in left_out and s not in kept)
            ]
            if not self.rulebook.is_movement(have) or lost:
                self.fault(step.line, path,
                           f"{one_of(lost or ('nothing',))} not asked at movement",
                           ", ".join(union))  # fmt: skip

    def new_moves(self) -> None:
        """Steps the floor does not know, and the states a record begins in, may not walk around
        a gate that it does."""
        known = self.least.moves()
        gates: dict[tuple[str, str], set[str]] = {}
        recordable: set[tuple[str, str]] = set()
        for move in known.values():
            asked = set(self.least.safeguards_for(move, "decision"))
            for target in move.targets.items():
                if move.records:
                    recordable.add(target)
                elif asked:
                    gates[target] = gates.get(target, asked) & asked
        for begins in self.rulebook.axes.values():
            least = (
                self.least.axes[begins.name].starts if begins.name in self.least.axes else ""
            )
            begun = (begins.name, begins.starts)
            if begins.starts != least and (begun in gates or begins.states[begins.starts].ends):
                self.fault(line_in(self.rulebook, "axes", "starts"), f"axes.{begins.name}.starts",
                           f"records begin in {begins.starts}, beyond a gate", least)  # fmt: skip
        for move in self.rulebook.moves().values():
            if move.key in known:
                continue
            step = self.rulebook.transitions[move.transition]
            path = f"transitions.{step.name}.moves.{move.name}"
            moving = self.rulebook.is_movement(move)
            asked = set(
                self.rulebook.safeguards_for(move, "movement" if moving else "decision")
            )
            gated = [target for target in move.targets.items() if target in gates]
            if move.records:
                for axis, state in gated:
                    if (axis, state) not in recordable:
                        self.fault(step.line, path,
                                   f"records its way into {axis} {state}, which is gated",
                                   "a move that answers to its safeguards")  # fmt: skip
                continue
            needed = set().union(*(gates[target] for target in gated)) if gated else set()
            leaves = "place" in move.targets or move.moves_out or self._ends(move)
            if leaves:
                needed |= set(self.floor.new_movements_ask)
                if not moving:
                    self.fault(step.line, path, "the person leaves, but it is no movement",
                               "movement: true with a path, and moves_out: true where the "
                               "place does not change")  # fmt: skip
            lacking = sorted(needed - asked)
            if lacking:
                self.fault(step.line, path, f"does not ask {one_of(lacking)}",
                           one_of(sorted(needed)))  # fmt: skip

    def _ends(self, move: Move) -> bool:
        return any(
            self.rulebook.axes[axis].states[state].ends for axis, state in move.targets.items()
        )

    def units(self) -> None:
        if self.rulebook.movement_units != self.least.movement_units:
            want = self.least.movement_units
            self.fault(line_in(self.rulebook, "movement_units"), "movement_units", "who travels together is decided otherwise",
                       f"group_by {want.group_by}, together_when {one_of(want.together_when)}, "
                       f"children_follow {want.children_follow}, {want.when_members_diverge}")  # fmt: skip

    # -- planted situations ---------------------------------------------------------------------
    def situations(self) -> None:
        """One fault per finding that lets planted situations through, with the first of them."""
        open_now: dict[str, list[str]] = {}
        for situation in floor_situations(self.floor, self.rulebook):
            try:
                keys = no_longer_blocked(situation, self.rulebook, self.ours)
            except Faults:
                continue  # a condition outside the grammar: said by the check of the grammar
            for key in keys:
                open_now.setdefault(key, []).append(f'"{situation.text}" ({situation.step})')
        for key, texts in open_now.items():
            safeguard, _, name = key.partition(".")
            ours = self.rulebook.safeguards.get(safeguard)
            finding = ours.findings.get(name) if ours else None
            more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
            self.fault(finding.line if finding else 0, f"safeguards.{key}",
                       f"planted situation no longer blocked: {texts[0]}{more}",
                       f"blocked by {key}")  # fmt: skip


def floor_situations(floor: Floor, rulebook: Rulebook) -> list[Situation]:
    """The floor's planted situations as a rulebook sees them; those about a step it does not
    have are left out."""
    return [
        situation
        for name, data in floor.situations.items()
        for situation in read_situations(data, rulebook, file=name, lenient=True)
    ]


def line_in(rulebook: Rulebook, section: str, name: str = "") -> int:
    """The line of an entry that the plain data does not carry; 0 when not found."""
    inside = False
    for number, line in enumerate(rulebook.source_text.splitlines(), 1):
        if line and not line[0].isspace() and not line.startswith("#"):
            inside = line.startswith(f"{section}:")
            if inside and not name:
                return number
        elif inside and line.strip().startswith(f"{name}:"):
            return number
    return 0


def _answer(starts: bool | str | None) -> str:
    return "no answer" if starts is None else str(starts).lower()


def _states(targets: Mapping[str, str]) -> str:
    return ", ".join(f"{axis} {state}" for axis, state in targets.items()) or "no change"
