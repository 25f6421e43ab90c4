"""Who may take which step, who may not, and why.

Reads a caseload and its rulebook; decides nothing that is recorded. `evaluate` is the only
door; `evaluate_all` is the same door for everybody's next steps at once; `counts` and
`best_remedy` say what would help most; `record_movement` turns what happened into events, with
a breach where a safeguard had failed.
"""

from onward.safeguards.evaluate import Evaluation, evaluate
from onward.safeguards.everybody import NextSteps, evaluate_all
from onward.safeguards.explain import Missing, Reason
from onward.safeguards.help import (
    Blocked,
    Counts,
    Remedy,
    best_remedy,
    counts,
    is_option,
    own_steps,
    remedies,
)
from onward.safeguards.overrides import Override, override_faults
from onward.safeguards.record import Breach, breach_for, record_movement

__all__ = [
    "Blocked",
    "Breach",
    "Counts",
    "Evaluation",
    "Missing",
    "NextSteps",
    "Override",
    "Reason",
    "Remedy",
    "best_remedy",
    "breach_for",
    "counts",
    "evaluate",
    "evaluate_all",
    "is_option",
    "override_faults",
    "own_steps",
    "record_movement",
    "remedies",
]
