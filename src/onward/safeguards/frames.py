"""Rows that are judged together, and what the rows they reach say of each: stages of one chain.

Exists because there is no correlated subquery: rows reached through a relation are joined once per
relation, judged pair by pair and grouped back. Comes in: quantifiers over relations (`Frame.need`).
Goes out: their columns, TRUE, FALSE or NULL, in stages of a chain (`Chain`).

How a relation's rows are joined, when some references are unknown: each join pair is either
known equal (E), unknown because their side is NULL (I), or unknown because ours is (O); one
branch of a UNION per combination that can occur, so that every branch is an ordinary equality
join. A row that is only possibly joined can never make any_true TRUE and always keeps all_true
from being TRUE unless it satisfies the condition (see rulebook/grammar.py for the meaning).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from onward.engine import Stage, quoted
from onward.rulebook.grammar import And, Node, Not, Or, Quantifier
from onward.rulebook.model import Relation
from onward.safeguards.asking import reach, shifted
from onward.safeguards.expression import Scope, sql_of

KIND = "kind_"  # an input table's name is kind_ and the kind


@dataclass
class _Gathered:
    """One quantifier's column in the stage that gathers a relation's rows."""

    name: str
    quantifier: Quantifier
    code: str = ""  # SQL of the pair's value: 2 TRUE, 1 unknown, 0 FALSE
    outer: list[str] = field(default_factory=list)  # outer columns the value reads


@dataclass
class _Pairs:
    """A quantifier judged pair by pair, because its condition reads rows on both sides of a
    nested quantifier."""

    outer: Frame
    pairs: Frame
    inner: Frame
    gathered: _Gathered
    value: str
    rank: int


class Frame:
    """Rows to be judged, one key each, and the quantifier columns they need.

    Level 0 is the frame's own row; a frame of pairs also carries the rows outside it, its
    columns prefixed with their level (outer1__household). Columns added by quantifiers come in
    layers: a quantifier of rank r may read those of lower rank.
    """

    def __init__(
        self, plan: Chain, name: str, kinds: Sequence[str], *, key: str, depth: int
    ) -> None:
        self.plan = plan
        self.name = name
        self.kinds = tuple(kinds)
        self.key = key
        self.depth = depth  # what this frame's relations reach stands one deeper
        self.columns: dict[str, int] = {}  # quantifier column -> rank
        self._names: dict[str, str] = {}
        self._groups: dict[tuple[int, str], list[_Gathered]] = {}
        self._relations: dict[tuple[int, str], Relation] = {}
        self._made: list[tuple[str, list[_Gathered]]] = []  # stages of gathered columns
        self.used: set[str] = set()  # columns of the frame that were read, for pairs

    # -- reading

    def column(self, level: int, name: str) -> str:
        text = name if level == 0 else f"outer{level}__{name}"
        self.used.add(text)
        return text

    def scope(self, alias: str, reading: list[str], ranks: list[int]) -> Scope:
        def column(level: int, name: str) -> str:
            text = self.column(level, name)
            reading.append(text)
            return f"{alias}.{quoted(text)}"

        def quantifier(node: Quantifier) -> str:
            name = self.need(node)
            ranks.append(self.columns[name])
            reading.append(name)
            return f"{alias}.{quoted(name)}"

        def parameter(name: str) -> str:
            self.used.add(name)
            reading.append(name)
            return f"{alias}.{quoted(name)}"

        return Scope(column, quantifier, parameter, self.plan.on)

    def need(self, node: Quantifier) -> str:
        """The column that will hold a quantifier's value for every row of this frame."""
        signature = repr(node)
        if signature in self._names:
            return self._names[signature]
        gathered = _Gathered(self.plan.fresh("q__"), node)
        inner = self.plan.rows(node.relation.kind, self.depth + 1)
        ranks = [-1]
        nested = any(_stays_inside(q) for q in _inner_quantifiers(node.part))
        if nested:
            # A quantifier that reads both its own row and rows outside it is judged on pairs.
            rank = self._need_pairs(gathered, inner)
        else:
            gathered.code = self._code(
                sql_of(node.part, self._joined(inner, gathered.outer, ranks))
            )
            rank = max(ranks) + 1
        self._names[signature] = gathered.name
        self.columns[gathered.name] = rank
        if not nested:
            group = (rank, repr(node.relation))
            self._groups.setdefault(group, []).append(gathered)
            self._relations[group] = node.relation
        return gathered.name

    def _joined(self, inner: Frame, reading: list[str], ranks: list[int]) -> Scope:
        outside = self.scope("o", reading, ranks)
        within = inner.scope("i", [], [])

        def column(level: int, name: str) -> str:
            if level == 0:
                return within.column(0, name)
            return outside.column(level - 1, name)

        def quantifier(node: Quantifier) -> str:
            if node.level == 0:
                return within.quantifier(node)
            lowered = shifted(node, -1)
            assert isinstance(lowered, Quantifier)
            return outside.quantifier(lowered)

        return Scope(column, quantifier, outside.parameter, self.plan.on)

    @staticmethod
    def _code(value: str) -> str:
        return f"COALESCE(2 * CAST({value} AS INTEGER), 1)"

    def _need_pairs(self, gathered: _Gathered, inner: Frame) -> int:
        pairs, scope, ranks = self.open_pairs(inner)
        value = self._code(sql_of(gathered.quantifier.part, scope))
        rank = max(ranks) + 1
        self.plan.pairs.append(_Pairs(self, pairs, inner, gathered, value, rank))
        return rank

    def open_pairs(self, inner: Frame) -> tuple[Frame, Scope, list[int]]:
        """A frame of this frame's rows with the rows they may reach; the scope to read them
        (alias o); the ranks of this frame's columns that were read."""
        pairs = Frame(
            self.plan, self.plan.fresh("pairs"), (inner.kinds[0], *self.kinds),
            key="pair__key", depth=inner.depth,
        )  # fmt: skip
        ranks = [-1]
        scope = pairs.scope("o", [], [])
        own = scope.quantifier

        def quantifier(part: Quantifier) -> str:
            # A quantifier over one row alone is that row's, and only carried along.
            if part.level >= 1:
                lowered = shifted(part, -1)
                assert isinstance(lowered, Quantifier)
                name = self.need(lowered)
                ranks.append(self.columns[name])
                return scope.column(1, name)
            if not _stays_inside(part):
                return scope.column(0, inner.need(part))
            return own(part)

        return pairs, replace(scope, quantifier=quantifier), ranks

    # -- writing

    def top(self) -> int:
        return max(self.columns.values(), default=-1) + 1

    def layer(self, rank: int) -> str:
        """The stage that holds the frame with the quantifier columns below a rank."""
        return self.name if rank <= 0 else f"{self.name}_{rank}"

    def write(self) -> None:
        """Append the frame's own stages, rank by rank, to the plan."""
        for rank in range(self.top()):
            sources: list[tuple[str, list[_Gathered]]] = []
            for group, columns in self._groups.items():
                if group[0] == rank:
                    sources.append((self._gather(group, columns), columns))
            for made in self.plan.pairs:
                if made.outer is self and made.rank == rank:
                    sources.append((self._gather_pairs(made), [made.gathered]))
            self._add_layer(rank, sources)

    def _add_layer(self, rank: int, sources: list[tuple[str, list[_Gathered]]]) -> None:
        self._made += sources
        self.plan.stage(
            self.layer(rank + 1),
            self._with(self.layer(rank), sources),
            f"Every {self.kinds[0]} with what its relations say.",
        )

    def _reading(self, rank: int, columns: list[_Gathered]) -> str:
        """The stage that a relation's rows are gathered from: of what other relations say it
        brings along only what is read, since each is a join."""
        read = {name for gathered in columns for name in gathered.outer}
        sources = [
            (stage, [one for one in made if one.name in read]) for stage, made in self._made
        ]
        needed = [(stage, made) for stage, made in sources if made]
        if needed == self._made:
            return self.layer(rank)
        name = self.plan.fresh(f"{self.name}_read")
        self.plan.stage(
            name,
            self._with(self.name, needed),
            f"Every {self.kinds[0]} with what the next relation reads of others.",
        )
        return name

    def _with(self, stage: str, sources: list[tuple[str, list[_Gathered]]]) -> str:
        """SQL of a stage of this frame and, beside it, quantifier columns from where they were
        gathered."""
        select, joins = ["f.*"], []
        houses: dict[tuple[str, str], str] = {}  # what closes relations, each joined once
        for index, (gathering, columns) in enumerate(sources):
            joins.append(
                f"LEFT JOIN {gathering} AS g{index}"
                f" ON g{index}.gathered_key = f.{quoted(self.key)}"
            )
            for gathered in columns:
                cell = f"g{index}.{gathered.name}"
                closed = gathered.quantifier.relation.closed_by
                if gathered.quantifier.every and closed is not None:
                    via = quoted(self.column(gathered.quantifier.level, closed.via))
                    house = houses.get((closed.kind, via), "")
                    if not house:
                        house = houses[closed.kind, via] = f"d_{gathered.name}"
                        joins.append(
                            f"LEFT JOIN {quoted(KIND + closed.kind)} AS {house}"
                            f" ON {house}.id = f.{via}"
                        )
                    declared = f"{house}.{quoted(closed.fact)}"
                    value = (
                        f"CASE WHEN {cell} = 0 THEN FALSE"
                        f" WHEN {declared} >= 1 AND {cell}_true = {declared}"
                        f" AND {cell}_rows = {declared} THEN TRUE END"
                    )
                elif gathered.quantifier.every:
                    value = (
                        f"CASE WHEN {cell} = 0 THEN FALSE WHEN {cell} = 1 THEN NULL"
                        " ELSE TRUE END"
                    )
                else:
                    value = (
                        f"CASE WHEN {cell} = 2 THEN TRUE WHEN {cell} = 1 THEN NULL"
                        " ELSE FALSE END"
                    )
                select.append(f"{value} AS {gathered.name}")
        return f"SELECT {', '.join(select)} FROM {stage} AS f {' '.join(joins)}"

    def _gather(self, group: tuple[int, str], columns: list[_Gathered]) -> str:
        rank = group[0]
        relation = self._relations[group]
        inner = self.plan.rows(relation.kind, self.depth + 1)
        inner_stage = inner.layer(inner.top())
        outer_stage = self._reading(rank, columns)
        pairs = [(theirs, self._ours(ours)) for theirs, ours in relation.join.items()]
        branches = [
            self._branch(branch, pairs, columns, outer_stage, inner_stage)
            for branch in self._branches(relation)
        ]
        stage = self.plan.fresh(f"{self.name}_{relation.name}_")
        if len(branches) == 1:
            sql = branches[0]
        else:
            again = ", ".join(_again(gathered) for gathered in columns)
            union = " UNION ALL ".join(branches)
            sql = f"SELECT gathered_key, {again} FROM ({union}) AS u GROUP BY gathered_key"
        self.plan.stage(
            stage, sql, f"What each {self.kinds[0]}'s {relation.name} say together.", keep=True
        )
        return stage

    def _ours(self, ours: str) -> str:
        """Our side of a join pair as SQL over the alias o."""
        if ours.startswith("="):
            return ours[1:]
        name = ours[1:] if ours.startswith(":") else ours
        self.used.add(name)
        return f"o.{quoted(name)}"

    def _branches(self, relation: Relation) -> list[str]:
        """E, I or O per join pair: every combination that the data can hold."""
        choices = []
        for theirs, ours in relation.join.items():
            ways = "E"
            if theirs != "id" and self.plan.may_be_null(relation.kind, theirs):
                ways += "I"
            asked = ours.startswith(":") and self.plan.may_be_null("", ours[1:])
            if asked or (ours[0] not in ":=" and self.plan.may_be_null(self.kinds[0], ours)):
                ways += "O"
            choices.append(ways)
        return ["".join(choice) for choice in itertools.product(*choices)]

    def _branch(
        self,
        branch: str,
        pairs: list[tuple[str, str]],
        columns: list[_Gathered],
        outer_stage: str,
        inner_stage: str,
    ) -> str:
        sure = set(branch) == {"E"}
        equal = [
            (theirs, ours)
            for way, (theirs, ours) in zip(branch, pairs, strict=True)
            if way == "E"
        ]
        on = " AND ".join(f"i.{quoted(t)} = {o}" for t, o in equal) or "TRUE"
        values = ", ".join(_first(gathered, sure) for gathered in columns)
        key = quoted(self.key)
        if sure:
            return (
                f"SELECT o.{key} AS gathered_key, {values} FROM {outer_stage} AS o"
                f" JOIN {inner_stage} AS i ON {on} GROUP BY o.{key}"
            )
        theirs_null = [
            f"i.{quoted(t)} IS NULL" if way == "I" else f"i.{quoted(t)} IS NOT NULL"
            for way, (t, _) in zip(branch, pairs, strict=True) if way != "E"
        ]  # fmt: skip
        ours_null = [
            f"{o} IS NULL"
            for way, (_, o) in zip(branch, pairs, strict=True) if way == "O"
        ]  # fmt: skip
        where = " AND ".join(theirs_null)
        out = ", ".join(_carried(gathered, "m") for gathered in columns)
        outer_where = f" WHERE {' AND '.join(ours_null)}" if ours_null else ""
        # Rows joined only perhaps can meet very many people, so they meet each distinct
        # combination of what is read from the person once, and people pick theirs up.
        read = sorted(
            {o for _, o in equal if o.startswith("o.")}
            | {f"o.{quoted(name)}" for g in columns for name in g.outer}
        )
        if 'o."id"' in read:
            where = " AND ".join([where, *ours_null])
            return (
                f"SELECT o.{key} AS gathered_key, {values} FROM {outer_stage} AS o"
                f" JOIN {inner_stage} AS i ON {on} WHERE {where} GROUP BY o.{key}"
            )
        if not read:
            return (
                f"SELECT o.{key} AS gathered_key, {out} FROM (SELECT {values} FROM"
                f" {inner_stage} AS i WHERE {where} HAVING COUNT(*) > 0) AS m"
                f" CROSS JOIN {outer_stage} AS o{outer_where}"
            )
        listed = ", ".join(read)
        match = " AND ".join(f"m.{name[2:]} IS NOT DISTINCT FROM {name}" for name in read)
        return (
            f"SELECT o.{key} AS gathered_key, {out} FROM (SELECT {listed}, {values} FROM"
            f" (SELECT DISTINCT {listed} FROM {outer_stage} AS o{outer_where}) AS o"
            f" JOIN {inner_stage} AS i ON {on} WHERE {where} GROUP BY {listed}) AS m"
            f" JOIN {outer_stage} AS o ON {match}{outer_where}"
        )

    def write_pairs(self, pairs: Frame, inner: Frame, relation: Relation, rank: int) -> str:
        """Append a frame of pairs; returns its last stage, with pair__outer (this frame's key)
        and pair__joined (2 known to be joined, 1 perhaps)."""
        join = [(theirs, self._ours(ours)) for theirs, ours in relation.join.items()]
        # Writing the pairs' own stages tells what they read; their rows come before them.
        before = len(self.plan.stages)
        pairs.write()
        body = self.plan.stages[before:]
        del self.plan.stages[before:]
        known = " AND ".join(f"(i.{quoted(t)} = {o})" for t, o in join) or "TRUE"
        select = [
            f"ROW_NUMBER() OVER (ORDER BY o.{quoted(self.key)}, i.id) AS pair__key",
            f"o.{quoted(self.key)} AS pair__outer",
            f"{self._code('(' + known + ')')} AS pair__joined",
        ]
        for name in sorted(pairs.used):
            head, _, rest = name.partition("__")
            if head == "asked":
                self.used.add(name)
                select.append(f"o.{quoted(name)}")
            elif head.startswith("outer"):
                level = int(head.removeprefix("outer")) - 1
                source = rest if level == 0 else f"outer{level}__{rest}"
                if source not in self.columns:
                    self.used.add(source)
                select.append(f"o.{quoted(source)} AS {quoted(name)}")
            else:
                select.append(f"i.{quoted(name)}")
        self.plan.stage(
            pairs.name,
            f"SELECT {', '.join(select)} FROM {self.layer(rank)} AS o"
            f" JOIN {inner.layer(inner.top())} AS i ON ({known}) IS NOT FALSE",
            f"Each {self.kinds[0]} with each {inner.kinds[0]} it may reach.",
            keep=True,
        )
        self.plan.stages += body
        return pairs.layer(pairs.top())

    def _gather_pairs(self, made: _Pairs) -> str:
        gathered, value = made.gathered, made.value
        node = gathered.quantifier
        last = self.write_pairs(made.pairs, made.inner, node.relation, made.rank)
        code = f"CASE WHEN o.pair__joined = 2 THEN {value} ELSE "
        closed = node.every and node.relation.closed_by is not None
        code += (
            "1 END" if closed
            else f"GREATEST(1, {value}) END" if node.every else f"LEAST(1, {value}) END"
        )  # fmt: skip
        columns = [f"{'MIN' if node.every else 'MAX'}({code}) AS {gathered.name}"]
        if closed:
            columns.append(
                f"SUM(CASE WHEN o.pair__joined = 2 AND {value} = 2 THEN 1 ELSE 0 END)"
                f" AS {gathered.name}_true"
            )
            columns.append(f"COUNT(*) AS {gathered.name}_rows")
        stage = self.plan.fresh(f"{self.name}_{node.relation.name}_")
        self.plan.stage(
            stage,
            f"SELECT o.pair__outer AS gathered_key, {', '.join(columns)}"
            f" FROM {last} AS o GROUP BY o.pair__outer",
            f"What each {self.kinds[0]}'s {node.relation.name} say together.",
            keep=True,
        )
        return stage


def _inner_quantifiers(node: Node) -> list[Quantifier]:
    if isinstance(node, And | Or):
        return [q for part in node.parts for q in _inner_quantifiers(part)]
    if isinstance(node, Not):
        return _inner_quantifiers(node.part)
    return [node] if isinstance(node, Quantifier) else []


def _stays_inside(node: Quantifier) -> bool:
    """Whether a nested quantifier reads its own row and, besides, something of the question
    or of a row further out, so that it can be computed for pairs only."""
    level, asks = reach(node)
    return node.level == 0 and (level > 0 or asks)


def _first(gathered: _Gathered, sure: bool) -> str:
    node, name, code = gathered.quantifier, gathered.name, gathered.code
    closed = node.every and node.relation.closed_by is not None
    if closed:
        value = code if sure else "1"
        true = f"SUM(CASE WHEN {code} = 2 THEN 1 ELSE 0 END)" if sure else "0"
        return f"MIN({value}) AS {name}, {true} AS {name}_true, COUNT(*) AS {name}_rows"
    if node.every:
        return f"MIN({code if sure else f'GREATEST(1, {code})'}) AS {name}"
    return f"MAX({code if sure else f'LEAST(1, {code})'}) AS {name}"


def _again(gathered: _Gathered) -> str:
    node, name = gathered.quantifier, gathered.name
    if node.every and node.relation.closed_by is not None:
        return (
            f"MIN({name}) AS {name}, SUM({name}_true) AS {name}_true,"
            f" SUM({name}_rows) AS {name}_rows"
        )
    return f"{'MIN' if node.every else 'MAX'}({name}) AS {name}"


def _carried(gathered: _Gathered, alias: str) -> str:
    node, name = gathered.quantifier, gathered.name
    names = [name]
    if node.every and node.relation.closed_by is not None:
        names += [f"{name}_true", f"{name}_rows"]
    return ", ".join(f"{alias}.{each}" for each in names)


class Chain:
    """The stages that are being written, and the frames in them.

    nulls  for each (kind, column) of the inputs whether it holds any NULL; columns that are not
           named may
    """

    def __init__(self, on: date, nulls: Mapping[tuple[str, str], bool] | None = None) -> None:
        self.on = on
        self.nulls = nulls or {}
        self.stages: list[Stage] = []
        self.pairs: list[_Pairs] = []
        self.frames: dict[tuple[int, str], Frame] = {}
        self._count = 0

    def fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def rows(self, kind: str, depth: int) -> Frame:
        """The frame of one kind's own rows, whoever asks, so many relations from the person."""
        if (depth, kind) not in self.frames:
            name = f"rows_{kind}" if depth == 1 else f"rows_{kind}_at{depth}"
            self.frames[depth, kind] = Frame(self, name, (kind,), key="id", depth=depth)
        return self.frames[depth, kind]

    def may_be_null(self, kind: str, column: str) -> bool:
        return column != "id" and self.nulls.get((kind, column), True)

    def stage(self, name: str, sql: str, why: str, keep: bool = False) -> None:
        self.stages.append(Stage(name=name, sql=sql, why=why, keep=keep))
