"""A contact after the outcome is overdue by the days of its own pathway."""

from __future__ import annotations

import re

import registry_cast as cast


def test_somebody_handed_over_is_overdue_in_days_and_somebody_who_went_home_in_weeks(small):
    from onward.caseload.events import Subject
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    boss, anybody = cast.account("chantal", "supervisor"), Actor("mira", cast.EVERYBODYS)
    for person, went in (("H1-P1", "T7.done"), ("H2-P1", "T20.done")):
        acts.record(anybody, Subject("person", person), went, effective="2026-05-20",
                    idempotency_key=f"went-{person}")  # fmt: skip
    for person, due in (("H1-P1", "2026-06-05"), ("H2-P1", "2026-06-05"), ("H2-P1", "2026-06-08")):  # fmt: skip
        acts.record(anybody, Subject("follow_up", f"{person}-{due}"), "recorded", effective="2026-05-20",
                    facts={"person": person, "due_on": due}, idempotency_key=f"{person}-{due}")  # fmt: skip
    client = cast.signed_in(boss)
    page = client.get("/calendar/follow-ups/").content.decode()
    rows = {
        (re.search(r"/people/([^/]+)/", row)[1], re.search(r'class="n">(\d+)<', row)[1]): row
        for row in page.split("<tbody>")[1].split("</tr>") if "/people/" in row
    }  # fmt: skip
    said = {key: "status overdue" in row for key, row in rows.items()}
    assert said == {
        ("H1-P1", "5"): False,
        ("H2-P1", "5"): True,
        ("H2-P1", "2"): False,
    }
    home = client.get("/").content.decode()
    tile = home.split("/calendar/follow-ups/")[1].split("</a>")[0]
    assert re.findall(r"(\d+)</?(?:b|span)", tile)[:2] == ["3", "1"]
    due = home.split('id="due"')[1].split("</table>")[0]
    assert due.count("status overdue") == 1
