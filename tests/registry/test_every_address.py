"""Every address, every role, every office, against a table written separately (`url_table.csv`).

Three people are asked about: one who is the account's own (of its office, assigned to it,
referred to its organisation), one near (of its office and nobody's), one far (of another office).
A cell lists the roles that get in; everybody else must be refused, by the same words whether the
person exists or not. An address without a row fails.
"""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

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
    """The small operation, with one account per role in the first office, and something to open for each kind of address."""
    import onward_test_site as operations

    from onward.registry.data_protection import rights
    from onward.registry.exporting import profiles
    from onward.registry.models import ExportRequest, Recipient, ThingNow
    from onward.registry.permissions import alarms, assignments, grants
    from onward.registry.web import starting

    folder = tmp_path_factory.mktemp("addresses") / "meridian"
    small = operations.unlocked(operations.copied(small_template, folder))
    people.elsewhere(small)
    accounts = {
        role: people.account(
            role.replace("_", "."),
            role,
            organisation="harbour-aid" if role == "partner" else "",
        )
        for role in EVERYBODY
    }
    boss = accounts["supervisor"]
    for role in ASSIGNED:
        assignments.assign(boss, "H1-P1", to=accounts[role], reason="interview")
    assignments.assign(boss, "H1-P1", organisation="harbour-aid", reason="shelter")
    asker = people.account("asker", "protection_officer")
    recipient = Recipient.objects.create(
        operation="meridian", name="R", code="r", kind="partner", age_key="age1", agreement="A",
        agreement_ends=date(2030, 1, 1), made_by="nobody",
    )  # fmt: skip
    grants.seal_recipient(recipient)
    export = ExportRequest.objects.create(
        operation="meridian", profile=next(iter(profiles.profiles())), recipient=recipient,
        purpose="protection", reason="reason", asked_by=asker, people=["H1-P1"],
    )  # fmt: skip
    requests = {
        subject: rights.take(boss, person, "access", language="fa")
        for subject, person in SUBJECTS.items()
        if subject != "far"
    }
    requests["far"] = rights.take(
        people.account("far.officer", "protection_officer", office=people.ELSEWHERE),
        "far-1", "access", language="fa",
    )  # fmt: skip
    from onward.registry import breaches

    breach = breaches.report(boss, what="A list was left in the bus.", danger="high")
    alarm = alarms.raise_alarm("panic", account=asker.account_id)

    from onward.caseload.events import Subject
    from onward.registry.identities import attachments
    from onward.registry.identities.scans import PDF, Scan
    from onward.registry.models import Account, Attachment, EventRow
    from onward.registry.recording import acts

    there = Account.objects.get(username="far.officer")
    for person in SUBJECTS.values():
        by = there if person == SUBJECTS["far"] else boss
        attachments.attaching(
            by, person, [Scan(PDF, b"%PDF-")],
            lambda references, person=person, by=by: acts.record(
                by, Subject("person", person), "recorded", effective="2026-06-10",
                evidence=references, facts={"language": "fa"}, idempotency_key=f"paper {person}",
            ), about="person",
        )  # fmt: skip

    def values(word: str, subject: str) -> object:
        person = SUBJECTS[subject]
        if word == "event":
            found = EventRow.objects.filter(subject_id=person, kind="recorded")
            return found.latest("seq").event_id
        if word == "scan":
            return Attachment.objects.get(person=person).reference
        if word == "thing":
            found = ThingNow.objects.filter(kind="consent", person=person).first()
            return found.thing if found else "nothing"
        return {
            "person": person,
            "household": {"mine": "H1", "near": "H2", "far": "house-far-1"}[subject],
            "right": requests[subject].pk, "export": export.pk, "recipient": recipient.pk,
            "breach": breach.pk, "alarm": alarm.pk, "account": asker.pk, "draft": uuid.uuid4(),
            "job": uuid.uuid4(), "file": "report.html", "convoy": "no-convoy", "number": 1,
            "message": "no-message", "language": "en", "review": ("complaint", "nothing"),
        }.get(word, word)  # fmt: skip

    with people.naming_the_operation() as told:
        yield accounts, values
        assert told
    starting.close_site()


def address(row: dict[str, str], subject: str, values) -> str:
    from django.urls import reverse

    found: list[object] = []
    for word in row["args"].split():
        value = values(word, subject)
        found += value if isinstance(value, tuple) else [value]
    return reverse(row["page"], args=found)


def test_every_address_is_in_the_table(world):
    from django.urls import get_resolver

    assert get_resolver().url_patterns
    here, there = set(addresses()), {row["page"] for row in rows()}
    assert here - there == set(), "write a row in url_table.csv for each"
    assert there - here == set(), "no such address any more"


@pytest.mark.slow
@pytest.mark.parametrize("role", EVERYBODY)
def test_a_role_gets_in_where_the_table_says_and_nowhere_else(world, role):
    accounts, values = world
    client = people.signed_in(accounts[role])
    wrong = []
    for row in rows():
        for subject in (
            SUBJECTS
            if {"person", "household", "right"} & set(row["args"].split())
            else ["mine"]
        ):
            for method in row["methods"].split():
                own = people.signed_in(accounts[role]) if row["page"] in LEAVING else client
                answer = getattr(own, method.lower())(address(row, subject, values))
                inside = answer.status_code not in (401, 403, 404, 405)
                if answer.status_code >= 500 or inside != (role in roles(row[subject])):
                    wrong.append(
                        (row["page"], row["args"], subject, method, answer.status_code)
                    )
                if row["page"] in LEAVING:
                    client = people.signed_in(_again(accounts[role]))
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
            answer = getattr(Client(), method.lower())(address(row, "mine", values))
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

    account = accounts["supervisor"]
    signin.forget_factors(account)
    client = people.signed_in(account, factor=False)
    opened = set()
    for row in rows():
        for method in row["methods"].split():
            if row["page"] in LEAVING:
                continue
            answer = getattr(client, method.lower())(address(row, "mine", values))
            if not (answer.status_code in (302, 303) and answer["Location"] == "/account/"):
                opened.add(row["page"])
    assert opened == {
        "account_security", "mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "blank",
        "desk:language",
    }  # fmt: skip


@pytest.mark.slow
def test_a_locked_screen_opens_nothing_but_unlocking(world):
    accounts, values = world
    client = people.signed_in(accounts["supervisor"])
    client.post("/lock/")
    opened = set()
    for row in rows():
        for method in row["methods"].split():
            if row["page"] in LEAVING:
                continue
            answer = getattr(client, method.lower())(address(row, "mine", values))
            away = answer.status_code in (302, 303) and answer["Location"].startswith(
                "/locked/"
            )
            if not away:
                opened.add(row["page"])
    assert opened == {
        "locked", "blank", "mfa_reauthenticate", "mfa_reauthenticate_webauthn", "desk:language",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("role", ["protection_officer", "interviewer", "analyst"])
def test_whoever_is_shown_stands_in_the_log(world, role):
    """A page that names a person by code has written that person down as seen."""
    import re

    from onward.registry.models import AccessEntry, PersonNow

    accounts, values = world
    client = people.signed_in(accounts[role])
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
    client = people.signed_in(accounts["protection_officer"])
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
