"""What in the record does not fit together, for a person to look at: never a reason to drop it.

Exists because what happened is recorded as it happened, and mistakes with it. Goes in: the log
in columns and two dates. Comes out: one row per doubt. Nothing is corrected or left out here;
the fold has already taken the careful reading of each case.
"""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa

from onward.caseload.batches import latest_words, moved_events
from onward.caseload.events import PERSON
from onward.caseload.fold_plan import FoldPlan
from onward.caseload.heard import heard_stages
from onward.caseload.model import EventTables
from onward.caseload.moment import Moment
from onward.caseload.readable import there_stages
from onward.caseload.spells import axis_stages
from onward.caseload.table import columns_of
from onward.engine import DuckEngine, Engine, Stage, quoted
from onward.engine.stages import literal
from onward.rulebook.model import Rulebook

FLAGS = {
    "out_of_sequence": "A step that does not follow from the state the person was in.",
    "before_registration": "A step dated before the person was registered.",
    "never_registered": "A person spoken of but never registered.",
    "registered_twice": "A second registration of one person; it starts nobody again.",
    "unknown_reference": "A reference to somebody or something the record does not know; "
    "read as unknown.",
    "known_by_members_only": "Known only because people point at it; it has no record.",
    "roster_mismatch": "The declared number of members is not the number recorded.",
    "roster_unknown": "The number of members was never declared.",
    "corrected_twice": "Two events stand in place of one; both count.",
    "unknown_correction": "A correction of an event the record does not hold.",
    "merge_circle": "Records merged into one another; none was merged.",
    "merged_into_unknown": "A record merged into somebody of whom nothing else is recorded.",
    "not_in_rulebook": "Something recorded that the rulebook in force does not declare; "
    "it is kept and not read.",
}


def quality_flags(
    events: EventTables,
    rulebook: Rulebook,
    *,
    as_of: date,
    known_at: datetime | None = None,
    engine: Engine | None = None,
) -> pa.Table:
    """One row per doubt about the record as of a date, as known at an instant.

    flag    one of FLAGS
    kind    kind of the subject
    id      the subject; null where there is none
    seq     the event; null where no single event is at fault
    column  the column concerned, or null
    detail  what was found: states, ids and numbers only
    """
    engine = engine or DuckEngine()
    moment = Moment(as_of, known_at)
    plan = FoldPlan(rulebook, moment)
    found = ["corrected", "merged", "merge_1"]
    scope = engine.run(plan.scope, plan.scope_inputs(events), found)
    inputs = {
        **scope,
        **latest_words(events, plan, scope, engine),
        **{f"{name}_ids": table for name, table in events.ids.items()},
        "person_events": events.facts[PERSON],
        "person_moved": moved_events(events, scope),
        "corrections": events.corrections,
        "log": events.log,
        "unread": events.unread,
    }
    return engine.run(flag_stages(rulebook, moment), inputs, ["flag"])["flag"]


def flag_stages(rulebook: Rulebook, moment: Moment) -> list[Stage]:
    """Stages from the latest words and the people's events to `flag`."""
    found = [
        *_sequence(rulebook),
        *_people(),
        *_references(rulebook),
        *_rosters(rulebook),
        *_corrections(moment),
    ]
    rows = " UNION ALL ".join(
        f"SELECT flag, kind, id, seq, {quoted('column')}, detail FROM {stage.name}"
        for stage in found
        if stage.name.startswith("flag_")
    )
    heard = f"SELECT * FROM person_heard AS h WHERE {moment.settled('h')}"
    return [
        *heard_stages(rulebook.kinds[PERSON], rulebook, moment),
        axis_stages(rulebook, heard)[0],
        *there_stages(rulebook),
        *found,
        Stage(
            "flag",
            f"SELECT * FROM ({rows}) AS f ORDER BY flag, kind, id NULLS FIRST, "
            f"seq NULLS FIRST, {quoted('column')} NULLS FIRST, detail NULLS FIRST",
            "Everything that does not fit together.",
        ),
    ]


def _row(
    flag: str,
    kind: str,
    id_: str,
    seq: str = "NULL",
    column: str = "NULL",
    detail: str = "NULL",
) -> str:
    return (
        f"SELECT {literal(flag)} AS flag, {kind} AS kind, {id_} AS id, "
        f"CAST({seq} AS BIGINT) AS seq, CAST({column} AS TEXT) AS {quoted('column')}, "
        f"CAST({detail} AS TEXT) AS detail"
    )


def _sequence(rulebook: Rulebook) -> list[Stage]:
    axes = [quoted(axis) for axis in rulebook.axes]
    before = ", ".join(
        f"last_value({axis} IGNORE NULLS) OVER (PARTITION BY subject ORDER BY position "
        f"ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS {axis}"
        for axis in axes
    )
    whens = []
    for key, move in rulebook.moves().items():
        tests = []
        for axis, states in move.sources.items():
            names = list(rulebook.axes[axis].states)
            codes = ", ".join(str(names.index(state) + 1) for state in states)
            tests.append(f"s.{quoted(axis)} IN ({codes})")
        whens.append(f"WHEN {literal(key)} THEN {' AND '.join(tests) or 'TRUE'}")
    stood = " || ', ' || ".join(
        f"{literal(axis.name + ' ')} || CASE s.{quoted(axis.name)} "
        + " ".join(
            f"WHEN {code} THEN {literal(state)}" for code, state in enumerate(axis.states, 1)
        )
        + " ELSE '?' END"
        for axis in rulebook.axes.values()
    )
    return [
        Stage(
            "stood_before",
            f"SELECT subject, position, CAST(kind AS TEXT) AS kind, {before} FROM axis_heard",
            "The state each person was in just before each event.",
        ),
        Stage(
            "misstep",
            f"SELECT s.subject, s.position, s.kind, s.{axes[0]} IS NULL AS unregistered, "
            f"{stood} AS stood FROM stood_before AS s WHERE s.kind LIKE '%.%' AND "
            f"(s.{axes[0]} IS NULL OR NOT COALESCE(CASE s.kind {' '.join(whens)} "
            "ELSE TRUE END, FALSE))",
            "Steps that do not follow.",
            keep=True,
        ),
        Stage(
            "flag_out_of_sequence",
            _row("out_of_sequence", "'person'", "i.id", "l.seq", "m.kind", "m.stood")
            + " FROM misstep AS m INNER JOIN person_ids AS i ON i.no = m.subject "
            "INNER JOIN log AS l ON l.position = m.position WHERE NOT m.unregistered",
        ),
        Stage(
            "flag_before_registration",
            _row("before_registration", "'person'", "i.id", "l.seq", "m.kind")
            + " FROM misstep AS m INNER JOIN person_ids AS i ON i.no = m.subject "
            "INNER JOIN log AS l ON l.position = m.position WHERE m.unregistered",
        ),
    ]


def _people() -> list[Stage]:
    return [
        Stage(
            "flag_never_registered",
            _row("never_registered", "'person'", "i.id")
            + " FROM person_latest AS p INNER JOIN person_ids AS i ON i.no = p.subject "
            "WHERE p.registered_on IS NULL",
        ),
        Stage(
            "flag_registered_twice",
            _row("registered_twice", "'person'", "i.id", "l.seq")
            + " FROM registered_again AS r INNER JOIN person_known AS e "
            "ON e.subject = r.subject AND e.position > r.first_position "
            "AND e.kind = 'registered' INNER JOIN person_ids AS i ON i.no = r.subject "
            "INNER JOIN log AS l ON l.position = e.position",
        ),
    ]


def _references(rulebook: Rulebook) -> list[Stage]:
    stages = []
    implied = set(rulebook.kinds[PERSON].refs.values())
    for kind in rulebook.kinds.values():
        for column in columns_of(kind, rulebook):
            if column.role != "ref":
                continue
            name, target = quoted(column.name), kind.refs[column.source]
            merge = ""
            at = f"r.{name}"
            if target == PERSON:
                merge = f"LEFT JOIN merged AS m ON m.subject = r.{name} "
                at = f"COALESCE(m.into_subject, r.{name})"
            stages.append(
                Stage(
                    f"flag_reference_{kind.name}_{column.name}",
                    _row(
                        "unknown_reference",
                        literal(kind.name),
                        "i.id",
                        column=literal(column.name),
                        detail="t.id",
                    )
                    + f" FROM {kind.name}_latest AS r "
                    f"INNER JOIN {kind.name}_ids AS i ON i.no = r.subject {merge}"
                    f"INNER JOIN {target}_ids AS t ON t.no = r.{name} "
                    f"LEFT JOIN {target}_there AS h ON h.no = {at} WHERE h.no IS NULL",
                )
            )
    for target in sorted(implied):
        stages.append(
            Stage(
                f"flag_members_only_{target}",
                _row("known_by_members_only", literal(target), "h.id")
                + f" FROM {target}_there AS h LEFT JOIN {target}_latest AS r "
                "ON r.subject = h.no WHERE r.subject IS NULL",
            )
        )
    return stages


def _rosters(rulebook: Rulebook) -> list[Stage]:
    stages = []
    for relation in rulebook.relations.get(PERSON, {}).values():
        closed = relation.closed_by
        if closed is None or relation.kind != PERSON:
            continue
        via, fact = quoted(closed.via), quoted(closed.fact)
        declared = f"NULLIF(k.{fact}, -2147483648)"
        stages += [
            Stage(
                f"roster_{relation.name}",
                f"SELECT t.id, {declared} AS declared, count(p.subject) AS recorded "
                f"FROM {closed.kind}_there AS t "
                f"LEFT JOIN {closed.kind}_latest AS k ON k.subject = t.no "
                f"LEFT JOIN person_latest AS p ON p.{via} = t.no GROUP BY t.id, {declared}",
                "Declared and recorded members.",
                keep=True,
            ),
            Stage(
                f"flag_roster_{relation.name}",
                _row(
                    "roster_mismatch",
                    literal(closed.kind),
                    "r.id",
                    column=literal(closed.fact),
                    detail="'declared ' || CAST(r.declared AS TEXT) || ', recorded ' "
                    "|| CAST(r.recorded AS TEXT)",
                )
                + f" FROM roster_{relation.name} AS r WHERE r.declared <> r.recorded",
            ),
            Stage(
                f"flag_roster_unknown_{relation.name}",
                _row(
                    "roster_unknown", literal(closed.kind), "r.id", column=literal(closed.fact)
                )
                + f" FROM roster_{relation.name} AS r WHERE r.declared IS NULL",
            ),
        ]
    return stages


def _corrections(moment: Moment) -> list[Stage]:
    return [
        Stage(
            "standing_correction",
            "SELECT c.position, c.target FROM corrections AS c "
            "LEFT JOIN corrected AS d ON d.position = c.position "
            f"WHERE d.position IS NULL AND {moment.known('c')}",
            "Corrections that were not themselves corrected.",
        ),
        Stage(
            "flag_unknown_correction",
            _row("unknown_correction", "l.subject_kind", "NULL", "l.seq")
            + " FROM standing_correction AS c INNER JOIN log AS l ON l.position = c.position "
            "WHERE c.target IS NULL",
        ),
        Stage(
            "flag_corrected_twice",
            _row("corrected_twice", "l.subject_kind", "NULL", "l.seq")
            + " FROM (SELECT c.target FROM standing_correction AS c INNER JOIN log AS w "
            "ON w.position = c.position WHERE w.kind <> 'retracted' GROUP BY c.target "
            "HAVING count(*) > 1) AS t INNER JOIN log AS l ON l.position = t.target",
        ),
        Stage(
            "flag_merge_circle",
            _row("merge_circle", "'person'", "i.id")
            + " FROM merge_1 AS a LEFT JOIN merged AS m ON m.subject = a.subject "
            "INNER JOIN person_ids AS i ON i.no = a.subject WHERE m.subject IS NULL",
        ),
        Stage(
            "flag_merged_into_unknown",
            _row("merged_into_unknown", "'person'", "i.id", detail="t.id")
            + " FROM merged AS m INNER JOIN person_ids AS i ON i.no = m.subject "
            "INNER JOIN person_ids AS t ON t.no = m.into_subject "
            "LEFT JOIN (SELECT DISTINCT subject FROM person_events) AS p "
            "ON p.subject = m.into_subject WHERE p.subject IS NULL",
        ),
        Stage(
            "flag_not_in_rulebook",
            _row(
                "not_in_rulebook",
                "u.kind",
                "NULL",
                "u.seq",
                "CASE WHEN u.undeclared <> '' THEN u.undeclared END",
            )
            + " FROM unread AS u INNER JOIN log AS l ON l.seq = u.seq "
            f"WHERE {moment.begun('l')}",
        ),
    ]
