"""Conditions become SQL stages that compute exactly their three-valued meaning.

It exists so that a million people and one person are judged by the same text: every finding is
a boolean column of one chain of named stages over the caseload's tables, TRUE, FALSE or NULL
for unknown. In come parsed conditions; out go stages for an engine. No value of any person's
record is ever written into SQL text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from onward.engine import Stage, quoted
from onward.rulebook.grammar import Node, Quantifier
from onward.rulebook.model import Relation, Rulebook
from onward.safeguards.asking import Expander
from onward.safeguards.expression import columns_of, sql_of, stored
from onward.safeguards.frames import KIND, Chain, Frame


class Compiler(Chain):
    """Collects conditions over the asked people and writes the stages that compute them.

    asked   SQL of one row per question, its FROM clause only: alias p is the person, and
            `columns` says what the asked__… columns and the integer key `ask` are there
    nulls   as in `Chain`
    """

    def __init__(
        self,
        rulebook: Rulebook,
        *,
        on: date,
        nulls: Mapping[tuple[str, str], bool] | None = None,
        asked: str = "",
        columns: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(on, nulls)
        self.rulebook = rulebook
        self.expander = Expander(rulebook)
        self._shown: list[tuple[str, Frame, Frame, Relation, int, dict[str, str]]] = []
        self.asked = Frame(self, "asked", ("person",), key="ask", depth=0)
        self._asked_from = asked
        self._asked_columns = dict(columns or {})

    def expression(self, node: Node) -> str:
        """A boolean SQL expression over the finished asked frame (alias f)."""
        return sql_of(node, self.asked.scope("f", [], []))

    def show_rows(self, node: Quantifier, parts: Sequence[Node]) -> str:
        """Ask for the rows a quantifier of the person may reach, each with the value of some
        parts of its condition (columns v0, v1 …). Returns the stage that will hold them."""
        inner = self.rows(node.relation.kind, 1)
        pairs, scope, ranks = self.asked.open_pairs(inner)
        values = {f"v{index}": sql_of(part, scope) for index, part in enumerate(parts)}
        for index, column in enumerate(columns_of(parts)):
            values[f"n{index}"] = f"({scope.column(column.level, stored(column))} IS NULL)"
        for theirs in node.relation.join:
            values[f"j_{theirs}"] = f"({scope.column(0, theirs)} IS NULL)"
        values["row__id"] = scope.column(0, "id")
        name = self.fresh("shown")
        self._shown.append((name, pairs, inner, node.relation, max(ranks) + 1, values))
        return name

    def finish(self, outputs: Mapping[str, str], *, keep: Sequence[str] = ()) -> list[Stage]:
        """All stages, the last one named "answers": ask, kept columns, one per output."""
        for (_, kind), frame in sorted(self.frames.items(), key=lambda item: -item[0][0]):
            self.stage(
                frame.name, f"SELECT * FROM {quoted(KIND + kind)}", f"Every {kind} on record."
            )
            frame.write()
        # What the asked rows hold is known once everything that reads them is written.
        before = len(self.stages)
        self.asked.write()
        self._write_shown()
        select = [
            f"{self._asked_columns.get(name, f'p.{quoted(name)}')} AS {quoted(name)}"
            # An engine of many machines spreads rows by their first column: by whom they are about.
            for name in ["id", "ask", *sorted((self.asked.used | set(keep)) - {"id", "ask"})]
        ]
        self.stages.insert(
            before,
            Stage(
                name="asked",
                sql=f"SELECT {', '.join(select)} FROM {self._asked_from}",
                why="The people asked about, with the question's destination and pathway.",
                keep=True,
            ),
        )
        select = ["f.ask", *(f"f.{quoted(name)}" for name in keep)]
        select += [f"{sql} AS {quoted(name)}" for name, sql in outputs.items()]
        self.stage(
            "answers",
            f"SELECT {', '.join(select)} FROM {self.asked.layer(self.asked.top())} AS f",
            "Every finding: true, false or unknown.",
        )
        return self.stages

    def _write_shown(self) -> None:
        for name, pairs, inner, relation, rank, values in self._shown:
            last = self.asked.write_pairs(pairs, inner, relation, rank)
            listed = ", ".join(f"{sql} AS {quoted(column)}" for column, sql in values.items())
            self.stage(
                name,
                f"SELECT o.pair__outer AS ask, o.pair__joined AS joined, {listed}"
                f" FROM {last} AS o",
                f"Each {inner.kinds[0]} a person may reach, with what it says.",
            )
