"""Past forecasts over what happened: a part of the forecast page, and the work that brings it up to date.

Comes in: the forecasts kept, and how many people were here on the days they spoke of, as the last
piece of work read it from the record. Goes out: what the page shows. Reading the record takes as
long as its log is, so no page does it: a new forecast brings the counts with it, and whoever may
make one can ask for them alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from onward.desk import dates, here
from onward.forecast.run import Forecast
from onward.forecast.track import LEADS, Running, Track, days_due, next_day, track
from onward.registry.models import Job
from onward.registry.web import jobs
from onward.report import charts, scenario_charts
from onward.report.track_record import picture

LATEST, MOST_ROWS = 6, 30
"""Forecasts whose figures stand open on the page, and those that can be opened beneath them."""


def about(kept: Sequence[tuple[str, Forecast]]) -> dict[str, Any]:
    """What the page says of the forecasts kept, each with its file's name, oldest first.

    state    "none" (no day they speak of has come), "unread" (some have; the record was not read
             since), "scored"
    """
    today = here.today()
    due = days_due(kept, today)
    if not due:
        return {"state": "none", "first": next_day(kept, today)}
    until, present = _read()
    # A day that the last reading did not know of: of a forecast kept since, or passed since.
    missing = [day for day in due if day not in present]
    mine = [(name, one) for name, one in kept if one.as_of <= until.isoformat()]
    made = track(mine, present, until)
    if made.together is None:
        return {"state": "unread", "missing": len(missing)}
    drawn = picture(made)
    rows = [_row(score) for score in reversed(made.scores[-MOST_ROWS:])]
    say, title = dates.sayer(), _("Past forecasts over what happened")
    description = _("People counted, and for each past forecast its 8 in 10 and its middle.")
    wide, narrow = (
        scenario_charts.past_forecasts(
            drawn.truth, drawn.forecasts, title=title, description=description, width=width,
            say=say,
        )
        for width in (charts.WIDE, charts.NARROW)
    )  # fmt: skip
    return {
        "state": "scored",
        "until": until,
        "missing": len(missing),
        "wide": wide,
        "narrow": narrow,
        "more": drawn.more,
        "together": _running(made.together),
        "verdict": made.verdict,
        "afterwards": made.afterwards and _running(made.afterwards),
        "only_afterwards": made.only_afterwards,
        "rows": rows[:LATEST],
        "earlier": rows[LATEST:],
        "leads": _leads(made),
    }


def _read() -> tuple[date, Mapping[str, int]]:
    """Up to which day the record was last read, and the people present by ISO day."""
    done = (
        Job.objects.filter(
            kind__in=("forecast", jobs.HAPPENED), state=jobs.DONE, result__happened__isnull=False
        ).order_by("-ended_at").first()
    )  # fmt: skip
    if done is None:
        return date.min, {}
    return date.fromisoformat(done.result["until"]), done.result[jobs.HAPPENED]


def _row(score: Mapping[str, Any]) -> dict[str, Any]:
    """One forecast: its last day that has passed, and how it did over all of them."""
    last = score["days"][-1]
    return {
        "made": date.fromisoformat(score["as_of"]),
        "afterwards": score["afterwards"],
        "day": date.fromisoformat(last["date"]),
        "low": round(last["q10"]),
        "high": round(last["q90"]),
        "counted": last["present"],
        "held": score["covered80"],
        "miss": score["crps"],
        "unchanged": score["crps_no_change"],
    }


def _running(one: Running) -> dict[str, Any]:
    return {
        "forecasts": one.forecasts, "days": one.days, "held80": one.covered80,
        "held95": one.covered95, "miss": one.crps, "unchanged": one.crps_no_change,
    }  # fmt: skip


def _leads(made: Track) -> list[dict[str, Any]]:
    """The running score by how far ahead; one line alone would say nothing new."""
    if len(made.by_lead) < 2:
        return []
    said = (
        _("Up to 30 days ahead"), _("31 to 90 days ahead"), _("91 to 180 days ahead"),
        _("More than 180 days ahead"),
    )  # fmt: skip
    titles = {lead: title for (lead, _most), title in zip(LEADS, said, strict=True)}
    return [{"title": titles[one.lead], **_running(one)} for one in made.by_lead]
