"""Paces that other operations gave: the files in `paces/` of the operation folder, read and checked.

Comes in: an operation and its rulebook. Goes out: what the files say, or everything wrong in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from onward.errors import Fault, Faults

if TYPE_CHECKING:
    from onward.forecast.learning.paces import Paces
    from onward.registry.operation import Operation
    from onward.rulebook.model import Rulebook


def given(operation: Operation, rulebook: Rulebook) -> Sequence[Paces]:
    """What the files in `paces/` say, checked.

    raises  Faults naming everything wrong in them
    """
    from onward.caseload.moves import forecast_moves
    from onward.forecast.learning.paces import check, read

    read_, faults = [], []
    for path in operation.paces:
        name = f"paces/{path.name}"
        try:
            read_.append((name, read(path.read_text("utf-8"), name)))
        except Faults as wrong:
            faults += wrong.faults
        except (OSError, UnicodeDecodeError):
            faults.append(
                Fault(name, "", "", "cannot be read", "a file of onward forecast paces")
            )
    if faults:
        raise Faults(faults)
    if read_:
        steps = [(m.from_state, m.move, m.to_state) for m in forecast_moves(rulebook)]
        check(read_, rulebook, steps, operation.settings.id)
    return [one for _, one in read_]
