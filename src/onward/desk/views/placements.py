"""Places: the proposal line by line with its reasons, and the officer's word on each case.

The officer decides; a proposal places nobody. Only cases whose members all consented to that
country and for whom every safeguard is open are ever in it. A case stands here for whoever may
read all of its people (`permissions.cases`), and nowhere for anybody else, who is told only the
counts of everybody. An offer made in confidence is named only to those whose roles name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onward.desk import dates, here, placement_words, proposal_counts, words
from onward.desk.plan_asks import About
from onward.desk.plan_rows import rule_said
from onward.desk.views.shared import done, page, place
from onward.errors import OnwardError
from onward.placement.problem.doors import BARRIERS
from onward.registry.computing.offers import SHARE
from onward.registry.computing.placements import (
    DECISIONS,
    LEAST_REASON,
    decide,
    require_said,
    standing,
)
from onward.registry.computing.runs import kept_proposals
from onward.registry.models import Job
from onward.registry.permissions import access
from onward.registry.permissions.cases import Cases
from onward.registry.planning import ever_sensitive
from onward.registry.web import jobs
from onward.report.offers import open_names
from onward.rulebook.model import Rulebook

SHOWN = 200
PRIORITIES = ("emergency", "urgent", "normal")
STATES = {
    "optimal": (gettext_lazy("Best"), gettext_lazy("No better proposal exists.")),
    "within_gap": (gettext_lazy("Nearly best"),
                   gettext_lazy("No proposal is better by more than the gap beside it.")),
    "time_limit": (gettext_lazy("Stopped by time"),
                   gettext_lazy("A better proposal may exist, by at most the gap beside it.")),
    "infeasible": (gettext_lazy("Impossible"),
                   gettext_lazy("No proposal can keep all of what was asked.")),
}  # fmt: skip
"""How good a proposal is known to be: in a word, and in a sentence."""


@page("placements", "placement.read")
def placements(request: HttpRequest) -> HttpResponse:
    access.require(request.user, "placement.read", place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    kept = kept_proposals(here.operation())
    wanted = request.GET.get("proposal", "")
    name, content = next(
        ((n, c) for n, c in kept if n == wanted), kept[0] if kept else ("", None)
    )
    shown: dict[str, Any] = {
        "kept": [n for n, _c in kept[:20]],
        "name": name,
        "newest": bool(kept) and name == kept[0][0],
        "may_run": reader.may("placement.run"),
        "may_decide": reader.may("placement.decide"),
        "running": Job.objects.filter(kind="placement", state__in=("queued", "running")),
    }
    if content is not None:
        before = next((c for n, c in kept if n < name), None)
        cases = Cases(reader)
        shown |= about(content, before, cases, sensitive=reader.may("pledge.sensitive"))
        cases.listed(
            (row["case"] for name in ("assignments", "unplaced", "changes", "held") for row in shown[name]),
            place=place(request),
        )  # fmt: skip
    return render(request, "desk/placements.html", shown)


def about(
    content: dict[str, Any], before: dict[str, Any] | None, cases: Cases, *, sensitive: bool,
    one: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """What the page says of one proposal to who sees these of its cases.

    one  nothing is said of everybody: only a case is looked at
    """
    ever = _confidential()
    secret = set() if sensitive else ever
    word = {case: said for case, said in standing().items() if cases.sees(case)}
    offers, whole, everybody = Offers(cases.reader), content, None
    content, before = _of_theirs(content, cases), before and _of_theirs(before, cases)
    some = any(len(content[name]) != len(whole[name]) for name in ("assignments", "unplaced"))
    if not one and (some or not cases.tell_needs):
        everybody = proposal_counts.of_everybody(whole, secret, ever)

    def told(row: dict[str, Any]) -> dict[str, Any]:
        if row.get("programme") in secret:
            return {**row, "programme": _("an offer made in confidence"), "window": "", "country": "",
                    "departs": "", "secret": True}  # fmt: skip
        return {**row, "programme": offers.title(row.get("programme")),
                "window": offers.window(row.get("programme"), row.get("window"))}  # fmt: skip

    def quiet(text: str) -> str:
        return _quiet(text, secret, offers)

    content = {
        **content,
        "conflict": conflict_told(content.get("conflict", ()), cases, quiet),
        "unplaced": [{**row, "reason": quiet(row["reason"]), "change": quiet(row["change"])}
                     for row in content["unplaced"]],
    }  # fmt: skip
    every = [
        {
            **told(row),
            "word": word.get(row["case"]),
            "why_words": why_words(row),
            "next": next_words(row, told),
            "decided": decision_said(word.get(row["case"])),
            "decided_where": _decided_where(word.get(row["case"]), offers, secret),
        }
        for row in content["assignments"]
    ]
    for row in every:
        row["where"] = words.listed((row["programme"], row["window"]))
    assignments = every[:SHOWN]
    proposed = {row["case"] for row in content["assignments"]}
    held = [
        {"case": case, "word": decision, "said": decision_said(decision)}
        for case, decision in sorted(word.items()) if case not in proposed
    ]  # fmt: skip
    state = STATES.get(content["state"], (words.code(content["state"]), ""))
    worth = sorted(
        (row for row in content["limits"] if row["worth_of_one_more"]),
        key=lambda row: (-row["worth_of_one_more"], row["limit"]),
    )  # fmt: skip
    return {
        "content": content,
        "state_short": state[0],
        "state_words": state[1],
        "assignments": assignments,
        "all_assignments": every,
        "more": max(len(content["assignments"]) - SHOWN, 0),
        "unplaced": sorted(
            content["unplaced"], key=lambda row: (PRIORITIES.index(row["priority"]), row["case"])
        )[:SHOWN],
        "stopped": _stopped(content["unplaced"]),
        "more_unplaced": max(len(content["unplaced"]) - SHOWN, 0),
        "emergencies": sum(row["priority"] == "emergency" for row in content["unplaced"]),
        "worth": [{**row, "said": offers.limit(row)} for row in worth[:10] if not any(name in row["limit"] for name in secret)
                  and row.get("programme") not in secret],
        "unused": [{**told(row), "where": words.listed((told(row)["programme"], told(row)["window"])), "cause": quiet(str(row.get("cause") or ""))} for row in content["unused"]],
        "fairness": [
            {**row, "said": here.destination(str(row["group"])) if row["grouping"] == "nationality"
             else words.code(str(row["group"]))}
            for row in (everybody or content)["fairness"]
        ],
        "everybody": everybody and {
            **everybody,
            "programmes": [{**row, "where": offers.title(row["programme"])} for row in everybody["programmes"]],
            "emergencies": [{**row, "reason": quiet(row["reason"])} for row in everybody["emergencies"]],
        },
        "parted": sorted(
            row["case"] for name in ("assignments", "unplaced") for row in whole.get(name) or ()
            if not one and cases.parted(row["case"])
        )[:SHOWN],
        "each_person": any(
            row.get("counted") == "each person" for row in content["fairness"]
            if row["grouping"] in ("sex", "age")
        ),
        "held": held[:SHOWN],
        "programmes": sorted(
            {(row["programme"], row["window"], offers.title(row["programme"]),
              offers.window(row["programme"], row["window"]))
             for row in content["limits"]
             if row["kind"] == "places" and row["programme"] not in secret}
        ),
        "difference": _difference(content, before) if before is not None else None,
        "changes": _changes(content, before, told) if before is not None else [],
    }  # fmt: skip


def _of_theirs(content: dict[str, Any], cases: Cases) -> dict[str, Any]:
    """A proposal with only the cases that its reader sees."""
    lines = {
        name: [row for row in content.get(name) or () if cases.sees(row["case"])]
        for name in ("assignments", "unplaced")
    }
    if not cases.tell_needs:
        lines["unplaced"] = [_without_needs(row) for row in lines["unplaced"]]
    return {**content, **lines}


def _without_needs(row: dict[str, Any]) -> dict[str, Any]:
    """A case without a place, for who may not read what its people need."""
    barred = tuple(BARRIERS[name] for name in OF_NEEDS)
    reasons = row["reason"].split("; ")
    told = [one for one in reasons if not one.startswith(barred)]
    change = [one for one in row["change"].split("; ") if not one.startswith(ASKED_OF_NEEDS)]
    return {
        **row,
        "reason": "; ".join([*told, *([WITHHELD] if len(told) < len(reasons) else [])]),
        "change": "; ".join(change),
    }


OF_NEEDS = ("need", "category")
"""What can stand before a place that tells what somebody needs."""
ASKED_OF_NEEDS = ("ask whether the need can be met", "ask to accept these categories")
WITHHELD = "Something that your role may not read is not met."


def conflict_told(lines: Iterable[str], cases: Cases, quiet: Callable[[str], str]) -> list[str]:
    """What cannot hold together, as far as this reader sees the cases it names."""
    found = [
        quiet(line) if all(map(cases.sees, _cases_in(line))) else _("a case that you may not see")
        for line in lines
    ]  # fmt: skip
    return list(dict.fromkeys(found))


def _cases_in(line: str) -> list[str]:
    """The cases that a sentence of the placement room names."""
    return [
        name if kind == "case" else f"{kind}/{name}"
        for kind, name in re.findall(r"\b(case|household) ([^\s,:]+)", line)
    ]


class Offers:
    """The plan's own words for what a proposal calls a programme, a window and a share of an offer.

    reader  is told for whom a share is kept where it may read that of somebody; None: is not
    """

    def __init__(self, reader: access.Reader | None = None) -> None:
        self._plan, self._reader = here.plan(), reader
        self._pledges = self._plan.pledges if self._plan is not None else {}

    def title(self, name: str | None) -> str:
        """An offer by its country and its title; never by its id alone, which an older proposal
        may still hold when the plan no longer does."""
        if not name:
            return ""
        pledge = self._pledges.get(name)
        if pledge is None:
            return _("an offer the plan no longer holds (%(id)s)") % {
                "id": f"\u2068{name}\u2069"
            }
        title, country = words.translated(pledge.title), here.destination(pledge.country)
        return (
            title if country.casefold() in title.casefold() else words.listed((country, title))
        )

    def window(self, name: str | None, window: str | None) -> str:
        """From when its places are there, where it gives them in more than one go."""
        pledge, number = self._pledges.get(name or ""), window or ""
        if pledge is None or not number.isdecimal():
            return number
        if len(pledge.windows) == 1 or not 0 < int(number) <= len(pledge.windows):
            return ""
        opens = pledge.windows[int(number) - 1].start.likely
        return _("places from %(day)s") % {"day": dates.shown(opens)}

    def limit(self, row: Mapping[str, Any]) -> str:
        """A limit of a proposal: its places, a share of them, or as the placement room calls it."""
        if row["kind"] != "places" or row.get("programme") not in self._pledges:
            return self.limited(str(row["limit"]))
        return words.listed(
            (self.title(row["programme"]), self.window(row["programme"], row["window"]))
        )

    def limited(self, name: str) -> str:
        """What the plan calls a limit: a share by for whom it is kept, what an offer opens by the
        offer; anything else by its own name."""
        pledge, sign, numbers = name.rpartition(SHARE)
        if sign and re.fullmatch(r"\d+(\+\d+)*", numbers):
            return _("%(offer)s, share kept for %(whom)s") % {
                "offer": self.title(pledge),
                "whom": words.listed(self._whom(pledge, int(n)) for n in numbers.split("+")),
            }
        pledge, sign, window = name.rpartition("/")
        if sign and pledge in self._pledges:
            return self.place(pledge, window)
        return f"\u2068{name}\u2069"

    def _whom(self, pledge: str, number: int) -> str:
        found = self._pledges.get(pledge)
        if found is None or number > len(found.allocations):
            return _("some people")
        rule, rulebook = found.allocations[number - 1].to, here.rulebook()
        if not rule.people and not rule.columns.keys() <= self._told(rulebook):
            return _("some people")
        said = {"people": rule.people} if rule.people else dict(rule.columns)
        return rule_said(About(self._plan, rulebook), said) if self._plan else ""

    def _told(self, rulebook: Rulebook) -> frozenset[str]:
        """The facts by which this reader may be told people apart: a share that is full says of a
        case beside it what it is not."""
        reader = self._reader
        if reader is None:
            return frozenset()
        classes = {name for name in reader.rules.classes if reader.reads_somewhere(name)}
        return reader.columns(rulebook, "person", frozenset(classes))

    def place(self, name: str, window: str) -> str:
        """A programme and its window as the plan calls them."""
        return words.listed((self.title(name), self.window(name, window)))


DECIDED = {
    "accepted": gettext_lazy("goes where it is proposed"),
    "moved": gettext_lazy("goes elsewhere"),
    "held": gettext_lazy("held back for now"),
    "released": gettext_lazy("the next proposal decides anew"),
}


def decision_said(decision: Any) -> str:
    return str(DECIDED.get(decision.decision, "")) if decision is not None else ""


def why_words(row: Mapping[str, Any]) -> str:
    """Why a case is where it is, as one would tell the family: never in points."""
    why = row.get("why") or {}
    said = []
    if row.get("locked"):
        said.append(_("an officer decided so"))
    if why.get("family tie"):
        said.append(_("they have family there"))
    if why.get("preference"):
        said.append(_("it is a country they named themselves"))
    if why.get("language"):
        said.append(_("they speak a language of that country"))
    if why.get("skill"):
        said.append(_("a skill of theirs is asked for there"))
    if why.get("score"):
        said.append(_("that programme's own score speaks for it"))
    if row.get("kept"):
        said.append(_("it was proposed before"))
    if not said:
        said.append(
            _("they agreed to this country, and there is a place; nothing else sets it apart")
        )
    text = words.listed(said, ";")
    return text[:1].upper() + text[1:]


def next_words(
    row: Mapping[str, Any], told: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """The next best place, and what speaks for it and against it."""
    best = row.get("next_best")
    if not best:
        return {"said": _("No other place fits this family.")}
    fewer = best.get("fewer_points") or 0
    if fewer > 0:
        said = _("fits their wishes and ties less well")
    elif fewer < 0:
        said = _("fits them better, but its places bring more to others")
    else:
        said = _("fits them as well")
    there = told(best)
    return {**there, "where": words.listed((there["programme"], there["window"])), "said": said}


def _quiet(text: str, secret: set[str], offers: Offers) -> str:
    """A sentence of the proposal in the reader's and the plan's words, unless it names an offer
    made in confidence."""
    if any(name in text for name in secret):
        return _("an offer made in confidence")
    return placement_words.said(text, offers.place, offers.limited)


def _stopped(unplaced: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What stopped how many cases, the most frequent first."""
    found: dict[tuple[str, str], list[int]] = {}
    for row in unplaced:
        found.setdefault((row["reason"], row["change"]), []).append(row["size"])
    return [
        {"reason": reason, "change": change, "cases": len(sizes), "persons": sum(sizes)}
        for (reason, change), sizes in sorted(
            found.items(), key=lambda item: (-len(item[1]), item[0])
        )
    ][:12]


def _difference(content: dict[str, Any], before: dict[str, Any]) -> dict[str, int]:
    """How many cases moved, lost or gained a place since the proposal before."""
    new = {row["case"]: (row["programme"], row["window"]) for row in content["assignments"]}
    old = {row["case"]: (row["programme"], row["window"]) for row in before["assignments"]}
    return {
        "moved": sum(case in old and old[case] != place_ for case, place_ in new.items()),
        "gained": sum(case not in old for case in new),
        "dropped": sum(case not in new for case in old),
    }


def _changes(
    content: dict[str, Any], before: dict[str, Any],
    told: Callable[[dict[str, Any]], dict[str, Any]],
) -> list[dict[str, str]]:  # fmt: skip
    """Line by line what is not as in the proposal before: the case, from where, to where."""

    def places(of: dict[str, Any]) -> dict[str, str]:
        said = ((row["case"], told(row)) for row in of["assignments"])
        return {case: words.listed((row["programme"], row["window"])) for case, row in said}

    new, old = places(content), places(before)
    return [
        {"case": case, "from": old.get(case, ""), "to": new.get(case, "")}
        for case in sorted(new.keys() | old.keys())
        if new.get(case) != old.get(case)
    ][:SHOWN]


def _decided_where(word: Any, offers: Offers, secret: set[str]) -> str:
    """Where an officer said that a case goes instead; "" where it is as proposed."""
    if word is None or word.decision != "moved" or not word.programme:
        return ""
    if word.programme in secret:
        return _("an offer made in confidence")
    return words.listed(
        (offers.title(word.programme), offers.window(word.programme, word.window))
    )


def _confidential() -> set[str]:
    """Offers by their ids that are made in confidence, or were and are not open now: a proposal
    that was kept still names what the plan holds no more."""
    found, once = here.plan(), ever_sensitive(here.operation(), here.plan())
    pledges = found.pledges if found is not None else {}
    secret = {name for name, pledge in pledges.items() if pledge.confidentiality == "sensitive"}
    if once is not None:
        return secret | once
    # An older plan cannot be read any more: what is not open now is not told.
    proposed = {
        row.get("programme")
        for _name, content in kept_proposals(here.operation())
        for row in (*content.get("assignments", ()), *content.get("limits", ()))
    }
    return secret | {name for name in proposed if name and name not in open_names(found)}


@page("placements", "placement.run", methods=("POST",))
def run(request: HttpRequest) -> HttpResponse:
    access.require(request.user, "placement.run", place=place(request))
    job = jobs.ask(request.user, "placement", {"seed": 1, "as_of": here.today().isoformat()})
    return HttpResponseRedirect(reverse("desk:job", args=[job.pk]), status=303)


@page("placements", "placement.decide", methods=("GET", "POST"))
def case(request: HttpRequest) -> HttpResponse:
    """One case of a proposal: why here, what else, and the officer's word."""
    access.require(request.user, "placement.decide", place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    given = request.POST if request.method == "POST" else request.GET
    kept = dict(kept_proposals(here.operation()))
    content = kept.get(given.get("proposal", ""))
    name = given.get("case", "")
    cases = Cases(reader, "placement.decide")
    if content is None:
        raise cases.hidden(name, place=place(request))
    shown = about(content, None, cases, sensitive=reader.may("pledge.sensitive"), one=True)
    row = next((r for r in content["assignments"] if r["case"] == name), None)
    left = next((r for r in shown["content"]["unplaced"] if r["case"] == name), None)
    if row is None and left is None:
        raise cases.hidden(name, place=place(request))
    cases.open(name, place=place(request))
    secret = (
        row is not None
        and not reader.may("pledge.sensitive")
        and row["programme"] in _confidential()
    )
    word = standing().get(name)
    if (
        word is not None
        and not reader.may("pledge.sensitive")
        and word.programme in _confidential()
    ):
        word.programme, word.window = _("an offer made in confidence"), ""  # shown, not kept
    offers = Offers(reader)
    shown |= {
        "decided": decision_said(word),
        "word_where": ""
        if word is None or not word.programme
        else words.listed(
            (offers.title(word.programme), offers.window(word.programme, word.window))
        ),
        "proposal": given["proposal"], "case": name, "left": left,
        "row": None if secret or row is None else next(
            (one for one in shown["all_assignments"] if one["case"] == name), None),
        "secret": secret, "word": word, "given": given,
        "elsewhere": [
            (f"{programme}|{window}", title, when)
            for programme, window, title, when in shown["programmes"]
            if row is None or (programme, window) != (row["programme"], str(row.get("window") or ""))
        ],
    }  # fmt: skip
    if request.method == "POST":
        decision = given.get("decision", "")
        programme, _sign, window = given.get("where", "").partition("|")
        if decision == "accepted" and row is not None and not secret:
            programme, window = row["programme"], row["window"]
        if decision == "moved" and (programme, window) not in {
            one[:2] for one in shown["programmes"]
        }:
            programme = ""
        try:
            if decision in ASKED_FIRST:
                require_said(decision, programme, given.get("reason", ""))
                return _cost_first(request, given, name, programme, window)
            decide(
                request.user, case=name, proposal=given["proposal"], decision=decision,
                programme=programme, window=window, reason=given.get("reason", ""),
            )  # fmt: skip
        except OnwardError as problem:
            shown["error"] = str(problem)
            shown["wrong"] = (
                "decision" if decision not in DECISIONS
                else "where" if decision == "moved" and len(given.get("reason", "").strip()) >= LEAST_REASON
                else "reason"
            )  # fmt: skip
            return render(request, "desk/placement_case.html", shown, status=422)
        return done(request, _("Your word on this case was kept."), "desk:placements")
    return render(request, "desk/placement_case.html", shown)


ASKED_FIRST = ("moved", "held")
"""What an officer may decide only after having seen what it would cost."""


def question_of(decision: str, case: str, programme: str, window: str) -> str:
    """An override in question, in the short form of the placement room."""
    if decision == "held":
        return f"wait:{case}"
    return f"place:{case}={programme}" + (f"@{window}" if window else "")


def _cost_first(
    request: HttpRequest, given: Mapping[str, str], name: str, programme: str, window: str
) -> HttpResponse:
    """Begin to work out what it would cost. The reason waits in the sealed session: what long
    work is asked with holds no words of anybody's."""
    decision = given["decision"]
    job = jobs.ask(
        request.user, jobs.OVERRIDE,
        {"changes": [question_of(decision, name, programme, window)], "seed": 1,
         "as_of": here.today().isoformat(), "proposal": given["proposal"], "case": name,
         "decision": decision, "programme": programme, "window": window},
    )  # fmt: skip
    request.session["override"] = {"job": str(job.pk), "reason": given.get("reason", "")[:300]}
    return HttpResponseRedirect(reverse("desk:job", args=[job.pk]), status=303)


urls = [
    path("places/", placements, name="placements"),
    path("places/run/", run, name="placement_run"),
    path("places/case/", case, name="placement_case"),
]
