"""Everything that can be done to the record, as named functions of two kinds.

*Authorising* (`authorise`, `choose`) is refused unless the safeguards say that the step is open,
and then the event and what the desk reads are written in one transaction. *Recording* (`record`,
`correct`, `retract`, `put_right`) is never refused for a safeguard: what happened, happened. A movement that
took place against one opens a breach of the gravest kind, says whom to tell and pauses like
moves. No function here knows a web request: in come an `Acting`, a person and facts. Each refuses
an actor whose roles do not include it (`registry.recording.duties`), whatever door called it.
"""

from __future__ import annotations

from onward.registry.recording.authorising import NotOpen, authorise, choose
from onward.registry.recording.breached import NOT_KNOWN
from onward.registry.recording.exceptions import (
    approve_override,
    propose_override,
    refuse_override,
)
from onward.registry.recording.happened import (
    Member,
    correct,
    record,
    record_batch,
    register_household,
    retract,
)
from onward.registry.recording.who import put_right
from onward.registry.recording.writing import Done, StaleEdit

__all__ = [
    "NOT_KNOWN",
    "Done",
    "Member",
    "NotOpen",
    "StaleEdit",
    "approve_override",
    "authorise",
    "choose",
    "correct",
    "propose_override",
    "put_right",
    "record",
    "record_batch",
    "refuse_override",
    "register_household",
    "retract",
]
