"""Households: who lives together, who agreed to what, and where a step would part them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _

from onward.desk.story.household import household_of
from onward.desk.views.shared import page, paged, place
from onward.registry.models import PersonNow
from onward.registry.permissions import access


@page("households", "person.list")
def households(request: HttpRequest) -> HttpResponse:
    """Households of the people this account may see; those whose members chose differently first."""
    reader = request.reader  # type: ignore[attr-defined]
    casework = reader.reads_somewhere("confidential")
    ages = reader.reads_somewhere("biodata")
    rows = reader.people().filter(active__in=(True,), household__isnull=False)
    if casework:
        rows = rows.filter(reader.within("confidential"))
    show = request.GET.get("show", "")
    asked = {"split": casework, "children": ages, "large": True}.get(show, False)
    if asked:
        grouped = _grouped(reader, rows)
        if show == "split":
            grouped = grouped.filter(Q(pathways__gt=1) | Q(places__gt=1))
        elif show == "children":
            grouped = grouped.filter(children__gt=0)
        else:
            grouped = grouped.filter(members__gte=5)
        found = paged(request, grouped)
    else:  # only the households of the page are counted through
        found = paged(request, rows.order_by("household").values("household").distinct())
        names = [row["household"] for row in found.rows]
        page = list(_grouped(reader, rows.filter(household__in=names)))
        found = replace(found, rows=page)
    shown = rows.filter(household__in=[row["household"] for row in found.rows])
    reader.listed(shown.only("operation", "person"), place=place(request))
    return render(
        request, "desk/households.html",
        {
            "page": found, "casework": casework, "ages": ages, "show": show,
            "kinds": [("", _("All")), *([("split", _("Members chose differently"))] if casework else []),
                      *([("children", _("With children"))] if ages else []), ("large", _("Five people or more"))],
        },
    )  # fmt: skip


def _grouped(reader: access.Reader, rows: QuerySet[PersonNow]) -> Any:
    """One row a household: members, choices and whom a safeguard holds back."""
    return (
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


@page("households", "person.list")
def household(request: HttpRequest, household: str) -> HttpResponse:
    reader = request.reader  # type: ignore[attr-defined]
    found = household_of(reader, household)
    if not found.members:
        raise access.Hidden
    reader.listed(found.members, place=place(request))
    return render(request, "desk/household.html", {"household": found})


urls = [
    path("households/", households, name="households"),
    path("households/<str:household>/", household, name="household"),
]
