"""Which events count, and for whom, by a moment.

Exists because a correction unsays an event and two records may turn out to be one person. Goes in:
the log's columns. Comes out: stages that follow corrections and merges, and `<kind>_heard`: the
events that may have taken effect, under the id their person has by then.
"""

from __future__ import annotations

from onward.caseload.events import PERSON
from onward.caseload.moment import Moment
from onward.caseload.table import columns_of
from onward.engine import Stage, quoted
from onward.rulebook.model import Kind, Rulebook

MERGE_DEPTH = 16
"""Longest chain of merges followed (A into B, B into C …)."""


def scope_stages(moment: Moment) -> list[Stage]:
    stages = [
        Stage(
            "corrected",
            "SELECT DISTINCT c.target AS position FROM corrections AS c "
            f"WHERE c.target IS NOT NULL AND {moment.known('c')}",
            "Events that a later event, known by then, corrects or retracts.",
            keep=True,
        ),
        Stage(
            "merge_1",
            'SELECT m.subject, max_by(m."into", m.position) AS into_subject FROM merges AS m '
            "LEFT JOIN corrected AS c ON c.position = m.position "
            f"WHERE c.position IS NULL AND {moment.known('m')} AND {moment.settled('m')} "
            "GROUP BY m.subject",
            "Records found to be the same person: the latest word on each.",
            keep=True,
        ),
    ]
    depth = 1
    while depth < MERGE_DEPTH:
        stages.append(
            Stage(
                f"merge_{2 * depth}",
                "SELECT a.subject, COALESCE(b.into_subject, a.into_subject) AS into_subject "
                f"FROM merge_{depth} AS a LEFT JOIN merge_{depth} AS b "
                "ON b.subject = a.into_subject",
                "Follow merges into merged records.",
                keep=True,
            )
        )
        depth *= 2
    stages.append(
        Stage(
            "merged",
            "SELECT a.subject, a.into_subject "
            f"FROM merge_{depth} AS a LEFT JOIN merge_1 AS b ON b.subject = a.into_subject "
            "WHERE b.subject IS NULL",
            "Each merged record and the person it is. Records that merge in a circle are left "
            "as they are, so that nobody is lost; they are flagged.",
            keep=True,
        )
    )
    return stages


def heard_stages(kind: Kind, rulebook: Rulebook, moment: Moment) -> list[Stage]:
    """`<kind>_heard`: the events that count, under the id their person has by then."""
    name = kind.name
    columns = [quoted(column.name) for column in columns_of(kind, rulebook)]
    envelope = ["position", "effective_first", "effective_last"]
    if name != PERSON:
        listed = ", ".join(f"e.{column}" for column in ["subject", *envelope, *columns])
        return [
            Stage(
                f"{name}_heard",
                f"SELECT {listed} FROM {name}_events AS e "
                "LEFT JOIN corrected AS c ON c.position = e.position "
                f"WHERE c.position IS NULL AND {moment.begun('e')}",
                "Events known by then, not corrected, that may have taken effect.",
            )
        ]
    envelope += ["kind"]
    axes = {quoted(axis) for axis in rulebook.axes}
    listed = ", ".join(f"e.{column}" for column in ["subject", *envelope, *columns])
    moved = ", ".join(f"e.{column}" for column in [*envelope, *columns])
    kept = ", ".join(
        f"CASE WHEN r.first_position < e.position AND e.kind = 'registered' THEN NULL "
        f"ELSE e.{column} END AS {column}"
        if column in axes
        else f"e.{column}"
        for column in ["subject", *envelope, *columns]
    )
    return [
        Stage(
            "person_known",
            f"SELECT {listed} FROM person_events AS e "
            "LEFT JOIN corrected AS c ON c.position = e.position "
            "LEFT JOIN merged AS m ON m.subject = e.subject "
            f"WHERE c.position IS NULL AND m.subject IS NULL AND {moment.begun('e')} "
            f"UNION ALL SELECT m.into_subject AS subject, {moved} FROM person_moved AS e "
            "INNER JOIN merged AS m ON m.subject = e.subject "
            "LEFT JOIN corrected AS c ON c.position = e.position "
            f"WHERE c.position IS NULL AND {moment.begun('e')}",
            "Events known by then, not corrected, that may have taken effect, under the id "
            "their person has by then.",
        ),
        Stage(
            "registered_again",
            "SELECT subject, min(position) AS first_position FROM person_known "
            "WHERE kind = 'registered' GROUP BY subject HAVING count(*) > 1",
            "People registered more than once, usually before a merge.",
            keep=True,
        ),
        Stage(
            "person_heard",
            f"SELECT {kept} FROM person_known AS e "
            "LEFT JOIN registered_again AS r ON r.subject = e.subject",
            "A second registration adds what it says, but starts nobody again.",
        ),
    ]
