"""What each role finds in the menu: the areas its actions reach, in the order of a working day.

Comes in: the actions an account may do somewhere. Goes out: groups of entries. An entry whose
page does not exist in this installation is left out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Entry:
    """One line of the menu.

    page     name of the address
    needs    any of these actions shows it; none: everybody
    area     addresses of the same area mark the entry as current
    kind     what the rulebook must know for the page to have anything to show; "": nothing
    """

    title: Any
    page: str
    icon: str
    needs: tuple[str, ...] = ()
    area: str = ""
    kind: str = ""


MENU: tuple[tuple[Any, tuple[Entry, ...]], ...] = (
    (
        _("Today"),
        (
            Entry(_("Home"), "desk:home", "home", area="home"),
            Entry(_("People"), "desk:people", "people", ("person.list",), "people"),
            Entry(_("Households"), "desk:households", "household", ("person.list",), "households"),
            Entry(_("Calendar"), "desk:calendar", "calendar", ("calendar.read",), "calendar"),
            Entry(_("Head-count"), "desk:headcount", "count", ("headcount.record",), "headcount", "headcount"),
            Entry(_("Convoys"), "desk:convoys", "convoy", ("person.record_movement",), "convoys", "convoy"),
            Entry(_("Exceptions"), "desk:overrides", "rights",
                  ("override.propose", "override.approve"), "exceptions"),
            Entry(_("Texts to read aloud"), "desk:sheets", "speak",
                  ("person.record_interview", "text.approve"), "sheets"),
        ),
    ),
    (
        _("Ahead"),
        (
            Entry(_("Plan"), "desk:plan", "plan", ("plan.read",), "plan"),
            Entry(_("Rumours"), "desk:rumours", "speak",
                  ("person.record_interview", "calendar.edit", "plan.read"), "rumours"),
            Entry(_("Forecast"), "desk:forecasts", "chart", ("forecast.read",), "forecasts"),
            Entry(_("Placement"), "desk:placements", "placement", ("placement.read",), "placements"),
            Entry(_("Reports"), "desk:reports", "report",
                  ("report.internal", "report.external"), "reports"),
        ),
    ),
    (
        _("Record"),
        (
            Entry(_("Import lists"), "desk:imports", "import", ("import.run",), "imports"),
            Entry(_("Exports"), "desk:exports", "export", ("export.request", "export.approve"), "exports"),
            Entry(_("Requests about one's own file"), "desk:rights", "rights",
                  ("rights.open", "rights.handle", "rights.erase"), "rights"),
            Entry(_("Breaches"), "desk:breaches", "breach", ("breach.report", "breach.handle"), "breaches"),
            Entry(_("Alarms"), "desk:alarms", "warning", ("breach.handle", "account.manage"), "alarms"),
            Entry(_("Audit"), "desk:audit", "audit", ("audit.read",), "audit"),
            Entry(_("Administration"), "desk:administration", "admin",
                  ("account.manage", "key.manage", "retention.manage"), "administration"),
        ),
    ),
)  # fmt: skip


def menu(
    actions: Collection[str], kinds: Collection[str], here: str = ""
) -> list[dict[str, Any]]:
    """The menu of somebody who may do these actions.

    kinds  of things that the rulebook knows
    here   the area of the page shown
    """
    groups = []
    for title, entries in MENU:
        lines = []
        for entry in entries:
            if entry.needs and not set(entry.needs) & set(actions):
                continue
            if entry.kind and entry.kind not in kinds:
                continue
            try:
                address = reverse(entry.page)
            except NoReverseMatch:
                continue
            lines.append(
                {"title": entry.title, "url": address, "icon": entry.icon, "page": entry.page,
                 "here": entry.area == here}
            )  # fmt: skip
        if lines:
            groups.append({"title": title, "entries": lines})
    return groups
