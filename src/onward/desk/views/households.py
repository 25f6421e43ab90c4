"""Households: who lives together, who agreed to what, and where a step would part them."""

from __future__ import annotations

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _

from onward.desk import story
from onward.desk.views.shared import page, paged, place
from onward.registry import access


@page("households", "person.list")
def households(request: HttpRequest) -> HttpResponse:
    """Households of the people this account may see; those whose members chose differently first."""
    reader = request.reader  # type: ignore[attr-defined]
    casework = reader.reads_somewhere("confidential")
    ages = reader.reads_somewhere("biodata")
    rows = reader.people().filter(active=True).exclude(household=None)
    if casework:
        rows = rows.filter(reader.within("confidential"))
    grouped = (
        rows.values("household")
        .annotate(
            members=Count("person"),
            children=Count("person", filter=reader.within("biodata") & ~Q(adult=True)),
            pathways=Count("pathway", distinct=True),
            places=Count("destination", distinct=True),
            blocked_members=Count("person", filter=Q(blocked=True)),
            chosen=Count("pathway"),
        )
        .order_by("household")
    )
    show = request.GET.get("show", "")
    if casework and show == "split":
        grouped = grouped.filter(Q(pathways__gt=1) | Q(places__gt=1))
    elif show == "children" and ages:
        grouped = grouped.filter(children__gt=0)
    elif show == "large":
        grouped = grouped.filter(members__gte=5)
    found = paged(request, grouped)
    reader.listed(
        list(rows.filter(household__in=[row["household"] for row in found.rows])),
        place=place(request),
    )
    return render(
        request, "desk/households.html",
        {
            "page": found, "casework": casework, "ages": ages, "show": show,
            "kinds": [("", _("All")), *([("split", _("Members chose differently"))] if casework else []),
                      *([("children", _("With children"))] if ages else []), ("large", _("Five people or more"))],
        },
    )  # fmt: skip


@page("households", "person.list")
def household(request: HttpRequest, household: str) -> HttpResponse:
    reader = request.reader  # type: ignore[attr-defined]
    found = story.household_of(reader, household)
    if not found.members:
        raise access.Hidden
    reader.listed(found.members, place=place(request))
    return render(request, "desk/household.html", {"household": found})


urls = [
    path("households/", households, name="households"),
    path("households/<str:household>/", household, name="household"),
]
