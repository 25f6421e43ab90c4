"""`onward check`: who may take which step, who may not, why, and what would help.

Turns arguments into calls of the safeguards room and its answers into plain words or JSON.
Data goes to standard output, messages to standard error; exit code 0: answered (and, for one
step of one person, open), 1: that step is not open, 2: the question cannot be asked.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onward.cli.commands import command_app
from onward.cli.engine import ENGINE, MASTER, OPERATION, opened_operation

if TYPE_CHECKING:
    from onward.caseload import Caseload
    from onward.engine import Engine
    from onward.rulebook.model import Move, Rulebook
    from onward.safeguards import Evaluation, NextSteps, Reason

app = command_app(no_args_is_help=True)

MOST = 10  # remedies listed in text
PLACES = ("destination", "site", "recipient", "intended_destination")
"""Kinds and columns in which the record speaks of where to, or to whom."""
MANY = 20  # people listed in text; --json lists all


@app.command()
def check(
    where: Annotated[Path, typer.Argument(metavar="DIR", help="An operation folder.")],
    person: Annotated[str | None, typer.Option(help="One person, by permanent id.")] = None,
    transition: Annotated[
        str | None, typer.Option(help="One step, as T7, or one of its outcomes, as T7.done.")
    ] = None,
    destination: Annotated[
        str | None,
        typer.Option(help="Where to, or to whom. Left out: what each person chose."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="decision or movement. Left out: movement where people leave a place."
        ),
    ] = None,
    on: Annotated[
        str | None, typer.Option(help="The day it is asked for, as 2026-06-10.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print data instead of text.")
    ] = False,
    engine_name: ENGINE = "duckdb",
    master: MASTER = "",
    operation_id: OPERATION = "",
) -> None:
    """What is open, what is blocked, by what, what would lift it and whose job that is.

    Example: onward check camp --person P1042 --transition T7

    Without --person: the whole operation, how many people each safeguard holds back (the
    numbers overlap and are never added up) and which single remedy of an authority or of the
    operation would open most. Exit code 1 when the one step asked about is not open.
    """
    from onward.cli.work import past_the_record
    from onward.errors import Fault, Faults
    from onward.rulebook.check import accept

    faults = []
    if at not in (None, "decision", "movement"):
        faults.append(Fault("", "", "--at", f'"{at}"', "decision or movement"))
    day: date | None = None
    if on is not None:
        try:
            day = date.fromisoformat(on)
        except ValueError:
            faults.append(Fault("", "", "--on", f'"{on}"', "a date as 2026-06-10"))
    if destination is not None and transition is None:
        faults.append(
            Fault("", "", "--destination", "no step to ask it of", "--transition as well")
        )
    if at is not None and transition is None:
        faults.append(Fault("", "", "--at", "no step to ask it of", "--transition as well"))
    if faults:
        raise Faults(faults)
    operation = opened_operation(where, engine_name, master, operation_id)
    day = day or operation.default_date()
    if late := past_the_record(operation, day):
        typer.echo(late, err=True)
    engine = operation.engine()
    _progress("Folding the record …")
    caseload = operation.caseload(day, engine=engine)
    # A rulebook that is weaker than its floor judges nobody.
    judged = accept(caseload.rulebook)
    caseload = _under(caseload, judged)
    moves = _moves(judged, transition)
    if destination is not None:
        _require_known(caseload, destination)
    answer: dict[str, Any] = {
        "operation": operation.settings.id,
        "demonstration": operation.settings.demonstration,
        "on": day.isoformat(),
        "rulebook": {
            "name": judged.name,
            "version": judged.version,
            "hash": judged.hash,
            "floor_hash": judged.floor_hash,
        },
        "asked": {
            "person": person,
            "transition": transition,
            "destination": destination,
            "at": at,
        },
    }
    _progress("Asking every safeguard …")
    if person is not None:
        _written_down(caseload, person)
        answer["steps"] = _for_person(caseload, person, moves, destination, at, day, engine)
        answer["may_choose"] = _choices(caseload, person) if moves is None else []
    elif moves is not None:
        answer["steps"] = [
            _for_all(caseload, move, destination, at, day, engine) for move in moves
        ]
    else:
        answer["operation_wide"] = _operation(caseload, day, engine)
    if as_json:
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    elif person is not None:
        _say_person(answer, judged)
    elif moves is not None:
        _say_steps(answer)
    else:
        _say_operation(answer)
    if person is not None and moves is not None and not any(s["open"] for s in answer["steps"]):
        raise typer.Exit(1)


def _under(caseload: Caseload, rulebook: Rulebook) -> Caseload:
    from dataclasses import replace

    return replace(caseload, rulebook=rulebook)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        typer.echo(text, err=True)


def _require_known(caseload: Caseload, destination: str) -> None:
    """Refuse a destination nobody ever spoke of: a slip of the keyboard would read as "closed"."""
    from onward.errors import Fault, Faults, one_of

    known: set[str] = set()
    listed: set[str] = set()
    for kind, table in caseload.tables.items():
        for name in table.column_names:
            if name in PLACES or (name == "id" and kind in PLACES):
                found = set(table[name].unique().drop_null().to_pylist())
                known |= found
                # What people chose or said is theirs: only what exists by itself is listed.
                listed |= found if name in ("id", "recipient") else set()
    if destination in known:
        return
    allowed = one_of(sorted(listed)) if listed else "one that is on record; none is yet"
    raise Faults(
        [
            Fault(
                "", "", "--destination", "a destination or recipient the record does not know",
                allowed,
                "Record it first (a destination, a site, or the recipient of an assurance), so "
                "that what is known of it can be asked for.",
            )
        ]
    )  # fmt: skip


def _moves(rulebook: Rulebook, transition: str | None) -> list[Move] | None:
    """T7 means every outcome of T7 that the operator decides; T7.done that one."""
    from onward.errors import Fault, Faults, one_of

    if transition is None:
        return None
    every = rulebook.moves()
    if transition in every:
        return [every[transition]]
    if transition in rulebook.transitions:
        moves = list(rulebook.transitions[transition].moves.values())
        return [move for move in moves if not move.records] or moves
    raise Faults(
        [
            Fault(
                "", "", "--transition", f'no step "{transition}"', one_of(rulebook.transitions),
                "`onward rulebook show` lists every step.",
            )
        ]
    )  # fmt: skip


# ------------------------------------------------------------------ answers as data


def _written_down(caseload: Caseload, person: str) -> None:
    """Looking at one person from a terminal is a line of the log of access, as at the desk. A record
    in plain files has no such log."""
    from onward.registry import site

    known = caseload.people["id"].to_pylist()
    if site.is_open() and person in known:
        from onward.registry.permissions import access

        access.log(None, "person.read", person=person, purpose="onward check", place="terminal")


def _for_person(
    caseload: Caseload,
    person: str,
    moves: list[Move] | None,
    destination: str | None,
    at: Any,
    day: date,
    engine: Engine,
) -> list[dict[str, Any]]:
    from onward.safeguards import evaluate
    from onward.safeguards.help import is_handover

    rulebook = caseload.rulebook
    asked = moves or [move for move in rulebook.moves().values() if not move.records]
    # Hand-over is the only way without consent: last in every list.
    asked = sorted(asked, key=lambda move: is_handover(rulebook, move))
    found = []
    for move in asked:
        if moves is None and not (
            _is_next(caseload, person, move)
            and rulebook.transitions[move.transition].pathway != "chosen"
        ):
            continue
        answer = evaluate(
            caseload, move.key, on=day, at=at, destination=destination, people=[person],
            engine=engine,
        )  # fmt: skip
        found.append(_step(answer, person))
    return found


def _choices(caseload: Caseload, person: str) -> list[str]:
    """Pathways the person may choose, or choose again, from where the person is."""
    rulebook = caseload.rulebook
    return [
        move.key
        for move in rulebook.moves().values()
        if rulebook.transitions[move.transition].pathway == "chosen"
        and not move.records
        and _is_next(caseload, person, move)
    ]


def _is_next(caseload: Caseload, person: str, move: Move) -> bool:
    import pyarrow.compute as pc

    from onward.errors import Fault, Faults

    people = caseload.people
    row = pc.index(people["id"], person).as_py()
    if row < 0:
        raise Faults(
            [
                Fault(
                    "", "", "--person", "nobody with this id on this date", "",
                    "Ids are permanent; a merged person is found under the id kept.",
                )
            ]
        )  # fmt: skip
    here = {axis: people[axis][row].as_py() for axis in caseload.rulebook.axes}
    there = bool(move.targets) and all(here[a] == state for a, state in move.targets.items())
    follows = all(here[axis] in states for axis, states in move.sources.items())
    return follows and not there


def _step(answer: Evaluation, person: str) -> dict[str, Any]:
    rulebook = answer.caseload.rulebook
    row = answer.answers["person"].to_pylist().index(person)
    unit = answer.answers["unit"][row].as_py()
    members = [
        (who, bool(good))
        for who, in_unit, good in zip(
            answer.answers["person"].to_pylist(),
            answer.answers["unit"].to_pylist(),
            answer.passes,
            strict=True,
        )
        if unit is not None and in_unit == unit and who != person
    ]
    return {
        **_question(answer, rulebook),
        "destination": answer.answers["destination"][row].as_py(),
        "open": answer.is_open(person),
        "own_safeguards_hold": bool(answer.passes[row]),
        "unit": unit,
        "others_in_unit": len(members),
        "others_held_back": sum(not good for _, good in members),
        "reasons": [_reason(reason) for reason in answer.reasons(person)],
    }


def _question(answer: Evaluation, rulebook: Rulebook) -> dict[str, Any]:
    step = rulebook.transitions[answer.move.transition]
    return {
        "move": answer.move.key,
        "title": step.title,
        "outcome": answer.move.name,
        "pathway": answer.move.pathway,
        "at": answer.at,
        "only_records": answer.move.records,
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "safeguard": reason.safeguard,
        "finding": reason.finding,
        "title": reason.title,
        "sentence": reason.sentence,
        "status": reason.status,
        "missing": [
            {"kind": m.kind, "column": m.column, "label": m.label, "status": m.status,
             "row": m.row}
            for m in reason.missing
        ],
        "remedy": reason.remedy,
        "owner": reason.owner,
        "owner_role": reason.owner_role,
        "hard": reason.hard,
        "source": reason.source,
    }  # fmt: skip


def _for_all(
    caseload: Caseload,
    move: Move,
    destination: str | None,
    at: Any,
    day: date,
    engine: Engine,
) -> dict[str, Any]:
    import numpy as np
    import pyarrow as pa

    from onward.safeguards import evaluate

    answer = evaluate(caseload, move.key, on=day, at=at, destination=destination, engine=engine)
    following = np.asarray(answer.answers["next_step"], dtype=bool)
    units = set(answer.open_units)
    people = answer.answers.filter(pa.array(answer.passes & following))
    return {
        **_question(answer, caseload.rulebook),
        "destination": destination,
        "people_asked": int(following.sum()),
        "open_people": [
            who
            for who, unit in zip(
                people["person"].to_pylist(), people["unit"].to_pylist(), strict=True
            )
            if unit is None or unit in units
        ],
        "open_units": sorted(units),
        "waiting_for_others": int(
            sum(unit is not None and unit not in units for unit in people["unit"].to_pylist())
        ),
        "held_back": [
            {
                "finding": finding.key,
                "title": caseload.rulebook.safeguards[finding.safeguard].title,
                "sentence": finding.sentence,
                "people": int((answer.failed(finding.key) & following).sum()),
                "remedy": finding.remedy,
                "owner": finding.owner,
                "owner_role": finding.owner_role,
            }
            for finding in answer.findings
            if (answer.failed(finding.key) & following).any()
        ],
    }


def _operation(caseload: Caseload, day: date, engine: Engine) -> dict[str, Any]:
    from onward.safeguards import best_remedy, counts, evaluate_all, remedies

    steps: NextSteps = evaluate_all(caseload, on=day, engine=engine)
    found = counts(steps)
    best = {each.finding for each in best_remedy(steps)}
    return {
        "people_active": int(sum(bool(x) for x in caseload.people["active"].to_pylist())),
        "people_asked": found.asked,
        "people_blocked": found.blocked,
        "note": "One person can be held back by several safeguards: never add these numbers up.",
        "safeguards": [
            {
                "safeguard": each.safeguard,
                "title": each.title,
                "people": each.people,
                "nothing_else": each.alone,
                "findings": [
                    {"finding": key, "people": people} for key, people in each.findings
                ],
            }
            for each in found.safeguards
        ],
        "remedies": [
            {
                "finding": each.finding,
                "remedy": each.remedy,
                "owner": each.owner,
                "owner_role": each.owner_role,
                "options_opened": each.options,
                "people": each.people,
                "people_freed": each.freed,
                "best": each.finding in best,
            }
            for each in remedies(steps)
            if each.options or each.freed
        ],
    }


# ------------------------------------------------------------------ answers in words

OWNERS = {
    "operation": "the operation",
    "authority": "an authority",
    "person": "the person alone",
}


def _say_person(answer: dict[str, Any], rulebook: Rulebook) -> None:
    who = answer["asked"]["person"]
    typer.echo(f"{who} on {answer['on']}")
    steps = answer["steps"]
    if not steps:
        typer.echo("\nNo step the operation decides comes next.")
    for step in steps:
        typer.echo("")
        state = "open" if step["open"] else "not open"
        where = f" to {step['destination']}" if step["destination"] else ""
        outcome = "" if step["outcome"] == "done" else f" ({step['outcome']})"
        typer.echo(f"{step['move']}  {step['title']}{outcome}{where}: {state}")
        if step["only_records"]:
            typer.echo("  This records what happened. It can always be recorded.")
        if step["own_safeguards_hold"] and not step["open"]:
            typer.echo(
                f"  Everything is in place for {who}; {step['others_held_back']} of "
                f"{step['others_in_unit']} others who travel together are still waiting."
            )
        for reason in step["reasons"]:
            _say_reason(reason, who)
    if answer["may_choose"]:
        names = [rulebook.moves()[key].pathway for key in answer["may_choose"]]
        typer.echo(f"\nMay also choose, or choose again: {', '.join(names)}.")
        typer.echo("  Ask about one with --transition, as " + answer["may_choose"][0] + ".")
    typer.echo(
        "\nRefusals, claims, complaints, withdrawals and what has happened can always be recorded."
    )
    typer.echo(_judged_by(answer))


def _say_reason(reason: dict[str, Any], person: str) -> None:
    known = "not known" if reason["status"] == "unknown" else "does not hold"
    typer.echo(f"  {reason['finding']} {reason['title']}: {known}.")
    typer.echo(f"    Must be true: {reason['sentence']}")
    shown: dict[str, None] = {}
    for fact in reason["missing"]:
        state = "not recorded" if fact["status"] == "unknown" else "is not as needed"
        place = f" ({fact['kind']} {fact['row']})" if fact["row"] and fact["kind"] != "person" else ""  # fmt: skip
        if fact["kind"] == "person" and fact["row"]:
            place = f" ({fact['row']})" if fact["row"] != person else ""
        bare = not fact["column"] or fact["kind"] == "question"
        text = fact["label"] if bare else f"{fact['label']}{place}: {state}"
        shown.setdefault(text)
    for text in shown:
        typer.echo(f"    - {text}")
    override = (
        "" if reason["hard"] else " Two people may set it aside for one day, with a reason."
    )
    typer.echo(f"    What helps: {reason['remedy']}")
    typer.echo(f"    Whose job: {reason['owner_role']} ({OWNERS[reason['owner']]}).{override}")


def _say_steps(answer: dict[str, Any]) -> None:
    for step in answer["steps"]:
        outcome = "" if step["outcome"] == "done" else f" ({step['outcome']})"
        typer.echo(
            f"{step['move']}  {step['title']}{outcome} on {answer['on']}, at {step['at']}"
        )
        people = step["open_people"]
        typer.echo(
            f"  It is the next step of {step['people_asked']} people and open to {len(people)}."
        )
        if step["waiting_for_others"]:
            typer.echo(
                f"  {step['waiting_for_others']} more have everything in place and wait for "
                "others who travel with them."
            )
        if people:
            more = f" and {len(people) - MANY} more (--json lists all)" if len(people) > MANY else ""  # fmt: skip
            typer.echo(f"  Open to: {', '.join(people[:MANY])}{more}")
        if step["held_back"]:
            typer.echo(
                "  Held back by (one person can be in several lines; never add them up):"
            )
        for each in step["held_back"]:
            typer.echo(f"  {each['people']:>7}  {each['finding']} {each['title']}")
            typer.echo(f"           {each['remedy']} ({each['owner_role']})")
        typer.echo("")
    typer.echo(_judged_by(answer))


def _say_operation(answer: dict[str, Any]) -> None:
    whole = answer["operation_wide"]
    typer.echo(
        f"On {answer['on']}: {whole['people_active']} people active, "
        f"{whole['people_asked']} with a next step of their own, "
        f"{whole['people_blocked']} of them with none open."
    )
    held = [each for each in whole["safeguards"] if each["people"]]
    if held:
        typer.echo("\nHeld back by (one person can be in several lines; never add them up):")
        typer.echo(f"  {'people':>7}  {'by it alone':>11}")
    for each in held:
        typer.echo(
            f"  {each['people']:>7}  {each['nothing_else']:>11}  "
            f"{each['safeguard']} {each['title']}"
        )
    typer.echo("\nWhat would help most, of what an authority or the operation can do alone:")
    if not whole["remedies"]:
        typer.echo("  No single remedy opens anything by itself; several are needed together.")
    else:
        typer.echo(f"  {'options':>7}  {'people freed':>12}")
    for each in whole["remedies"][:MOST]:
        mark = "→" if each["best"] else " "
        typer.echo(
            f"{mark} {each['options_opened']:>7}  {each['people_freed']:>12}  "
            f"{each['finding']}: {each['remedy']} ({each['owner_role']})"
        )
    typer.echo(
        "\nOptions: lawful, voluntary pathways newly open, counted per person. People freed: those"
        "\nof whom a next step would newly be open, counselling and interviews included. Staying"
        "\nand refusing are always open."
    )
    typer.echo(_judged_by(answer))


def _judged_by(answer: dict[str, Any]) -> str:
    book = answer["rulebook"]
    return (
        f"Judged by {book['name']} {book['version']}, rulebook {book['hash'][:12]}, "
        f"floor {book['floor_hash'][:12]}."
    )
