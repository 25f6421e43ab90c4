"""Every act refuses whom the separately written table does not name, whatever door calls it.

Made from `access_table.csv`: each act against each role, with somebody of the account's own office,
somebody assigned or referred to it, and somebody of another office.
"""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
import registry_cast as people

from onward.registry.recording import acts, exceptions
from onward.registry.recording.writing import Writing

NEAR, MINE, FAR, NOBODY = "H3-P1", "H1-P1", "far-1", ""
REACHED = {"O": {NEAR, MINE, FAR, NOBODY}, "F": {NEAR, MINE, NOBODY}, "A": {MINE, NOBODY},
           "R": {MINE, NOBODY}}  # fmt: skip
"""Letter of the table -> people with whom the account may do it."""

# The rows of the table of which one is enough, for each thing that may be recorded.
EITHER = "person.edit", "person.register"
RECORDED: dict[str, tuple[str, ...]] = {
    "complaint": ("person.record_always", "incident.review"),
    "claim": ("person.record_always",),
    "interview": ("person.record_interview",),
    "consent": ("person.record_interview",),
    "release": ("person.record_interview",),
    "waiver": ("person.record_interview",),
    "assessment": ("person.record_decision",),
    "decision": ("person.record_decision",),
    "document": ("person.record_movement",),
    "seat": ("person.record_movement",),
    "incident": ("person.record_follow_up", "incident.review"),
    "follow_up": ("person.record_follow_up",),
    "appointment": ("calendar.edit",),
}
MOVES: dict[str, tuple[str, ...]] = {
    "T4.none": ("person.record_always",),
    "T4.withdrawn": ("person.record_always",),
    "T9.lodged": ("person.record_always",),
    "T22.deceased": ("person.record_always",),
    "T7.done": ("person.record_movement",),
    "T20.done": ("person.record_movement",),
    "T21.contacted": ("person.record_follow_up", "person.record_movement"),
}
FACTS: dict[str, tuple[str, ...]] = {
    "language": EITHER,
    "fitness_finding": ("person.record_medical",),
    "intended_pathway": (*EITHER, "person.record_interview"),
    "affiliation": EITHER,
}
AUTHORISED: dict[str, str] = {
    "T2.done": "common", "T4.return": "chosen", "T7.done": "return", "T10.recognised": "protection",
    "T14.done": "resettlement", "T13.done": "relocation", "T20.done": "handover",
}  # fmt: skip
OF_NOBODY: dict[str, tuple[str, ...]] = {
    "headcount": ("headcount.record",),
    "convoy": ("person.record_movement",),
    "rumour": ("person.record_interview", "calendar.edit", "plan.read", "plan.edit", "text.approve"),
    "sheet": ("text.approve",),
    "assurance": ("plan.edit",),
    "site": ("plan.edit",),
}  # fmt: skip


class Reached(Exception):
    """The act went past the question who may do it."""


def table() -> dict[tuple[str, str], str]:
    with open(
        Path(__file__).with_name("access_table.csv"), encoding="utf-8", newline=""
    ) as file:
        rows = list(csv.DictReader(file))
    return {
        (row["what"].removeprefix("do "), role): cell
        for row in rows
        for role, cell in row.items()
        if role != "what"
    }


def reach(rows, role, actions):
    return {who for name in actions for letter in rows[name, role] for who in REACHED[letter]}


@pytest.fixture
def stopped(small, monkeypatch):
    """Acts stop where they would make or write their event, so that thousands can be tried."""

    def stop(*args, **named):
        raise Reached

    for name in ("event", "once", "append"):
        monkeypatch.setattr(Writing, name, stop)
    return stop


@pytest.fixture
def staff(small):
    """An account of each role in the first office, to which one person is assigned or referred."""
    from onward.registry.permissions import assignments

    people.elsewhere(small)
    boss = people.account("boss", "supervisor", factor=False)
    found = {}
    for role in sorted(people.EVERYBODYS):
        found[role] = people.account(
            f"a.{role}", role, factor=False,
            organisation="harbour-aid" if role == "partner" else "",
        )  # fmt: skip
        assignments.assign(boss, MINE, to=found[role], reason="case")
    assignments.assign(boss, MINE, organisation="harbour-aid", reason="shelter")
    return found


def goes(act) -> bool:
    from onward.registry.permissions import access

    try:
        act()
    except Reached:
        return True
    except (access.Refused, access.Hidden):
        return False
    raise AssertionError("the act neither went on nor was refused")


def every_record(rulebook, account, who):
    """(name, actions of which one is enough, the act) for everything recorded of somebody."""

    def record(subject, kind, **facts):
        return lambda: acts.record(
            account, subject, kind, effective="2026-06-10", facts=facts, idempotency_key="x"
        )

    for kind, actions in RECORDED.items():
        yield kind, actions, record((kind, "new"), "recorded", person=who)
    for move, actions in MOVES.items():
        if move in rulebook.moves():
            yield move, actions, record(("person", who), move)
    for fact, actions in FACTS.items():
        if fact in rulebook.kinds["person"].facts:
            yield fact, actions, record(("person", who), "recorded", **{fact: "x"})


def test_recording_is_refused_to_whom_the_table_does_not_name(small, stopped, staff):
    rows, tried, wrong = table(), 0, []
    for role, account in staff.items():
        for who in (NEAR, MINE, FAR):
            for name, actions, act in every_record(small.rulebook, account, who):
                tried += 1
                if goes(act) is not (who in reach(rows, role, actions)):
                    wrong.append((role, name, who))
        for kind, actions in OF_NOBODY.items():
            tried += 1
            act = lambda kind=kind, account=account: acts.record(  # noqa: E731
                account, (kind, "new"), "recorded", effective="2026-06-10", idempotency_key="x"
            )
            if goes(act) is not (NOBODY in reach(rows, role, actions)):
                wrong.append((role, kind, NOBODY))
    assert wrong == []
    assert tried > 1000


def test_authorising_and_registering_are_refused_to_whom_the_table_does_not_name(
    small, stopped, staff
):
    rows, tried, wrong = table(), 0, []
    day = date(2026, 6, 10)
    for role, account in staff.items():
        for move, pathway in AUTHORISED.items():
            if move not in small.rulebook.moves():
                continue
            for who in (NEAR, MINE, FAR):
                tried += 1
                act = lambda a=account, w=who, m=move: (  # noqa: E731
                    acts.choose(a, w, m, consent={}, idempotency_key="x")
                    if m.startswith("T4.")
                    else acts.authorise(a, w, m, None, on=day, idempotency_key="x")
                )
                if goes(act) is not (who in reach(rows, role, [f"authorise.{pathway}"])):
                    wrong.append((role, move, who))
        register = lambda a=account: acts.register_household(  # noqa: E731
            a, [acts.Member({})], effective="2026-06-10", idempotency_key="x"
        )
        if goes(register) is not bool(rows["person.register", role]):
            wrong.append((role, "register", NOBODY))
    assert wrong == []
    assert tried > 250


def test_overrides_corrections_and_retractions_too(small, stopped, staff, monkeypatch):
    rows, wrong = table(), []
    monkeypatch.setattr(exceptions, "override_faults", stopped)
    monkeypatch.setattr(exceptions, "_decide", stopped)
    monkeypatch.setattr(Writing, "event", stopped)
    monkeypatch.setattr(Writing, "once", lambda self, key, act, **_: act())
    events = {
        who: next(
            e for e in small.store.read() if e.subject.id == who and e.kind == "registered"
        )
        for who in (NEAR, MINE, FAR)
    }
    for role, account in staff.items():
        for who, event in events.items():
            monkeypatch.setattr(
                exceptions, "_undecided",
                lambda proposal, who=who: SimpleNamespace(person=who, by="x", asked={}),
            )  # fmt: skip
            ask = {"reason": "none", "valid_on": date(2026, 6, 10)}
            said = {
                "override.propose": lambda: acts.propose_override(
                    account, who, "T7.done", "G11.valid", "IRN", **ask  # noqa: B023
                ),
                "override.approve": lambda: acts.refuse_override(account, "p"),  # noqa: B023
            }  # fmt: skip
            for action, act in said.items():
                if goes(act) is not (who in reach(rows, role, [action])):
                    wrong.append((role, action, who))
            right = lambda: acts.correct(  # noqa: E731
                account, event.id, facts={"language": "ku"}, idempotency_key="x"  # noqa: B023
            )  # fmt: skip
            if goes(right) and role in ("auditor", "administrator", "custodian", "analyst",
                                        "plan_lead", "host_liaison", "medical"):  # fmt: skip
                wrong.append((role, "correct", who))
    assert wrong == []


def test_a_refused_act_writes_nothing_and_stands_in_the_log(small):
    from onward.registry.models import AccessEntry
    from onward.registry.permissions import access

    bilal = people.account("bilal", "interviewer")
    before = small.store.last_seq()
    with pytest.raises(access.Refused):
        acts.record(
            bilal, ("assurance", "new"), "recorded", effective="2026-06-10", idempotency_key="k"
        )
    with pytest.raises(access.Hidden):
        acts.record(
            bilal, ("complaint", "new"), "recorded", effective="2026-06-10",
            facts={"person": "H1-P1"}, idempotency_key="k",
        )  # fmt: skip
    assert small.store.last_seq() == before
    refused = AccessEntry.objects.filter(account=bilal.account_id, decision="refused")
    assert sorted(refused.values_list("action", flat=True)) == [
        "person.record_always", "plan.edit",
    ]  # fmt: skip


def test_somebody_without_roles_does_nothing(small, stopped):
    from onward.registry.permissions import access
    from onward.registry.recording.actors import Actor

    with pytest.raises(access.Refused):
        acts.record(
            Actor("amina"), ("complaint", "new"), "recorded", effective="2026-06-10",
            facts={"person": "H1-P1"}, idempotency_key="k",
        )  # fmt: skip
