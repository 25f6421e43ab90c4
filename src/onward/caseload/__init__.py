"""Events -> people as of a date; movement units; counts; exposures.

`events` is the record's one form; `table` turns a log into columns; `fold` answers who is
here; `units`, `counting` and `spells` read the same columns. Every computation is a chain of
named SQL stages.
"""

from onward.caseload.counting import counts, exposures
from onward.caseload.events import (
    Event,
    Subject,
    canonical_bytes,
    event_faults,
    event_hash,
    event_id,
    from_json,
    identity_faults,
    new_event,
    opening_facts,
    to_json,
)
from onward.caseload.flags import quality_flags
from onward.caseload.fold import fold
from onward.caseload.model import Caseload, EventTables
from onward.caseload.moves import ForecastMove, ambiguous_moves, forecast_faults, forecast_moves
from onward.caseload.spells import spells
from onward.caseload.table import events_table
from onward.caseload.units import movement_units

__all__ = [
    "Caseload",
    "Event",
    "EventTables",
    "ForecastMove",
    "Subject",
    "ambiguous_moves",
    "canonical_bytes",
    "counts",
    "event_faults",
    "event_hash",
    "event_id",
    "events_table",
    "exposures",
    "fold",
    "forecast_faults",
    "forecast_moves",
    "from_json",
    "identity_faults",
    "movement_units",
    "new_event",
    "opening_facts",
    "quality_flags",
    "spells",
    "to_json",
]
