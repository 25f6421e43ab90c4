"""Makes the situation report of an opened operation: the same three files for both doors.

Comes in: an operation, a date and an audience. Goes out: page, paper and workbook as bytes, with
the headline. An external report is checked against every earlier release before it exists. What was
shown is kept in the operation's `reports/` by `MadeReport.keep`, when the files lie where they are for:
a release is not spent on a file that nobody got.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from onward.caseload.events import OVERRIDE, RETRACTED
from onward.caseload.model import Caseload
from onward.dates import day_range
from onward.errors import OnwardError, one_of
from onward.registry import wordings
from onward.registry.computing.analysis import forecast_of, material_of, opened, public_plan
from onward.registry.computing.comparing import track_of
from onward.registry.computing.runs import (
    external_releases,
    keep_figures,
    keep_forecast,
    keep_release,
    last_figures,
)
from onward.registry.operation import Operation
from onward.said import Listed, Said

if TYPE_CHECKING:
    from onward.report.disclosure import Audience


READING, SIMULATING, JUDGING, WRITING = STEPS = (
    "Reading the record",
    "Simulating futures",
    "Judging every next step",
    "Writing page, paper and workbook",
)
"""What is said while a report is made. The desk translates it; this module knows no framework."""


@dataclass(frozen=True)
class MadeReport:
    """A report ready to be written or sent.

    contents  "html", "pdf", "xlsx" -> the file's bytes
    keep      keeps what was shown: an external report counts as released from then on
    """

    headline: str
    summary: tuple[str, ...]
    as_of: dt.date
    audience: str
    contents: Mapping[str, bytes]
    keep: Callable[[], None]


def checkpoint_of(operation: Operation) -> str:
    """A signed checkpoint of the log; "" for a record in plain files, which has none."""
    if not operation.settings.encrypted:
        return ""
    from onward.registry.log import signing

    return signing.now(operation)


def exceptions_used(operation: Operation, caseload: Caseload) -> frozenset[int]:
    """The exceptions under which a step was taken up to the day of a caseload, by their seq."""
    from onward.safeguards.overrides import steps_under

    made = caseload.tables["override"]
    if not made.num_rows:
        return frozenset()
    kinds = {OVERRIDE, RETRACTED, *made["move"].to_pylist()}
    events = operation.store.read_marked([f'"kind":"{kind}"' for kind in sorted(kinds)])
    events = [e for e in events if day_range(e.effective)[1] <= caseload.as_of]
    under = steps_under(events)
    return frozenset(event.seq for event in events if event.id in under)


def answered_breaches(operation: Operation, as_of: dt.date) -> Mapping[int, str] | None:
    """What had become of each breach at the end of a day; None: plain files keep no register."""
    if not operation.settings.encrypted:
        return None
    from onward.registry import breaches

    zone = ZoneInfo(operation.settings.time_zone)
    after = dt.datetime.combine(as_of + dt.timedelta(days=1), dt.time(), zone)
    return breaches.standing(after)


def make_report(
    operation: Operation,
    *,
    as_of: dt.date | None = None,
    audience: str = "internal",
    futures: int = 2000,
    with_forecast: bool = True,
    language: str = "en",
    say: Callable[[str], None] = lambda text: None,
) -> MadeReport:
    """The report as of a date, for one audience.

    as_of    None: the operation's own date, the only one an external report may have
    language in which its files are written, one of `report.tongues.LANGUAGES`
    say      told what is being done
    raises   OnwardError when the audience or the language is unknown, or the release may not go out
    """
    from onward.forecast.run import require_futures
    from onward.report import release
    from onward.report.build import build, exchange_table
    from onward.report.disclosure import RULES
    from onward.report.html import render_html
    from onward.report.indicators.definitions import DEFINITIONS
    from onward.report.pdf import render_pdf
    from onward.report.saying import ENGLISH, Sayer
    from onward.report.spoken import spoken
    from onward.report.tongues import speech_of
    from onward.report.xlsx import render_xlsx

    if audience not in RULES:
        raise OnwardError(f"The audience {audience} is not known; expected {one_of(RULES)}.")
    tongue = speech_of(language, operation.settings.languages)
    kind: Audience = "internal" if audience == "internal" else "external"
    if as_of is not None and not RULES[kind].free_dates and as_of != operation.default_date():
        raise OnwardError(
            Said(
                "An external report has a fixed date, so that two of them cannot be subtracted: "
                "leave the date out (it is %(a)s).",
                a=operation.default_date(),
            )
        )
    if with_forecast:
        require_futures(futures)
    say(READING)
    found = opened(operation, as_of)
    if kind == "external" and found.plan is not None:
        public = public_plan(found.plan)
        found = replace(found, reading=lambda: public)
    made, why, ends = None, "", operation.default_date()
    if not with_forecast:
        why = "It was left out when the report was asked for."
    elif found.as_of > ends:
        why = (
            f"The record ends on {ends}. A forecast made from a later day would take the days "
            "nobody has recorded for days on which nothing happened. Ask for that date or leave "
            "--as-of out."
        )
    elif found.plan is None or not operation.settings.deadline:
        why = "There is no date to forecast to: give operation.toml a deadline and write plan.yaml."
    else:
        say(SIMULATING)
        try:
            made = forecast_of(found, futures=futures, progress=say)
        except OnwardError as error:
            why = str(error)
    if made is not None and kind == "internal":
        keep_forecast(operation, made)
    say(JUDGING)
    earlier = last_figures(operation, found.as_of) if kind == "internal" else None
    releases = external_releases(operation) if kind == "external" else []
    others = [old for old in releases if old["as_of"] != found.as_of.isoformat()]
    material = material_of(
        found, forecast=made, earlier=earlier, no_forecast=why, frozen=release.freeze(others),
        track=track_of(operation, found.as_of) if kind == "internal" else None,
    )  # fmt: skip
    material = replace(
        material,
        exceptions_used=exceptions_used(operation, found.caseload),
        answered=answered_breaches(operation, found.as_of),
    )
    done = build(material, kind)
    report = replace(done.report, checkpoint=checkpoint_of(operation))
    told = Sayer(tongue)
    definitions = [
        (anchor, told(title), told(text)) for anchor, (title, text) in DEFINITIONS.items()
    ]
    say(WRITING)
    in_words = replace(
        spoken(report, tongue, approved=not wordings.is_draft(operation, tongue.language)),
        operation=operation.settings.titled(tongue.language),
    )
    contents = {
        "html": render_html(in_words, definitions, tongue).encode(),
        "pdf": render_pdf(in_words, definitions, tongue),
        "xlsx": render_xlsx(in_words, exchange_table(report), tongue),
    }
    kept = contents
    if kind == "external" and tongue is not ENGLISH:
        # A release is one whatever its language: what is kept of it is the English one.
        plain = [(anchor, title, text) for anchor, (title, text) in DEFINITIONS.items()]
        kept = {
            "html": render_html(report, plain).encode(),
            "pdf": render_pdf(report, plain),
            "xlsx": render_xlsx(report, exchange_table(report)),
        }
    if kind == "external":
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in kept.items()}
        new = release.document(found.as_of, done.shown, found.caseload.rulebook.hash, hashes)
        reasons = release.faults(new, releases)
        if reasons:
            raise OnwardError(
                Said(
                    "This external report may not go out: %(a)s. Published figures stay as they "
                    "are: use the release that is kept, or wait for the next date.",
                    a=Listed(reasons, "; "),
                )
            )
        keep = partial(keep_release, operation, found.as_of, new)
    else:
        keep = partial(keep_figures, operation, found.as_of, done.figures())
    return MadeReport(report.headline, tuple(report.summary), found.as_of, kind, contents, keep)
