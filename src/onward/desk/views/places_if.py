"""What if: other places, other days, a case let go; and what an override would cost, and did.

Asking is long work that can be left. Its answer says line by line who would go elsewhere, lose or
gain a place, as far as its reader sees the cases, and what each aim would lose, in words an officer
uses. A question about a case out of reach is as one that was never asked. An override is kept only from
here, after that was shown; the log keeps proposal, override and what came of it side by side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from onward.desk import dates, forms, here, placement_words, proposal_counts, words
from onward.desk.views.compared import message_for
from onward.desk.views.placements import ASKED_FIRST, Offers, _confidential, conflict_told
from onward.desk.views.shared import done, page, place
from onward.errors import OnwardError
from onward.registry.computing.placements import decide, standing
from onward.registry.computing.runs import kept_proposals
from onward.registry.models import Job, PlacementDecision
from onward.registry.permissions import access
from onward.registry.permissions.cases import Cases
from onward.registry.web import jobs

LINES = 3
SHOWN = 100
EARLIER = 5
ENDED = (jobs.DONE, jobs.FAILED, jobs.INTERRUPTED)
WHATS = (
    ("places", gettext_lazy("More or fewer places")),
    ("delay", gettext_lazy("The places come later, by so many days")),
    ("remove", gettext_lazy("The offer falls away")),
    ("condition", gettext_lazy("The offer opens after so many departures")),
    ("unlock", gettext_lazy("A case is let go from where it was put")),
)
AIMS = {
    "emergencies": gettext_lazy("People in an emergency who have a place"),
    "protection": gettext_lazy("People who have a place, the urgent counted more"),
    "together": gettext_lazy("Families that stay together"),
    "outcome": gettext_lazy("How well the places fit: wishes, family, language, skills"),
    "keep": gettext_lazy("Cases that stay where they were proposed"),
}
CONFIDENCE = gettext_lazy("an offer made in confidence")


def _offers(*, sensitive: bool) -> list[tuple[str, Any]]:
    """Programmes and their windows of the newest proposal, that may be told."""
    kept = kept_proposals(here.operation())
    secret, offers = set() if sensitive else _confidential(), Offers()
    rows = kept[0][1]["limits"] if kept else []
    return [
        (f"{row['programme']}@{row['window']}" if row["window"] else row["programme"],
         words.listed((offers.title(row["programme"]), offers.window(row["programme"], row["window"]))))
        for row in rows if row["kind"] == "places" and row["programme"] not in secret
    ]  # fmt: skip


@page("placements", "placement.run", methods=("GET", "POST"))
def places_if(request: HttpRequest) -> HttpResponse:
    """Ask what would be different."""
    access.require(request.user, "placement.run", place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    offers = _offers(sensitive=reader.may("pledge.sensitive"))
    cases = Cases(reader)
    locked = [(case, case.rpartition("/")[2]) for case in standing() if cases.sees(case)]
    rows = [
        {
            "what": forms.Input(f"what-{n}", _("What would be different"), "pick",
                                [one for one in WHATS if locked or one[0] != "unlock"]),
            "which": forms.Input(f"which-{n}", _("Of which offer"), "pick", offers),
            "case": forms.Input(f"case-{n}", _("Which case"), "pick", locked),
            "amount": forms.Input(f"amount-{n}", _("How many"), "text",
                                  hint=_("+5 or -5 places; 40 for 40 in all; days; or departures.")),
        }
        for n in range(1, LINES + 1)
    ]  # fmt: skip
    form = forms.Form([each for row in rows for each in row.values()])
    for each in form.inputs:
        each.blank = "–"
    shown: dict[str, Any] = {"rows": rows, "form": form, "offers": offers}
    if request.method == "POST":
        form.read(request.POST)
        changes = [text for row in rows if (text := _question(form, row))]
        if form.valid and not changes:
            form.fail("what-1", _("Choose what would be different."))
        if form.valid:
            job = jobs.ask(
                request.user, jobs.PLACES_IF,
                {"changes": changes, "seed": 1, "as_of": here.today().isoformat()},
            )  # fmt: skip
            return HttpResponseRedirect(reverse("desk:job", args=[job.pk]), status=303)
    shown["earlier"], named = _earlier(
        request.user.account_id, cases, sensitive=reader.may("pledge.sensitive")
    )
    cases.listed([*(case for case, _name in locked), *named], place=place(request))
    return render(request, "desk/places_if.html", shown, status=422 if form.problems else 200)


def _earlier(
    account: str, cases: Cases, *, sensitive: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """What this account asked of late, for who left before the answer came; the cases it names."""
    secret, offers = set() if sensitive else _confidential(), Offers()
    asked = Job.objects.filter(kind=jobs.PLACES_IF, by=account).order_by("-asked_at")[:EARLIER]
    told = [
        row
        for row in asked
        if all(map(cases.sees, jobs.cases_of(row)))
        and not any(_names(text) & secret for text in row.asked["changes"])
    ]
    return (
        [
            {"job": row, "asked": [_asked(text, offers) for text in row.asked["changes"]]}
            for row in told
        ],
        [case for row in told for case in jobs.cases_of(row)],
    )


def _question(form: forms.Form, row: Mapping[str, forms.Input]) -> str:
    """One line of the form in the short form of the placement room; "" where it is empty."""
    what, which, case, amount = (
        form.facts.get(row[name].name) for name in ("what", "which", "case", "amount")
    )
    if not what:
        if which or case or amount:
            form.fail(row["what"].name, _("Choose what would be different."))
        return ""
    if what == "unlock":
        if not case:
            form.fail(row["case"].name, _("Choose the case."))
        return f"unlock:{case}"
    if not which:
        form.fail(row["which"].name, _("Choose the offer."))
        return ""
    if what == "remove":
        return f"remove:{which}"
    number = dates.western(str(amount or "")).replace("\u2212", "-").replace(" ", "")
    sign = number[:1] if number[:1] in ("+", "-") and what == "places" else ""
    digits = number[len(sign) :]
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 5:
        form.fail(row["amount"].name, _("Enter a whole number, 0 or more."))
        return ""
    if what == "condition":
        programme, _at, window = str(which).partition("@")
        return f"condition:{programme}/{window or 1}={digits}"
    return f"{what}:{which}={sign}{digits}"


@page("placements", "placement.run", "placement.decide", methods=("GET", "POST"))
def answer(request: HttpRequest, job: UUID) -> HttpResponse:
    """What would be different; and, for an override, keeping the word after having seen it."""
    row = Job.objects.filter(pk=job, kind__in=(jobs.PLACES_IF, jobs.OVERRIDE)).first()
    if row is None or not access.may(request.user, jobs.needed(row.kind, row.asked)):
        raise access.Hidden
    cases = asked_of(request, row)
    access.require(request.user, jobs.needed(row.kind, row.asked), place=place(request))
    if row.state not in ENDED:
        return HttpResponseRedirect(reverse("desk:job", args=[row.pk]), status=303)
    reader = request.reader  # type: ignore[attr-defined]
    row.message = message_for(reader, row)  # shown, not kept
    sensitive = reader.may("pledge.sensitive")
    secret, offers = set() if sensitive else _confidential(), Offers(reader)
    if not sensitive and any(_names(text) & secret for text in row.asked["changes"]):
        raise access.Hidden
    lines = {
        name: [_line(one, secret, offers) for one in row.result.get(name) or () if cases.sees(one["case"])][:SHOWN]
        for name in ("moved", "dropped", "gained")
    }  # fmt: skip
    named = (one["case"] for some in lines.values() for one in some)
    cases.listed([*jobs.cases_of(row), *named], place=place(request))
    some = _some_unseen(row, cases)
    kept = request.session.get("override") or {}
    reason = kept.get("reason", "") if kept.get("job") == str(row.pk) else ""
    deciding = row.kind == jobs.OVERRIDE
    given = forms.Input("reason", _("Reason"), "text", value=reason, required=True, limit=300)
    shown: dict[str, Any] = {
        "job": row, "asked": [_asked(text, offers) for text in row.asked["changes"]],
        "deciding": deciding, "reason": given, "form": forms.Form([]),
        "aims": aims(row.result.get("aims") or (), few=not some),
        "lines": lines,
        "counts": {
            name: proposal_counts.small(n) if some else n
            for name, n in (row.result.get("counts") or {}).items()
        },
        "some": some,
        "conflict": conflict_told(
            row.result.get("conflict") or (), cases,
            lambda line: str(CONFIDENCE) if any(name in line for name in secret)
            else placement_words.said(line, offers.place, offers.limited),
        ),
        "impossible": row.state == jobs.DONE and not row.result.get("feasible"),
        "failed": row.state != jobs.DONE,
    }  # fmt: skip
    if request.method == "POST" and deciding:
        given.value = request.POST.get("reason", "")
        predicted = {
            k: row.result[k] for k in ("aims", "counts", "predicted") if k in row.result
        }
        try:
            _require_newest(row)
            decide(
                request.user, case=row.asked["case"], proposal=row.asked["proposal"],
                decision=row.asked["decision"], programme=row.asked["programme"],
                window=row.asked["window"], reason=given.value, predicted=predicted,
            )  # fmt: skip
        except OnwardError as problem:
            given.error = words.translated(str(problem))
            shown["form"] = forms.Form([given])
            return render(request, "desk/places_answer.html", shown, status=422)
        request.session.pop("override", None)
        return done(request, _("Your word on this case was kept."), "desk:placements")
    return render(request, "desk/places_answer.html", shown)


def asked_of(request: HttpRequest, row: Job) -> Cases:
    """The cases that the reader of a piece of work sees.

    raises  Hidden where it was asked about one that the reader does not see; logged as anywhere
    """
    cases = Cases(request.reader, jobs.seen_by(row.kind))  # type: ignore[attr-defined]
    for case in jobs.cases_of(row):
        if not cases.sees(case):
            raise cases.hidden(case, place=place(request))
    return cases


def _some_unseen(row: Job, cases: Cases) -> bool:
    """Whether an answer speaks of a case that its reader does not see."""
    return any(
        not cases.sees(one["case"])
        for name in ("moved", "dropped", "gained")
        for one in row.result.get(name) or ()
    )


def _require_newest(row: Job) -> None:
    """raises  OnwardError where another proposal was made since: what was shown no longer holds"""
    kept = kept_proposals(here.operation())
    if kept and kept[0][0] != row.asked["proposal"]:
        raise OnwardError(
            "Another proposal was made meanwhile: look at the case in it and decide anew."
        )
    assert row.asked["decision"] in ASKED_FIRST


def _names(question: str) -> set[str]:
    """The programmes a question names."""
    _what, _colon, rest = question.partition(":")
    left, _sign, right = rest.partition("=")
    named = (left, right) if question.startswith("place:") else (left,)
    return {part.partition("@")[0].partition("/")[0] for part in named}


def _asked(question: str, offers: Offers) -> str:
    """A question in words."""
    what, _colon, rest = question.partition(":")
    left, _sign, amount = rest.partition("=")
    if what in ("wait", "unlock", "place"):
        case = left.rpartition("/")[2]
        said = {
            "wait": _("Case %(case)s is held back for now."),
            "unlock": _("Case %(case)s is let go from where it was put."),
            "place": _("Case %(case)s goes elsewhere: %(where)s."),
        }[what]
        return said % {"case": case, "where": _where(amount.replace("@", ", "), offers)}
    programme, _at, window = left.partition("@")
    if what == "condition":
        programme, _slash, window = left.partition("/")
    where = words.listed((offers.title(programme), offers.window(programme, window)))
    said = {
        "places": _("%(where)s: %(n)s places more or fewer.") if amount[:1] in "+-"
        else _("%(where)s: %(n)s places in all."),
        "delay": _("%(where)s: %(n)s days later."),
        "remove": _("%(where)s: falls away."),
        "condition": _("%(where)s: opens after %(n)s departures."),
    }[what]  # fmt: skip
    return said % {"where": where, "n": dates.digits(amount)}


def _where(text: str, offers: Offers) -> str:
    """A place as the placement room writes it ("canada, 2") in the plan's words."""
    programme, _comma, window = text.partition(", ")
    return words.listed((offers.title(programme), offers.window(programme, window)))


def _line(row: Mapping[str, str], secret: set[str], offers: Offers) -> dict[str, Any]:
    def told(text: str) -> Any:
        return CONFIDENCE if text.partition(", ")[0] in secret else _where(text, offers)

    return {
        "case": row["case"], "from": told(row["from"]) if row.get("from") else "",
        "to": told(row["to"]) if row.get("to") else "",
    }  # fmt: skip


def aims(stages: Any, *, few: bool = True) -> list[dict[str, Any]]:
    """What each aim would lose or gain, as an officer says it: a sentence, then the numbers.

    few  whether a count of a few may be told
    """
    found = []
    for stage in stages:
        before, after = stage["before"], stage["after"]
        if before is None or after is None or stage["name"] not in AIMS:
            continue
        change = round(after - before, 2)
        if abs(change) < 0.005:
            said, tone = _("as before"), "done"
        elif change < 0:
            said, tone = _("less than now"), "overdue"
        else:
            said, tone = _("more than now"), "done"
        found.append(
            {"aim": AIMS[stage["name"]], "before": _number(before, few), "after": _number(after, few),
             "said": said, "tone": tone, "change": change}
        )  # fmt: skip
    return found


def _number(value: float, few: bool = True) -> str:
    if not few and proposal_counts.small(math.ceil(value)) == proposal_counts.HIDDEN:
        return proposal_counts.HIDDEN
    return dates.digits(f"{value:.2f}".rstrip("0").rstrip("."))


def _cost_said(predicted: Mapping[str, Any]) -> str:
    """What was expected to be lost, in few words."""
    lost = [
        f"{one['aim']}{words.sign(':')} {_number(abs(one['change']))} {one['said']}"
        for one in aims(predicted.get("aims") or ()) if one["tone"] == "overdue"
    ]  # fmt: skip
    if not predicted.get("aims"):
        return _("Not worked out")
    return "; ".join(lost) or _("Nothing would be lost.")


@page("placements", "placement.decide", methods=("GET", "POST"))
def overridden(request: HttpRequest) -> HttpResponse:
    """What was proposed, what an officer decided instead, what it was expected to cost, what it
    costs by what is known now, and where the people of the case are."""
    access.require(request.user, "placement.decide", place=place(request))
    if request.method == "POST":
        job = jobs.ask(request.user, jobs.COSTS, {"seed": 1, "as_of": here.today().isoformat()})
        return HttpResponseRedirect(reverse("desk:job", args=[job.pk]), status=303)
    reader = request.reader  # type: ignore[attr-defined]
    secret = set() if reader.may("pledge.sensitive") else _confidential()
    offers, rulebook = Offers(), here.rulebook()
    cases = Cases(reader, "placement.decide")
    said = PlacementDecision.objects.filter(decision__in=ASKED_FIRST).order_by("-at")
    rows = [row for row in said if cases.sees(row.case)][:SHOWN]
    last = Job.objects.filter(kind=jobs.COSTS, state=jobs.DONE).order_by("-ended_at").first()
    costs = (last.result.get("costs") or {}) if last else {}
    proposed = dict(kept_proposals(here.operation()))
    people = cases.listed((row.case for row in rows), place=place(request))
    lines = []
    for row in rows:
        before = next(
            (one for one in (proposed.get(row.proposal) or {}).get("assignments", ())
             if one["case"] == row.case), None)  # fmt: skip
        stages = sorted({
            words.state(rulebook, "stage", seen["stage"]) for one in people.get(row.case, ())
            if (seen := reader.show(rulebook, "person", {"stage": one.stage}, reader.classes(one))).get("stage")
        })  # fmt: skip
        lines.append(
            {
                "case": row.case, "at": row.at.isoformat(), "reason": row.reason,
                "proposed": _told(before["programme"], str(before.get("window") or ""), secret, offers) if before else _("no place"),
                "instead": _("held back for now") if row.decision == "held" else _told(row.programme, row.window, secret, offers),
                "predicted": _cost_said(row.predicted),
                "real": _real(costs, row), "now": words.listed(stages),
            }
        )  # fmt: skip
    return render(
        request, "desk/overridden.html",
        {"lines": lines, "some": not cases.everybodys, "worked_out": last.ended_at.isoformat() if last and last.ended_at else ""},
    )  # fmt: skip


def _real(costs: Mapping[str, Any], row: PlacementDecision) -> str:
    if str(row.pk) not in costs:
        return ""
    cost = costs[str(row.pk)]
    if cost is None:
        return _("It can no longer be carried out.")
    if cost <= 0.005:
        return _("Nothing is lost.")
    return ngettext(
        "%(n)s point of fit is lost", "%(n)s points of fit are lost", round(cost)
    ) % {"n": _number(cost)}


def _told(programme: str, window: str, secret: set[str], offers: Offers) -> Any:
    if programme in secret:
        return CONFIDENCE
    return words.listed((offers.title(programme), offers.window(programme, window)))


urls = [
    path("places/what-if/", places_if, name="places_if"),
    path("places/asked/<uuid:job>/", answer, name="places_answer"),
    path("places/decided/", overridden, name="overridden"),
]
