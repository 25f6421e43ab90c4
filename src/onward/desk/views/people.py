"""People: lists with filters, search by any spelling or number, and one person's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Case, QuerySet, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _

from onward.desk import contacts, ending, here, sight, totals, words
from onward.desk.story import happened, on_record, recordable, warned
from onward.desk.story.household import household
from onward.desk.story.identity_lines import field_label, identity_lines
from onward.desk.story.standing import axes
from onward.desk.views import home_roles
from onward.desk.views.shared import PAGE, page, paged, place
from onward.registry.data_protection import rights
from onward.registry.identities.merged import ids_of
from onward.registry.models import PersonNow, ThingNow
from onward.registry.now import judging
from onward.registry.permissions import access

ASKED = "desk.asked"
"""Where the session remembers what was last searched for."""

# -- lists ------------------------------------------------------------------------------------


@page("people", "person.list")
def people(request: HttpRequest) -> HttpResponse:
    reader = request.reader  # type: ignore[attr-defined]
    rulebook = here.rulebook()
    rows, filters = filtered(request, reader)
    found = paged(request, rows.order_by(*_order(reader)).defer(*sight.NOT_IN_LISTS))
    reader.listed(found.rows, place=place(request))
    return render(
        request,
        "desk/people.html",
        {
            "page": found,
            "lines": sight.lines(reader, found.rows),
            "filters": filters,
            "finding": _finding(reader, request.GET.get("finding", "")),
            "line": _line(request, reader, rows),
            "casework": reader.reads_somewhere("confidential"),
            "bulk": [
                a
                for a, kind in (
                    ("calendar.edit", "appointment"),
                    ("person.record_movement", "convoy"),
                    ("person.assign", ""),
                )
                if reader.may(a) and (not kind or kind in rulebook.kinds)
            ],
            "stages": rulebook.axes["stage"].states,
        },
    )


def _order(reader: access.Reader) -> tuple[Any, ...]:
    """Who waits longest first, where that may be read: an order tells what it sorts by."""
    if not reader.reads_somewhere("confidential"):
        return ("person",)
    theirs = reader.within("confidential")
    if reader.reads_of_all("confidential"):
        return ("stage_since", "person")  # of everybody in the list: read in order of an index
    since: Any = Case(When(theirs, then="stage_since")) if theirs else "stage_since"
    return (since, "person")


def filtered(
    request: HttpRequest, reader: access.Reader
) -> tuple[QuerySet[PersonNow], list[dict[str, Any]]]:
    """The people a list shows, and the filters as they stand.

    Only within whom a field may be read can be asked by it, or a filter would tell what the
    page hides.
    """
    rulebook = here.rulebook()
    rows = reader.people()
    filters: list[dict[str, Any]] = []

    def choose(name: str, title: str, options: Mapping[str, str], class_: str) -> str:
        if not reader.reads_somewhere(class_):
            return ""
        value = request.GET.get(name, "")
        value = value if value in options else ""
        filters.append(
            {"name": name, "title": title, "options": options.items(), "value": value}
        )
        return value

    if reader.may("person.read") and not reader.opens_all_it_lists:
        whose = {"mine": _("Your people"), "all": _("Everybody in the list")}
        value = "all" if request.GET.get("whose") == "all" else "mine"
        filters.append(
            {"name": "whose", "title": _("Whose"), "options": whose.items(), "value": value}
        )
        if value == "mine":
            rows = reader.people("person.read")
    here_now = {"here": _("Present"), "gone": _("Gone, absent or dead"), "all": _("Everybody")}
    present = choose("present", _("Who"), here_now, "internal")
    if present == "gone":
        rows = rows.filter(active__in=(False,))
    elif present != "all":
        rows = rows.filter(active__in=(True,))
    for axis, class_ in (
        ("legal", "confidential"),
        ("stage", "confidential"),
        ("place", "internal"),
    ):
        options = {
            name: words.state(rulebook, axis, name) for name in rulebook.axes[axis].states
        }
        if value := choose(axis, words.translated(rulebook.axes[axis].title), options, class_):
            rows = rows.filter(reader.within(class_), **{axis: value})
    offices = reader.people().exclude(office="").order_by("office")
    sites = {
        site: words.site(site)
        for site in totals.few(offices.values_list("office", flat=True).distinct())
    }
    if len(sites) > 1 and (value := choose("site", _("Site"), sites, "internal")):
        rows = rows.filter(site=value)
    ages = {"adult": _("Adults"), "child": _("Children, or not known to be adult")}
    if value := choose("age", _("Age"), ages, "biodata"):
        rows = rows.filter(reader.within("biodata"))
        rows = rows.filter(adult=True) if value == "adult" else rows.exclude(adult=True)
    held = {
        "blocked": _("Own next step blocked"), "open": _("Own next step open"),
        "none": _("No step open at all"),
    }  # fmt: skip
    if value := choose("steps", _("Next step"), held, "confidential"):
        rows = rows.filter(reader.within("confidential"), active__in=(True,))
        if value == "none":
            rows = rows.filter(open_steps=0)
        else:
            rows = rows.filter(blocked__in=(value == "blocked",))
    if (line := _line(request, reader, rows)) is not None:
        rows = line["rows"]
    if finding := _finding(reader, request.GET.get("finding", "")):
        rows = rows.filter(
            reader.within("confidential"), blocked__in=(True,), active__in=(True,),
            held__contains=f" {finding['key']} ",
        )  # fmt: skip
        for class_ in finding["classes"]:
            rows = rows.filter(reader.within(class_))
    return rows, filters


def _line(
    request: HttpRequest, reader: access.Reader, rows: QuerySet[PersonNow]
) -> dict[str, Any] | None:
    """The line of home whose people are asked for: what runs out soon, or what somebody's own work
    fills in. Its `rows` are those of some people."""
    today, wanted = here.today(), request.GET.get("missing", "")
    if request.GET.get("ends") == "soon" and reader.reads_somewhere("confidential"):
        soon = ending.soon(reader.things("confidential"), rows, today)
        return {"name": "ends", "value": "soon", "title": _("Runs out soon"), "what": _("In two weeks"),
                "rows": rows.filter(person__in=soon.order_by().values("person"))}  # fmt: skip
    for line, theirs in home_roles.missing(reader, rows, today) if wanted else ():
        if line.name == wanted:
            return {"name": "missing", "value": wanted, "title": _("To be filled in"),
                    "what": words.translated(line.title), "rows": theirs}  # fmt: skip
    return None


def _finding(reader: access.Reader, key: str) -> dict[str, Any] | None:
    rulebook = here.rulebook()
    if not key or not reader.told_of(rulebook, key):
        return None
    safeguard, _dot, name = key.partition(".")
    finding = rulebook.safeguards[safeguard].findings[name]
    return {
        "key": key,
        "title": words.translated(rulebook.safeguards[safeguard].title),
        "sentence": words.translated(finding.sentence),
        "classes": sorted(reader.rules.finding_classes(rulebook).get(key, ())),
    }


# -- search -----------------------------------------------------------------------------------


@page("people", "person.search", methods=("GET", "POST"))
def search(request: HttpRequest) -> HttpResponse:
    """By name in any spelling or script, or by number. Sent in the form, never in the address.

    The answer is a page of its own: a browser that keeps its windows over a restart writes what
    a form sent to the disk, but not what the server remembers in the sealed session.
    """
    reader = request.reader  # type: ignore[attr-defined]
    if request.method == "POST":
        request.session[ASKED] = request.POST.get("q", "").strip()[:120]
        return HttpResponseRedirect(reverse("desk:search"), status=303)
    asked = request.session.get(ASKED, "")
    shown: dict[str, Any] = {"asked": asked, "lines": []}
    if asked:
        from onward.registry.now.search import find_people

        hits = find_people(reader, asked, limit=PAGE)
        order = {hit.person: number for number, hit in enumerate(hits)}
        rows = list(
            reader.people("person.search")
            .filter(person__in=list(order))
            .defer(*sight.NOT_IN_LISTS)
        )
        rows.sort(key=lambda row: order[row.person])
        reader.listed(rows, place=place(request), action="person.search")
        why = {hit.person: hit.how for hit in hits}
        shown["lines"] = [
            (line, why.get(line.person, "")) for line in sight.lines(reader, rows)
        ]
        shown["more"] = len(hits) == PAGE
    return render(request, "desk/search.html", shown)


# -- one person -------------------------------------------------------------------------------


@page("people", "person.read")
def person(request: HttpRequest, person: str) -> HttpResponse:
    reader = request.reader  # type: ignore[attr-defined]
    seen = reader.open(person, place=place(request))
    shown = about(request, seen)
    if shown["household"] is not None:  # its members are shown too, by code
        ids = [each.person for each in shown["household"].members if each.person != person]
        theirs = reader.people().filter(person__in=ids).only("operation", "person")
        reader.listed(theirs, place=place(request))
    return render(request, "desk/person.html", shown)


def about(request: HttpRequest, seen: access.Seen) -> dict[str, Any]:
    """Everything the page of one person shows."""
    rulebook = here.rulebook()
    if here.judging():
        seen.person.steps = judging.steps_now(here.operation(), seen.person.person)
        seen.person.steps_on = here.today()
    facts = seen.facts
    pathway = facts.get("intended_pathway")
    always = recordable.always(seen)
    return {
        "seen": seen,
        "today": here.today(),
        "person": seen.person.person,
        "facts": facts,
        "sex_age": sight.sex_age(facts, here.today()),
        "axes": axes(seen),
        "ways": sight.ways(rulebook, facts.get("stage"), facts.get("place"), pathway)
        if "stage" in facts else [],
        "processes": [
            words.translated(rulebook.processes[name].title)
            for name in facts.get("processes") or [] if name in rulebook.processes
        ],
        "steps": sight.steps(seen),
        "judged": seen.person.steps_on,
        "household": household(seen),
        "records": on_record.records(seen),
        "details": on_record.details(seen),
        "files": on_record.files(seen),
        "timeline": happened.timeline(seen, limit=12),
        "warnings": warned.warnings(seen),
        "masked": sorted(seen.masked),
        "may": {
            "reveal": seen.may("person.reveal"),
            "put_right": seen.may("person.edit"),
            "facts": bool(on_record.correctable(seen)),
            "read_aloud": seen.may("person.record_interview"),
            "rights": seen.may("rights.open"),
            "assign": seen.may("person.assign"),
        },
        "always": always,
        "kinds_of_always": {line["group"] for line in always},
        "dead": warned.is_dead(seen),
        "erased": rights.erased_on(seen.person.person),
        "recordable": recordable.recordable(seen),
    }  # fmt: skip


@page("people", "person.reveal", methods=("GET", "POST"))
def reveal(request: HttpRequest, person: str) -> HttpResponse:
    """Names and documents, for a reason, after a fresh sign-in: counted and logged."""
    from onward.registry.signing_in import signin

    reader = request.reader  # type: ignore[attr-defined]
    row = reader.people("person.reveal").filter(person=person).first()
    if row is None:
        raise access.Hidden
    shown: dict[str, Any] = {
        "person": person,
        "purposes": purposes(),
        "erased": rights.erased_on(person),
    }
    signed_in = signin.require_fresh(request)
    reader.listed([row], place=place(request))
    if request.method == "POST":
        purpose = purpose_of(request)
        if len(purpose) < 3:
            shown["error"] = _("Choose why you need to see who this is.")
        else:
            leave = reader.reveal(
                person, purpose=purpose, place=place(request), signed_in=signed_in
            )
            first, *others = ids_of(person)
            kept = here.operation().vault.get_many([first, *others])
            shown["identity"] = identity_lines(leave.of(kept.get(first)))
            shown["others"] = [
                lines for one in others if (lines := identity_lines(leave.of(kept.get(one))))
            ]
            shown["before"] = [
                (field_label(each.field), each.value, each.until)
                for one in (first, *others)
                for each in leave.before(kept.get(one))
            ]
            shown["may_put_right"] = reader.may("person.edit", row)
            shown["revealed"] = True
    if getattr(request, "htmx", False):
        return render(request, "desk/parts/identity.html", shown)
    return render(request, "desk/reveal.html", shown, status=422 if "error" in shown else 200)


def purpose_of(request: HttpRequest) -> str:
    """Why somebody wants to see who a person is, as chosen and typed."""
    said = (request.POST.get("purpose", ""), request.POST.get("detail", "").strip())
    return " ".join(part for part in said if part)


def purposes() -> list[tuple[str, str]]:
    return [
        ("interview", _("To call or meet the person")),
        ("verify", _("To verify identity or a duplicate")),
        ("document", _("To write a document or a manifest")),
        ("family", _("To trace or reunite a family")),
        ("rights", _("To answer the person's own request")),
    ]


@page("people", "person.read")
def timeline(request: HttpRequest, person: str) -> HttpResponse:
    reader = request.reader  # type: ignore[attr-defined]
    seen = reader.open(person, place=place(request))
    return render(
        request,
        "desk/timeline.html",
        {"person": person, "timeline": happened.timeline(seen, limit=1000), "whole": True},
    )


def pauses(row: ThingNow) -> bool:
    """Whether moves wait until somebody has seen to this: these come first."""
    return row.kind == "incident" or row.facts.get("category") == "coercion"


# -- what waits for a review ---------------------------------------------------------------------


MOST_REVIEWS = 200


@page("people", "incident.review")
def reviews(request: HttpRequest) -> HttpResponse:
    """Complaints to triage, grave incidents to review and concerns to look at; the first two pause
    moves until it is done."""
    reader = request.reader  # type: ignore[attr-defined]
    rulebook, theirs = here.rulebook(), reader.things("complaints")
    nobodys = ThingNow.objects.filter(person=None)
    waiting = [
        rows.filter(kind=kind, due__isnull=False)
        for kind in ("complaint", "incident") for rows in (theirs, nobodys)
    ] + [contacts.concerns(theirs)]  # fmt: skip
    found = [
        row
        for rows in waiting
        for row in rows.order_by("due", "person", "thing")[:MOST_REVIEWS]
    ]
    found = sorted(found, key=lambda row: (not pauses(row), row.due, row.thing))[:MOST_REVIEWS]
    all_ = len(found) if len(found) < MOST_REVIEWS else sum(rows.count() for rows in waiting)
    reader.listed([row for row in found if row.person], place=place(request))
    shown = [
        {
            "row": row,
            "title": words.translated(rulebook.kinds[row.kind].title),
            "what": here.destination(str(row.facts.get("destination") or "")) if row.kind == "incident"
            else words.code(str(row.facts.get("result" if row.kind == contacts.KIND else "category") or "")),
            "on": row.facts.get("received_on") or row.facts.get("happened_on")
            or row.facts.get("done_on") or row.first_on,
            "pauses": pauses(row),
        }
        for row in found
    ]  # fmt: skip
    return render(request, "desk/reviews.html", {"rows": shown, "all": all_})


urls = [
    path("people/", people, name="people"),
    path("people/search/", search, name="search"),
    path("people/reviews/", reviews, name="reviews"),
    path("people/<str:person>/", person, name="person"),
    path("people/<str:person>/identity/", reveal, name="reveal"),
    path("people/<str:person>/timeline/", timeline, name="timeline"),
]
