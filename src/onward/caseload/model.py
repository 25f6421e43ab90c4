"""What the fold gives: everybody and everything known, as of one date, as known at one instant.

Plain Arrow tables with documented columns, read by safeguards, plan, forecast and report.
Nothing here computes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import pyarrow as pa

from onward.engine import Stage
from onward.rulebook.model import Rulebook


@dataclass(frozen=True)
class Caseload:
    """The fold of the log as of one date, as known at one instant, under one rulebook.

    tables  one table per kind the rulebook declares, sorted by id, with the columns

        id                  string, never null
        <ref>               string; null when unknown. A reference to a person who merged into
                            another is the other's id. A reference from anything but a person
                            to somebody or something the record does not know is null, so that
                            it is treated as unknown and never as pointing elsewhere
        <fact>              boolean, code/text/country/language: string, integer: int64,
                            number: double, date: date32, codes: list<string>;
                            null: not known. A partial_date x is two columns, x_first and
                            x_last (date32)
        first_on            date32: the first effective day of anything recorded about it

      The person table also has

        registered_on       date32; null for somebody spoken of but never registered
        legal, stage, place string: the state on each axis of the rulebook; null before
                            registration
        <axis>_since        date32: the day the person last entered that state from another
        active              boolean: the stage has no `ends`; null when the stage is not known
        process_<name>      boolean: that process is open
        adult               boolean: null when the birth date leaves it open
        forecast_state      string: first forecast state that matches; null when none does
        unit                string: the movement unit; null unless active

      and two more tables exist in every caseload:

        breach    (seq, person, effective, recorded, move, safeguards list<string>, severity)
        override  (seq, person, effective, recorded, move, finding, destination,
                   approved_by list<string>, reason, valid_on)

    units   one row per movement unit, see `onward.caseload.units`
    inputs  rows read per event table, for the reader of `--explain`
    stages  the SQL that made it
    """

    as_of: date
    known_at: datetime | None
    rulebook: Rulebook
    tables: Mapping[str, pa.Table]
    units: pa.Table
    stages: Sequence[Stage] = field(default=(), repr=False)

    @property
    def people(self) -> pa.Table:
        return self.tables["person"]

    @property
    def households(self) -> pa.Table:
        return self.tables["household"]


@dataclass(frozen=True)
class EventTables:
    """The log in analytic form: one narrow table per kind of subject, ready to be folded.

    Made by `events_table`, kept as the operation's cache, and depends on the rulebook whose
    facts are its columns. `position` is the order of the fold: by last effective day, then
    instant recorded, then seq.

    log          every event, in order of position
                   position int64, seq int64, recorded timestamp[us] (UTC), kind,
                   subject_kind, effective_first, effective_last date32
    corrections  one row per event that supersedes another: position, target int64 (position
                   of the superseded event; null when the log does not hold it), recorded
    merges       as facts, with into int32
    ids          kind -> (no int32, id string), sorted by id: what `subject` and refs mean
    words        (no int32, word string): texts, countries, languages and sets of codes
    facts        kind -> one row per event about it, by subject then position
                   position, seq, recorded, effective_first, effective_last,
                   subject int32; one int32 column per ref; one column per fact, codes and
                   words as numbers from 1. Null: not mentioned. "Now unknown" is written as
                   a value that cannot occur otherwise (`UNKNOWN_…` in `caseload.table`).
                   person also: kind, one column per axis, process_<name> int8
    breaches, overrides   as in `Caseload`, with the envelope of facts
    unread       (seq, kind, undeclared): what this rulebook does not declare and nobody reads
    rulebook_hash, head   what it was made from
    """

    log: pa.Table
    corrections: pa.Table
    merges: pa.Table
    ids: Mapping[str, pa.Table]
    words: pa.Table
    facts: Mapping[str, pa.Table]
    breaches: pa.Table
    overrides: pa.Table
    unread: pa.Table
    rulebook_hash: str = ""
    head: str = ""
