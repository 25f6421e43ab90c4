"""No page asks the database more often because there are more people: every page, every role."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import registry_cast as people
from test_every_address import EVERYBODY, LEAVING, address, roles, rows, world  # noqa: F401

MORE = 92
"""Households of two, beside the sixteen people that are there: two hundred."""


def grow(operation, houses: int) -> None:
    """Households like the first one, with all it has: consents, interviews, checks, papers."""
    import onward_test_site as operations

    from onward.caseload.events import event_id
    from onward.registry.now import projection

    maker, now = random.Random(3), datetime(2026, 6, 10, 8, tzinfo=UTC)
    first = [
        event
        for event in operations.small_events(operation.rulebook)
        if event.subject.id == "H1" or event.subject.id.startswith("H1-")
    ]
    assert len({event.subject.kind for event in first}) > 4

    def renamed(value, house: str):
        if isinstance(value, str) and (value == "H1" or value.startswith("H1-")):
            return house + value[len("H1") :]
        if isinstance(value, list | tuple):
            return [renamed(one, house) for one in value]
        return value

    copies = []
    for number in range(houses):
        house = f"G{number}"
        for event in first:
            copies.append(
                replace(
                    event, id=event_id(now, maker),
                    subject=replace(event.subject, id=renamed(event.subject.id, house)),
                    facts={k: renamed(v, house) for k, v in event.facts.items()},
                    idempotency_key=f"{house}:{event.idempotency_key}",
                )
            )  # fmt: skip
    operation.record(copies)
    projection.ensure(operation)


def counted(accounts, values) -> dict[tuple[str, str, str], int]:
    """How often each page asks that opens, by role, page and what it is of: for the first and the last
    of the roles that it opens for, who see the most and the least of it."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    found = {}
    clients = {role: people.signed_in(accounts["here"][role]) for role in EVERYBODY}
    for row in rows():
        opens = [role for role in EVERYBODY if role in roles(row["mine"])]
        if "GET" not in row["methods"] or row["page"] in LEAVING or not opens:
            continue
        where = address(row, "mine", values)
        for role in dict.fromkeys((opens[0], opens[-1])):
            if clients[role].get(where).status_code != 200:
                continue
            times = []
            # Twice: what a session notes now and then is not asked by two requests in a row.
            for _ in range(2):
                with CaptureQueriesContext(connection) as asked:
                    assert clients[role].get(where).status_code == 200
                times.append(len(asked))
            found[role, row["page"], row["args"]] = min(times)
    return found


@pytest.mark.slow
def test_no_page_of_any_role_asks_more_often_for_two_hundred_people_than_for_twenty(world):  # noqa: F811
    from onward.registry import site
    from onward.registry.models import PersonNow

    accounts, values = world
    few = counted(accounts, values)
    assert len({page for _, page, _ in few}) > 45, "most pages opened"
    before = PersonNow.objects.count()
    grow(site.operation(), MORE)
    assert before < 20
    assert PersonNow.objects.count() == before + 2 * MORE
    many = counted(accounts, values)
    grown = {key: (few[key], many.get(key)) for key in few if many.get(key, 0) > few[key]}
    assert not grown, "\n".join(f"{key}: {count}" for key, count in grown.items())
    assert many.keys() == few.keys()
