"""Events -> people as of a date; movement units; counts; exposures.

`events` is the record's one form; `table` turns a log into columns; `fold` answers who is
here; `units`, `counting` and `spells` read the same columns. Every computation is a chain of
named SQL stages.
"""

from onward.caseload.events import (
    Event,
    Subject,
    canonical_bytes,
    event_faults,
    event_id,
    from_json,
    new_event,
    opening_facts,
    to_json,
)
from onward.caseload.model import Caseload, EventTables

__all__ = [
    "Caseload",
    "Event",
    "EventTables",
    "Subject",
    "canonical_bytes",
    "event_faults",
    "event_id",
    "from_json",
    "new_event",
    "opening_facts",
    "to_json",
]
