"""Which recorded facts run out, read off the rulebook's own conditions.

Exists so that "what lapses" can never disagree with the safeguards: a consent older than the
configured age, a fitness check, a permit's last day are found where the safeguard asks for
them. In comes a rulebook; out come clocks: a dated column, how long it holds, and which rows
count. Two shapes are clocks: `date_diff('day', made_on, :on) <= some_setting`, and
`valid_to >= :on`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from onward.rulebook.grammar import (
    And,
    Column,
    Compare,
    Days,
    Known,
    Node,
    Not,
    OneOf,
    Or,
    Parameter,
    Quantifier,
    Setting,
    Value,
    parse_condition,
)
from onward.rulebook.model import Finding, Rulebook

STATUS_BY_LAW = {
    "GC4": "not ended by an expiry alone: protection continues until release, repatriation or "
    "re-establishment (GC IV Art. 6(4)); responsibility may pass under Art. 45(3)",
    "REF": "never by date: recognition declares the status; only cessation, cancellation or "
    "revocation ends it, person by person (1951 Convention Art. 1C)",
    "ASY": "never by date: it lasts until the final decision on the claim",
    "STA": "never by date: only a nationality ends it",
}
"""What the law says of statuses by their code (RDF, and GC4 of this product)."""

NEVER_BY_DATE = frozenset(STATUS_BY_LAW)


@dataclass(frozen=True)
class Filter:
    """One thing a row must say to count: column, accepted values, and whether negated."""

    column: str
    values: tuple[object, ...]
    negated: bool = False


@dataclass(frozen=True)
class Clock:
    """A dated column that runs out.

    kind     the kind of row; column: its date
    days     whole days it holds after that date; 0: the date is the last day itself
    setting  the rulebook's setting `days` came from ("" when written as a number or a last day)
    filters  what else the row must say to count
    groups   columns asked for by destination or pathway: the newest row per person and group
             is the one that matters
    finding  the safeguard's finding that asks for it, in the rulebook's order
    """

    kind: str
    column: str
    days: int
    setting: str
    filters: tuple[Filter, ...]
    groups: tuple[str, ...]
    finding: str
    remedy: str
    owner: str

    @property
    def id(self) -> str:
        words = "_".join(
            str(f.values[0])
            for f in self.filters
            if len(f.values) == 1 and isinstance(f.values[0], str)
        )
        return ".".join(part for part in (self.kind, words, self.column) if part)


def clocks(rulebook: Rulebook) -> tuple[Clock, ...]:
    """Every clock of a rulebook's conditions, each once, in the rulebook's order.

    raises  Faults when a condition of the rulebook is outside the grammar
    """
    found: dict[tuple[object, ...], Clock] = {}
    for finding, node in _asked(rulebook):
        for compare, beside in _conjunctions(node):
            clock = _clock(compare, beside, finding)
            if clock is not None:
                key = (clock.kind, clock.column, clock.days, clock.filters, clock.groups)
                found.setdefault(key, clock)
    return tuple(found.values())


def _asked(rulebook: Rulebook) -> Iterator[tuple[Finding, Node]]:
    """Every finding's tree, and the trees of the derived facts it reaches."""
    derived = {
        (d.kind, d.name): d for facts in rulebook.derived.values() for d in facts.values()
    }
    for guard in rulebook.safeguards.values():
        for finding in guard.findings.values():
            waiting = [(finding.condition, "person")]
            seen: set[tuple[str, str]] = set()
            while waiting:
                text, kind = waiting.pop()
                condition = parse_condition(text, kind=kind, rulebook=rulebook)
                yield finding, condition.node
                for key in sorted(condition.reads):
                    if key in derived and key not in seen:
                        seen.add(key)
                        waiting.append((derived[key].condition, key[0]))


def _conjunctions(node: Node) -> Iterator[tuple[Compare, tuple[Node, ...]]]:
    """Every comparison that is asked for, with what is asked beside it. Not under NOT."""
    if isinstance(node, And):
        flat: list[Node] = []
        waiting = list(reversed(node.parts))
        while waiting:
            part = waiting.pop()
            if isinstance(part, And):
                waiting.extend(reversed(part.parts))
            else:
                flat.append(part)
        for part in flat:
            if isinstance(part, Compare):
                yield part, tuple(other for other in flat if other is not part)
            else:
                yield from _conjunctions(part)
    elif isinstance(node, Or):
        for part in node.parts:
            yield from _conjunctions(part)
    elif isinstance(node, Quantifier):
        yield from _conjunctions(node.part)
    elif isinstance(node, Compare):
        yield node, ()


def _clock(compare: Compare, beside: tuple[Node, ...], finding: Finding) -> Clock | None:
    left, op, right = compare.left, compare.op, compare.right
    column: Column | None = None
    days, setting = 0, ""
    if isinstance(left, Days) and op in ("<", "<="):
        if not (isinstance(left.end, Parameter) and isinstance(left.start, Column)):
            return None
        if isinstance(right, Setting):
            days, setting = right.value, right.name
        elif isinstance(right, Value) and isinstance(right.value, int):
            days = right.value
        else:
            return None
        column = left.start
        days -= 1 if op == "<" else 0
    elif isinstance(left, Column) and isinstance(right, Parameter) and op in (">=", ">"):
        column = left
        days = 0 if op == ">=" else -1
    elif isinstance(right, Column) and isinstance(left, Parameter) and op in ("<=", "<"):
        column = right
        days = 0 if op == "<=" else -1
    if column is None or column.level or column.role != "fact" or column.type != "date":
        return None
    filters, groups = [], []
    for other in beside:
        group = _group(other)
        if group:
            groups.append(group)
        one = _filter(other)
        if one is not None:
            filters.append(one)
    return Clock(
        column.kind, column.name, days, setting, tuple(filters), tuple(sorted(groups)),
        finding.key, finding.remedy, finding.owner_role,
    )  # fmt: skip


def _group(node: Node) -> str:
    if isinstance(node, Compare) and node.op == "=":
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(one, Column) and not one.level and isinstance(other, Parameter):
                return one.name if one.role == "fact" else ""
    return ""


def _filter(node: Node) -> Filter | None:
    """A condition on the row's own raw facts, or None: what is left out only widens."""
    if isinstance(node, Not):
        inner = _filter(node.part)
        return Filter(inner.column, inner.values, not inner.negated) if inner else None
    if isinstance(node, Known) and _own(node.column):
        return Filter(node.column.name, (True,))
    if isinstance(node, Compare) and node.op in ("=", "<>"):
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(one, Column) and _own(one) and isinstance(other, Value):
                return Filter(one.name, (other.value,), node.op == "<>")
    if isinstance(node, OneOf) and isinstance(node.term, Column) and _own(node.term):
        return Filter(node.term.name, tuple(value.value for value in node.values))
    return None


def _own(column: Column) -> bool:
    return not column.level and column.role == "fact"
