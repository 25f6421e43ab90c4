"""Field by field: what of a person each role is shown, on every page, against the separate table.

A word of its own stands in each class of a person's sealed fields, for one person of the account's own,
one near and one far. No page shows any of them unasked; asked for, those the table lists, and no other.
What is held as facts (grounds of claims, health, complaints) has a day of its own for each person: pages
and what they give to keep show it to the roles the table lists, and to no other.
"""

from __future__ import annotations

from datetime import date

import pytest
import registry_cast as people
from test_every_address import (  # noqa: F401
    ASSIGNED,
    EVERYBODY,
    LEAVING,
    SUBJECTS,
    address,
    roles,
    rows,
    world,
)
from test_roles import written

FIELDS = {
    "names": "name.full.latin", "documents": "document.passport", "contacts": "contact.phone",
    "narrative": "notes",
}  # fmt: skip


def reaches(role: str, subject: str) -> set[str]:
    """The letters of the table by which a role reaches somebody in `world`."""
    if subject == "far":
        return set("O")
    own = "A" if role in ASSIGNED else "R" if role == "partner" else ""
    return set("OF" + (own if subject == "mine" else ""))


def word(kind: str, subject: str) -> str:
    return f"Qanary{kind.capitalize()}{subject.capitalize()}"


WORDS = {(kind, subject): word(kind, subject) for kind in FIELDS for subject in SUBJECTS}


FACTS = {
    "grounds": ("claim", "expressed_on", {}),
    "medical": ("person", "fitness_checked_on", {}),
    "complaints": ("complaint", "received_on", {"category": "other", "triaged": False}),
}
"""Class -> kind of record, the fact with the day, and what else is recorded with it."""

DAYS = {
    (kind, subject): f"2025-{month:02}-{day:02}"
    for month, kind in enumerate(FACTS, 3)
    for day, subject in enumerate(SUBJECTS, 17)
}


def recorded(small, kind: str, subject: str):
    """The event that holds the day of a class for a person; it took place on another day."""
    import random
    from datetime import UTC, datetime

    from onward.caseload.events import Subject, new_event

    person = SUBJECTS[subject]
    about, fact, also = FACTS[kind]
    mine = {} if about == "person" else {"person": person}
    return new_event(
        small.rulebook, operation="meridian", kind="recorded", effective="2026-06-09",
        subject=Subject(about, person if about == "person" else f"{about}-{subject}"), by="amina",
        instant=datetime.now(UTC), random=random.Random(f"{kind} {subject}"), opens=about != "person",
        facts={fact: DAYS[kind, subject], **mine, **also},
    )  # fmt: skip


@pytest.fixture(scope="module")
def told(world):  # noqa: F811
    from onward.registry import site
    from onward.registry.now import projection

    small = site.operation()
    small.record([recorded(small, kind, subject) for kind, subject in DAYS])
    projection.ensure(small)

    site.operation().vault.put(
        {
            person: {field: WORDS[kind, subject] for kind, field in FIELDS.items()}
            for subject, person in SUBJECTS.items()
        }
    )
    accounts, values = world
    return accounts["here"], values


def shown(text: str) -> set[tuple[str, str]]:
    return {which for which, one in WORDS.items() if one in text}


def days(text: str) -> set[tuple[str, str]]:
    """The days that stand in a text, as the record keeps them or as a page says them."""
    return {
        which
        for which, one in DAYS.items()
        if one in text or f"{date.fromisoformat(one):%-d %B %Y}" in text
    }


@pytest.fixture(scope="module", params=EVERYBODY)
def walk(told, request):
    """A role, its session, and what every page shows it: of each its row, of whom, status and text."""
    accounts, values = told
    client = people.signed_in(accounts[request.param])
    answers = []
    for row in rows():
        if "GET" not in row["methods"] or row["page"] in LEAVING:
            continue
        for subject in (
            SUBJECTS
            if {"person", "household", "right"} & set(row["args"].split())
            else ["mine"]
        ):
            answer = client.get(address(row, subject, values))
            text = b"".join(answer).decode("utf-8", "replace")
            answers.append((row, subject, answer.status_code, text))
    return request.param, client, answers


@pytest.mark.slow
def test_claims_health_and_complaints_are_shown_to_the_roles_of_the_table_only(walk):
    role, _, answers = walk
    table, found = written(), {}
    for row, _, _, text in answers:
        for which in days(text):
            found.setdefault(which, []).append((row["page"], row["args"]))
    allowed = {
        (kind, subject)
        for kind, subject in DAYS
        if set(table[f"read {kind}", role]) & reaches(role, subject)
        and set(table["do person.read", role]) & reaches(role, subject)
    }
    beyond = {which: pages for which, pages in found.items() if which not in allowed}
    assert not beyond, beyond
    assert allowed <= set(found), "what a role may read it finds on a page"


ASKS = {"desk:put-right"}
"""Pages that are asked for what they show: after a fresh sign-in, counted and logged."""


@pytest.mark.slow
def test_a_role_is_shown_the_fields_of_the_table_when_it_asks_and_none_before(walk):
    role, client, answers = walk
    table = written()

    def allowed(subject):
        mine = reaches(role, subject)
        # Without the right to ask at all, a field's own right opens nothing.
        if not set(table["do person.reveal", role]) & mine:
            return set()
        return {(kind, subject) for kind in FIELDS if set(table[f"read {kind}", role]) & mine}

    wrong, opened = [], 0
    for row, subject, status, text in answers:
        opened += status == 200
        found = shown(text)
        if row["page"] in ASKS:
            found = set(found) - allowed(subject)
        if found:
            wrong.append((row["page"], subject, sorted(found)))
    assert not wrong, "\n".join(map(str, wrong))
    assert opened > 10
    for subject, person in SUBJECTS.items():
        answer = client.post(
            f"/people/{person}/identity/", {"purpose": "interview"}, follow=True
        )
        assert shown(answer.content.decode()) == allowed(subject), (subject, answer.status_code)


def inside(content: bytes) -> str:
    """All text of a file that was given out, also of what is packed or drawn in it."""
    import io
    import subprocess
    import zipfile

    if content.startswith(b"%PDF"):
        read = ["pdftotext", "-layout", "-", "-"]
        drawn = subprocess.run(read, input=content, capture_output=True, check=True).stdout
        return drawn.decode() + content.decode("utf-8", "replace")

    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return "".join(
            packed.read(name).decode("utf-8", "replace") for name in packed.namelist()
        )


@pytest.mark.slow
@pytest.mark.parametrize("audience", ["internal", "external"])
def test_no_file_of_a_report_tells_of_anybody(told, audience):
    from django.urls import reverse

    from onward.registry.web import jobs

    accounts, _values = told
    lead = accounts["supervisor" if audience == "internal" else "plan_lead"]
    asked = {"audience": audience, "futures": 200, "as_of": "", "language": "en"}
    job = jobs.ask(lead, "report", asked)
    made = jobs.run_next()
    while made is not None and made.pk != job.pk:  # what the desk had waiting comes first
        made = jobs.run_next()
    assert made is not None
    assert made.state == "done", made.message
    client = people.signed_in(lead)
    names = [file.name for file in made.files.all()]
    assert {"report.html", "report.pdf", "report.xlsx"} <= set(names)
    for name in names:
        answer = client.get(reverse("desk:job_file", args=[job.pk, name]))
        assert answer.status_code == 200
        text = inside(b"".join(answer))
        assert not days(text), name
        assert not shown(text), name
        assert not [one for one in SUBJECTS.values() if one in text], name


def test_every_class_of_sealed_fields_has_a_word():
    from onward.registry.permissions.roles import load_rules

    rules = load_rules()
    assert set(FIELDS) == {name for name, one in rules.classes.items() if one.vault}
    for kind, field in FIELDS.items():
        assert field.partition(".")[0] in rules.classes[kind].vault
