"""A chain of stages as the fewest statements that give the same rows.

Exists because a database reads, binds and plans every statement: a view for each stage is read
again by every stage after it, which for a small caseload takes longer than all the work. Goes
in: stages and the outputs wanted. Comes out: one statement for each output, and one for each
kept stage that several of them read, with the stages in between written into them by name. What
a stage says is not changed; `--explain` prints and runs them one by one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onward.engine.stages import Stage, quoted

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Statements:
    """What to run for some outputs.

    tables   (name, SELECT): kept stages that several statements read, in order
    outputs  output -> its SELECT, rows in its order
    """

    tables: Sequence[tuple[str, str]]
    outputs: Mapping[str, str]


def statements(stages: Sequence[Stage], outputs: Sequence[str], *, small: bool) -> Statements:
    """The statements for some outputs. A stage that no output needs is not run.

    small   a kept stage that one statement reads is written into it too. Over many rows it is
            a table of its own all the same: a database plans better what it has counted
    raises  KeyError for an output that is no stage
    """
    by_name = {stage.name: stage for stage in stages}
    reads = _reads(by_name)
    wanted = {name: by_name[name] for name in outputs}
    # The statements each stage is written into, found from the last stage to the first: a
    # stage belongs to those that read it. What is kept is written out once.
    homes: dict[str, set[str]] = {name: {name} for name in wanted}
    for name in reversed(by_name):
        if name not in homes:
            continue
        if by_name[name].keep and (not small or len(homes[name]) > 1):
            homes[name] = {name}
        for read in reads[name]:
            if not (read in wanted and by_name[read].keep):
                homes.setdefault(read, set()).update(homes[name])
    tables = [name for name in by_name if by_name[name].keep and homes.get(name) == {name}]

    def written(home: str) -> str:
        parts = [
            f"{quoted(name)} AS {'' if stage.keep else 'NOT '}MATERIALIZED ({stage.sql})"
            for name, stage in by_name.items()
            if name != home and name not in tables and home in homes.get(name, ())
        ]
        return f"WITH {', '.join(parts)} {by_name[home].sql}" if parts else by_name[home].sql

    return Statements(
        [(name, written(name)) for name in tables],
        {
            name: f"SELECT * FROM {quoted(name)}" if stage.keep else written(name)
            for name, stage in wanted.items()
        },
    )


def _reads(stages: Mapping[str, Stage]) -> dict[str, list[str]]:
    """The earlier stages that each stage names.

    A word that is a column's name may be taken for a stage: that stage is then written in and
    read by nobody, which costs nothing.
    """
    found: dict[str, list[str]] = {}
    for name, stage in stages.items():
        words = dict.fromkeys(_WORD.findall(stage.sql))
        found[name] = [word for word in words if word in found]
    return found
