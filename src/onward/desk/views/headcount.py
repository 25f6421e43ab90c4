"""The daily head-count: opening + arrivals − departures − deaths = present, beside who was counted."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _

from onward.caseload.events import Subject
from onward.dates import NotADate, day_range
from onward.desk import dates, forms, here, sight
from onward.desk.views.shared import done, once, page, sent_key
from onward.errors import OnwardError
from onward.registry.models import EventRow, PersonNow, ThingNow
from onward.registry.recording import acts
from onward.registry.recording.duties import befell
from onward.rulebook.model import Rulebook

DAYS = 14
AGREES = "agrees"
"""The answer that a count is what the record says."""
NEWBORN_DAYS = 60
"""Registered within so many days of birth: counted as a birth, not as an arrival."""


@dataclass(frozen=True)
class Day:
    """One site on one day. `counted` None: nobody counted."""

    day: date
    opening: int
    births: int
    arrivals: int
    departures: int
    absences: int
    deaths: int
    present: int
    counted: int | None
    explained: str

    @property
    def difference(self) -> int | None:
        return None if self.counted is None else self.counted - self.present


def present_states(rulebook: Rulebook) -> list[str]:
    """Places where a person is in somebody's count: where some step out of the place begins."""
    return [
        name for name in rulebook.axes["place"].states
        if any(name in move.sources.get("place", ()) for key, move in rulebook.moves().items()
               if befell(rulebook, key) and move.name == "absent")
    ]  # fmt: skip


def days_of(site: str, last: date, number: int = DAYS) -> list[Day]:
    """The counts of a site, the newest day first, worked back from who is there now.

    Reads the moves of the period and the people they moved: a fixed number of queries.
    """
    rulebook = here.rulebook()
    states = present_states(rulebook)
    first = last - timedelta(days=number - 1)
    flows = _flows(rulebook, states, site, first)
    counted = {
        str(row.facts.get("day")): row.facts
        for row in ThingNow.objects.filter(
            kind="headcount", facts__site=site, facts__day__gte=first.isoformat()
        ).order_by("revision")
    }
    present = PersonNow.objects.filter(site=site, place__in=states).count()
    today = here.today()
    # Moves after the last day shown are undone first.
    day = today
    while day > last:
        present -= sum(flows.get(day, Counter()).values())
        day -= timedelta(days=1)
    found = []
    for back in range(number):
        day = last - timedelta(days=back)
        flow = flows.get(day, Counter())
        opening = present - sum(flow.values())
        facts = counted.get(day.isoformat(), {})
        found.append(
            Day(day, opening, flow["births"], flow["arrivals"], -flow["departures"],
                -flow["absences"], -flow["deaths"], present, facts.get("counted"),
                str(facts.get("explained") or ""))
        )  # fmt: skip
        present = opening
    return found


def _flows(
    rulebook: Rulebook, states: list[str], site: str, first: date
) -> dict[date, Counter[str]]:
    kinds = {"registered": "arrivals"}
    for key, move in rulebook.moves().items():
        target = move.targets.get("place")
        if target is None:
            continue
        if target in states:
            if not set(move.sources.get("place", ())) & set(states):
                kinds[key] = "arrivals"
        elif target == "deceased":
            kinds[key] = "deaths"
        elif target == "absent":
            kinds[key] = "absences"
        else:
            kinds[key] = "departures"
    rows = list(
        EventRow.objects.filter(subject_kind="person", kind__in=list(kinds), effective__gte=first.isoformat())
        .values_list("event_id", "subject_id", "kind", "effective")
    )  # fmt: skip
    events, moved = [row[0] for row in rows], {row[1] for row in rows}
    gone: set[str | None] = set()
    people: dict[str, date | None] = {}
    if rows:
        gone = set(
            EventRow.objects.filter(supersedes__in=events).values_list("supersedes", flat=True)
        )
        here_now = PersonNow.objects.filter(site=site, person__in=moved)
        people = dict(here_now.values_list("person", "birth_last"))
    flows: dict[date, Counter[str]] = {}
    for event, person, kind, effective in rows:
        if event in gone or person not in people:
            continue
        try:
            day = day_range(effective)[1]
        except NotADate:
            continue
        what = kinds[kind]
        born = people[person]
        if kind == "registered" and born and 0 <= (day - born).days <= NEWBORN_DAYS:
            what = "births"
        flows.setdefault(day, Counter())[what] += 1 if what in ("births", "arrivals") else -1
    return flows


def _said(site: str, day: date) -> tuple[str, str]:
    """What is said of a count that was recorded, and whether it asks for more."""
    difference = days_of(site, day, 1)[0].difference
    if not difference:
        return _("The count is recorded."), "good"
    n = {"n": dates.counted(abs(difference))}
    if difference < 0:
        return _(
            "The count is recorded: %(n)s fewer than the record says. Count again. If it stays so, look for who is missing, and record absences, departures and deaths that were not entered."
        ) % n, "held"
    return _(
        "The count is recorded: %(n)s more than the record says. Count again. If it stays so, look for births and arrivals that were not registered."
    ) % n, "held"


def _absent(rulebook: Rulebook, site: str) -> list[tuple[str, int]]:
    """Places of the absent, each with the people of a site who are there and of whom something took
    place since: the list of people has them among those who are here, and no count of a day does."""
    places = sight.absent_places(rulebook)
    rows = PersonNow.objects.filter(site=site, place__in=places, active__in=(True,))
    return sorted(Counter(rows.values_list("place", flat=True)).items())


@page("headcount", "headcount.record", methods=("GET", "POST"))
def headcount(request: HttpRequest) -> HttpResponse:
    rulebook = here.rulebook()
    if "headcount" not in rulebook.kinds:
        raise Http404
    reader = request.reader  # type: ignore[attr-defined]
    # Sites where this account sees people one by one: a count elsewhere would tell of one on a day.
    sites = list(
        reader.people()
        .filter(reader.within("internal"))
        .exclude(site=None)
        .order_by("site")
        .values_list("site", flat=True)
        .distinct()
    )
    asked = request.POST.get("site") or request.GET.get("site", "")
    site = (
        asked
        if asked in sites
        else (
            reader.account.office
            if reader.account.office in sites
            else (sites[0] if sites else "")
        )
    )
    extra: dict[str, Any] = {}
    form = forms.form_for(
        rulebook, "headcount", required=("day", "counted"), values={"day": here.today().isoformat()}
    )  # fmt: skip
    if request.method == "POST" and site:
        form.read(request.POST)
        if form.valid and form.facts["day"] > here.today().isoformat():
            form.fail("day", _("A count cannot be of a day later than today."))
        if form.valid and form.facts.get("explained") == AGREES:
            on_record = days_of(site, date.fromisoformat(form.facts["day"]), 1)[0].present
            if form.facts["counted"] != on_record:
                form.fail(
                    "explained",
                    _("The record says %(n)s: this count does not agree. Choose why, or leave it open.")
                    % {"n": dates.counted(on_record)},
                )  # fmt: skip
        if form.valid:
            try:
                acts.record(
                    request.user, Subject("headcount", str(uuid.uuid4())), "recorded",
                    effective=form.facts["day"], facts={"site": site, **form.facts}, evidence=(),
                    idempotency_key=sent_key(request),
                )  # fmt: skip
            except OnwardError as error:
                extra["faults"] = [str(error)]
            else:
                said, look = _said(site, date.fromisoformat(form.facts["day"]))
                return done(request, said, "desk:headcount", site=site, look=look)
    return render(
        request, "desk/headcount.html",
        {"sites": sites, "site": site, "days": days_of(site, here.today()) if site else [],
         "absent": _absent(rulebook, site), "form": form, "key": request.POST.get("key") or once(), **extra},
        status=422 if form.problems or extra else 200,
    )  # fmt: skip


urls = [path("head-count/", headcount, name="headcount")]
