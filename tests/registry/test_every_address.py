"""Every address, every role, every office, against a table written separately (`url_table.csv`).

Three people, cases and records are asked about: one that is the account's own (of its office,
assigned to it, referred to its organisation), one near (of its office and nobody's), one far (of
another office). Each role has an account in either office, and for the other office what is near
and far is the other way round. A cell lists the roles that get in; everybody else must be refused,
by the same words whether the person exists or not. What belongs to an account itself has a cell of
its own for the office that it is not of (`elsewhere`). An address without a row fails, and so does
a row of an address that opens for nobody: the world holds something real for each (`whole_desk`).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import registry_cast as people

TABLE = Path(__file__).with_name("url_table.csv")
OFFICE = [
    "protection_officer",
    "resettlement_officer",
    "repatriation_officer",
    "medical",
    "data_clerk",
    "supervisor",
]
ASSIGNED = [
    "interviewer",
    "counsellor",
    "rsd_officer",
    "rsd_reviewer",
    "lawyer",
    "follow_up_monitor",
]
OTHERS = [
    "partner",
    "plan_lead",
    "analyst",
    "host_liaison",
    "custodian",
    "administrator",
    "auditor",
]
EVERYBODY = [*OFFICE, *ASSIGNED, *OTHERS]
GROUPS = {"office": OFFICE, "assigned": ASSIGNED, "all": EVERYBODY, "public": EVERYBODY}
LEAVING = {"lock", "leave", "panic", "account_logout"}
SUBJECTS = {"mine": "H1-P1", "near": "H2-P1", "far": "far-1"}
OF_PEOPLE = {"person", "household", "right", "appointment", "case", "override", "review"}
"""What in an address is about one of these people."""
FROM_ELSEWHERE = {"mine": "far", "near": "far", "far": "near"}
"""What each of them is for the other office, where nobody is anybody's own."""
NOBODY = "nobody"


def rows() -> list[dict[str, str]]:
    with open(TABLE, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def roles(cell: str) -> set[str]:
    return {role for word in cell.split() for role in GROUPS.get(word, [word])}


def addresses() -> Iterator[str]:
    from django.urls import get_resolver

    def walk(resolver, names):
        for each in resolver.url_patterns:
            if hasattr(each, "url_patterns"):
                yield from walk(each, [*names, each.namespace] if each.namespace else names)
            else:
                yield ":".join([*names, each.name])

    yield from walk(get_resolver(), [])


@pytest.fixture(scope="module")
def world(small_template, tmp_path_factory):
    """An operation in which each kind of address has something to open, an account per role in
    each of two offices, and who is asked about in either."""
    from onward.registry.web import starting

    here = Path(__file__).parents[1]
    for room in ("desk", "placement"):
        if str(here / room) not in sys.path:
            sys.path.append(str(here / room))
    import whole_desk

    folder = tmp_path_factory.mktemp("addresses") / "meridian"
    whole = whole_desk.make(small_template, folder)
    people.elsewhere(whole.operation)
    there = {
        role: people.account(
            f"there.{role.replace('_', '.')}", role,
            office="" if role == "custodian" else people.ELSEWHERE,
            organisation="other-aid" if role == "partner" else "",
        )
        for role in EVERYBODY
    }  # fmt: skip
    found = _found(whole, there)

    def values(word: str, subject: str) -> object:
        return found[subject].get(word, found["all"].get(word, word))

    with people.naming_the_operation() as told:
        yield {"here": whole.accounts, "there": there}, values
        assert told
    starting.close_site()


def _found(whole, there):
    """What stands where an address has a word of the table, for each of the people asked about."""
    from django.utils import timezone

    from onward.caseload.events import Subject
    from onward.registry.computing.runs import keep_proposal, kept_proposals
    from onward.registry.data_protection import rights
    from onward.registry.identities import attachments
    from onward.registry.identities.scans import PDF, Scan
    from onward.registry.models import Attachment, EventRow, Job, ThingNow
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    args, boss = whole.args, whole.accounts["supervisor"]
    [(_name, content)] = kept_proposals(whole.operation)
    far = {**content["assignments"][1], "case": "household/house-far-1", "size": 1}
    proposal = keep_proposal(
        whole.operation, {**content, "assignments": [*content["assignments"], far]}
    )
    found: dict[str, dict[str, object]] = {
        "all": {
            "export": args["desk:export"][0][0], "approved": args["desk:export"][1][0],
            "recipient": args["desk:recipient-confirm"][0][0], "breach": args["desk:breach"][0][0],
            "alarm": args["desk:alarm"][0][0], "account": args["desk:account"][0][0],
            "draft": args["desk:import"][0][0], "report": args["desk:job_file"][0][0],
            "file": args["desk:job_file"][0][1], "what_if": args["desk:places_answer"][0][0],
            "convoy": args["desk:convoy"][0][0], "rumour": args["desk:rumour"][0][0],
            "message": args["desk:sheet"][0][0], "language": args["desk:sheet"][0][1],
            "number": args["mfa_edit_webauthn"][0][0],
        },
    }  # fmt: skip
    households = {"mine": "H1", "near": "H2", "far": "house-far-1"}
    for subject, person in SUBJECTS.items():
        by = there["supervisor"] if subject == "far" else boss
        anybody = Actor("mira", people.EVERYBODYS)
        attachments.attaching(
            by, person, [Scan(PDF, b"%PDF-")],
            lambda references, person=person, by=by: acts.record(
                by, Subject("person", person), "recorded", effective="2026-06-10",
                evidence=references, facts={"language": "fa"}, idempotency_key=f"paper {person}",
            ), about="person",
        )  # fmt: skip
        for kind, facts in (
            ("appointment", {"day": "2026-06-15", "starts_at": "09:00", "minutes": 60, "purpose": "interview"}),
            ("complaint", {"category": "coercion"}),
            ("consent", {"pathway": "return", "destination": "IRN", "signed_on": "2026-06-09"}),
        ):  # fmt: skip
            acts.record(
                anybody, Subject(kind, f"{kind}-of-{person}"), "recorded", effective="2026-06-10",
                facts={"person": person, **facts}, idempotency_key=f"{kind} {person}",
            )  # fmt: skip
        case = f"household/{households[subject]}"
        override = Job.objects.create(
            operation="meridian", kind="override", state="failed", by="x", ended_at=timezone.now(),
            asked={"changes": [f"wait:{case}"], "proposal": proposal, "case": case,
                   "decision": "held", "programme": "", "window": ""},
        )  # fmt: skip
        event = EventRow.objects.filter(subject_id=person, kind="recorded").latest("seq")
        consent = ThingNow.objects.filter(kind="consent", person=person).first()
        found[subject] = {
            "person": person, "household": households[subject], "event": event.event_id,
            "scan": Attachment.objects.filter(person=person).latest("pk").reference,
            "thing": consent.thing, "override": override.pk,
            "right": rights.take(by, person, "access", language="fa").pk,
            "review": ("complaint", f"complaint-of-{person}"),
            "appointment": {"thing": f"appointment-of-{person}"},
            "case": {"proposal": proposal, "case": case},
        }  # fmt: skip
    return found


SENT = {"desk:convoy": {"do": "boarded"}}
"""What a form of a page says at the least, where an empty one is of no page at all."""


def address(row: dict[str, str], subject: str, values) -> str:
    from urllib.parse import urlencode

    from django.urls import reverse

    found: list[object] = []
    asked: dict[str, str] = {}
    for word in row["args"].split():
        value = values(word, subject)
        if isinstance(value, dict):
            asked |= value
        else:
            found += value if isinstance(value, tuple) else [value]
    return reverse(row["page"], args=found) + (f"?{urlencode(asked)}" if asked else "")


def open_at(client, row: dict[str, str], subject: str, method: str, values):
    """The answer to one method at one address; a form says in its body what an address says."""
    there = address(row, subject, values)
    if method == "POST":
        said = dict(parse_qsl(urlsplit(there).query)) | SENT.get(row["page"], {})
        return client.post(urlsplit(there).path, said)
    return client.get(there)


def expected(row: dict[str, str], role: str, subject: str, office: str) -> bool:
    """Whether the table lets a role of either office in."""
    if office == "here":
        return role in roles(row[subject])
    if OF_PEOPLE & set(row["args"].split()):
        return role in roles(row[FROM_ELSEWHERE[subject]])
    return role in roles(row["elsewhere"] or row["mine"])


def test_every_address_is_in_the_table(world):
    from django.urls import get_resolver

    assert get_resolver().url_patterns
    here, there = set(addresses()), {row["page"] for row in rows()}
    assert here - there == set(), "write a row in url_table.csv for each"
    assert there - here == set(), "no such address any more"


def test_no_row_is_open_for_nobody():
    assert [row["page"] for row in rows() if not roles(row["mine"])] == []
    assert {role for row in rows() for role in roles(row["mine"])} == set(EVERYBODY)


@pytest.mark.slow
@pytest.mark.parametrize("office", ["here", "there"])
@pytest.mark.parametrize("role", EVERYBODY)
def test_a_role_gets_in_where_the_table_says_and_nowhere_else(world, role, office):
    accounts, values = world
    account = accounts[office][role]
    client = people.signed_in(account)
    wrong = []
    for row in rows():
        for subject in SUBJECTS if OF_PEOPLE & set(row["args"].split()) else ["mine"]:
            for method in row["methods"].split():
                own = people.signed_in(account) if row["page"] in LEAVING else client
                answer = open_at(own, row, subject, method, values)
                inside = answer.status_code not in (401, 403, 404, 405)
                if answer.status_code >= 500 or inside != expected(row, role, subject, office):
                    wrong.append(
                        (row["page"], row["args"], subject, method, answer.status_code)
                    )
                if row["page"] in LEAVING:
                    account = _again(account)
                    client = people.signed_in(account)
    assert not wrong, "\n".join(map(str, wrong))


def _again(account):
    """The account after it ended its sessions."""
    from onward.registry.models import Account

    Account.objects.filter(pk=account.pk).update(not_before=None)
    return Account.objects.get(pk=account.pk)


@pytest.mark.slow
def test_without_a_session_only_signing_in_is_open(world):
    from django.test import Client

    _, values = world
    wrong = []
    for row in rows():
        for method in row["methods"].split():
            answer = open_at(Client(), row, "mine", method, values)
            away = answer.status_code in (302, 303) and answer["Location"].startswith(
                "/sign-in/"
            )
            public = row["mine"] == "public" or row["page"] in {
                "blank",
                "desk:language",
                "account_logout",
            }
            if not public and not away:
                wrong.append((row["page"], method, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.slow
def test_without_a_second_factor_only_setting_one_up_is_open(world):
    accounts, values = world
    from onward.registry.signing_in import signin

    account = accounts["here"]["supervisor"]
    signin.forget_factors(account)
    client = people.signed_in(account, factor=False)
    opened = set()
    for row in rows():
        for method in row["methods"].split():
            if row["page"] in LEAVING:
                continue
            answer = open_at(client, row, "mine", method, values)
            if not (answer.status_code in (302, 303) and answer["Location"] == "/account/"):
                opened.add(row["page"])
    assert opened == {
        "account_security", "mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "blank",
        "desk:language",
    }  # fmt: skip


@pytest.mark.slow
def test_a_locked_screen_opens_nothing_but_unlocking(world):
    accounts, values = world
    client = people.signed_in(accounts["here"]["supervisor"])
    client.post("/lock/")
    opened = set()
    for row in rows():
        for method in row["methods"].split():
            if row["page"] in LEAVING:
                continue
            answer = open_at(client, row, "mine", method, values)
            away = answer.status_code in (302, 303) and answer["Location"].startswith(
                "/locked/"
            )
            if not away:
                opened.add(row["page"])
    assert opened == {
        "locked", "blank", "mfa_reauthenticate", "mfa_reauthenticate_webauthn", "desk:language",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "role",
    ["protection_officer", "interviewer", "analyst", "supervisor", "resettlement_officer", "partner",
     "plan_lead", "medical", "custodian"],
)  # fmt: skip
def test_whoever_is_shown_stands_in_the_log(world, role):
    """A page that names a person by code has written that person down as seen."""
    import re

    from onward.registry.models import AccessEntry, PersonNow

    accounts, values = world
    client = people.signed_in(accounts["here"][role])
    known = set(PersonNow.objects.values_list("person", flat=True))
    unseen = []
    for row in rows():
        if "GET" not in row["methods"] or row["page"] in LEAVING:
            continue
        last = AccessEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0
        answer = client.get(address(row, "mine", values))
        if answer.status_code != 200:
            continue
        main = answer.content.decode("utf-8", "replace").partition("<main")[2]
        shown = known & set(re.findall(r"[A-Za-z0-9-]+", main))
        logged: set[str] = set()
        for entry in AccessEntry.objects.filter(id__gt=last):
            logged |= {entry.person, *entry.people}
        if shown - logged:
            unseen.append((row["page"], row["args"], sorted(shown - logged)[:4]))
    assert not unseen, "\n".join(map(str, unseen))


def test_a_hidden_person_and_a_missing_one_give_the_same_page(world):
    accounts, _ = world
    client = people.signed_in(accounts["here"]["protection_officer"])
    hidden = client.get("/people/far-1/")
    missing = client.get("/people/nobody/")
    assert hidden.status_code == missing.status_code == 404
    assert _plain(hidden) == _plain(missing)


def _plain(answer) -> str:
    import re

    return re.sub(
        r'(value="|X-CSRFToken": ")[A-Za-z0-9]{64}', "", answer.content.decode()
    ).replace("far-1", "nobody")


def test_the_day_the_log_was_written_is_today(world):
    from onward.registry.models import AccessEntry

    assert AccessEntry.objects.latest("id").at.date() == datetime.now(UTC).date()
