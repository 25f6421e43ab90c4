"""The plan: its clocks, work on a Gantt, assurances with their findings, pledges and messages.

What is sensitive (an offer made in confidence, work that would give it away) is shown to the few
whose roles name it; everybody else sees the rest of the work at its likely dates. Adopting a changed
plan is an event; nothing here counts departures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import get_language, get_language_bidi, ngettext, override
from django.utils.translation import gettext as _

from onward.dates import NotADate, full_date
from onward.desk import dates, here, plan_asks, plan_words, words
from onward.desk.dates import digits
from onward.desk.views.shared import done, fresh_or_kept, page, place, typed_before
from onward.errors import Faults, OnwardError
from onward.plan.check import check_plan, reads_beside
from onward.plan.draws import PlanDraws, milestone_chances, plan_draws
from onward.plan.gantt import WORDS, gantt_list, gantt_svg
from onward.plan.model import FACTORS, Message, Plan
from onward.plan.timeline import ALERT_DAYS, KINDS, alerts
from onward.registry.operation import PLAN
from onward.registry.permissions import access
from onward.registry.plan_people import listed, refuse_people
from onward.registry.planning import adopt_plan, adoptions, approves_anew, plan_version

FUTURES, SEED = 2000, 1
MOST_CHARACTERS = 400_000
TONE = {"met": "done", "not_met": "overdue", "uncertain": "unknown"}
PLEDGE_TONE = {
    "verbal": "unknown", "offered": "unknown", "confirmed": "due", "open": "open",
    "exhausted": "done", "withdrawn": "blocked",
}  # fmt: skip


class _ByText:
    """A plan as a key: two with the same text are the same plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __hash__(self) -> int:
        return hash(self.plan.hash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByText) and other.plan.hash == self.plan.hash


@lru_cache(maxsize=4)
def _drawn(key: _ByText, day: Any) -> PlanDraws:
    return plan_draws(key.plan, FUTURES, SEED, day)


@lru_cache(maxsize=40)
def _chart(
    key: _ByText, day: Any, audience: str, mirrored: bool, width: int, language: str
) -> str:
    with override(language):
        said = {name: words.translated(text) for name, text in WORDS.items()}
    found = _in_words(key, language)
    return dates.in_drawing(gantt_svg(
        found if audience == "internal" else _for_colleagues(found), _drawn(key, day), day, width=width, mirrored=mirrored, words=said,
        audience="internal" if audience == "internal" else "external",
    ))  # fmt: skip


SPOKEN = ("title", "owner", "grantor", "at_expiry", "by", "approved_by")
"""What a plan says in words, in whatever it holds."""


def _spoken(thing: Any) -> Any:
    """A plan, or a part of one, with its words in the reader's language where a catalogue has
    them; what somebody wrote in words of their own stays as they wrote it."""
    if isinstance(thing, Mapping):
        return {name: _spoken(one) for name, one in thing.items()}
    if isinstance(thing, tuple):
        return tuple(_spoken(one) for one in thing)
    if not is_dataclass(thing) or isinstance(thing, type):
        return thing
    said = {}
    for part in fields(thing):
        value = getattr(thing, part.name)
        if part.name in SPOKEN and isinstance(value, str):
            said[part.name] = words.translated(value)
        elif isinstance(value, Mapping | tuple) or is_dataclass(value):
            said[part.name] = _spoken(value)
    return replace(thing, **said)


@lru_cache(maxsize=8)
def _in_words(key: _ByText, language: str) -> Plan:
    spoken: Plan = _spoken(key.plan)
    return spoken


def _for_colleagues(found: Plan) -> Plan:
    """The plan as everybody who reads it here is shown its work: all but what is sensitive.

    Drawn for outside readers, so at its likely dates alone and without chances.
    """

    def told(group: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: one if one.confidentiality == "sensitive" else replace(one, confidentiality="public")
            for name, one in group.items()
        }  # fmt: skip

    return replace(
        found,
        actions=told(found.actions),
        milestones=told(found.milestones),
        deadlines=told(found.deadlines),
    )


@page("plan", "plan.read")
def plan(request: HttpRequest) -> HttpResponse:
    reader = request.reader  # type: ignore[attr-defined]
    access.require(request.user, "plan.read", place=place(request))
    found = here.plan()
    if found is None:
        return render(request, "desk/plan_none.html", {"may_edit": reader.may("plan.edit")})
    day = here.today()
    sensitive = reader.may("pledge.sensitive")
    key = _ByText(found)
    draws = _drawn(key, day)
    audience = "internal" if sensitive else "external"
    language = get_language() or "en"
    found = _in_words(key, language)

    def shown(things: Mapping[str, Any]) -> list[Any]:
        return [t for t in things.values() if sensitive or t.confidentiality != "sensitive"]

    hidden = {
        name
        for group in (found.actions, found.pledges, found.assurances, found.authorities)
        for name, thing in group.items()
        if not sensitive and thing.confidentiality == "sensitive"
    }
    due = running_out(here.plan(), sensitive=sensitive)
    drawn = found if sensitive else _for_colleagues(found)
    work = gantt_list(drawn, draws, audience=audience).to_pylist()  # type: ignore[arg-type]
    chances = [
        {"row": m, "likely": _likely(m.in_time),
         "critical": [found.actions[a].title for a, share in m.critical[:3]
                      if share >= 0.2 and a not in hidden]}
        for m in milestone_chances(found, draws)
    ] if sensitive else []  # fmt: skip
    return render(
        request,
        "desk/plan.html",
        {
            "plan": found,
            "day": day,
            "deadline": here.deadline(),
            "days_left": (here.deadline() - day).days if here.deadline() else None,
            "alerts": due,
            "horizon": max(ALERT_DAYS),
            "gantt": _chart(key, day, audience, get_language_bidi(), 980, language),
            "gantt_narrow": _chart(key, day, audience, get_language_bidi(), 380, language),
            "work": work,
            "chances": chances,
            "authorities": shown(found.authorities),
            "assurances": [_assurance(one) for one in shown(found.assurances)],
            "pledges": [
                {"row": one, "tone": PLEDGE_TONE[one.state], "state": words.code(one.state),
                 "left": max(one.places_people - one.filled_people, 0)}
                for one in shown(found.pledges)
            ],
            "plan_messages": [
                {"row": one, "audience": words.code(one.audience), "texts": list(one.texts.values())}
                for one in found.messages.values()
                if sensitive or _may_be_told(one, hidden, day)
            ],
            "may_edit": (editing := reader.may("plan.edit") and here.operation().settings.encrypted),
            "keys": _keys(found) if editing else {},
            "others": [
                (plan_asks.SECTIONS[name], shown(getattr(found, name)))
                for name in ("actions", "milestones", "deadlines")
            ] if editing else [],
            "adopted": adoptions(here.operation())[::-1][:5] if editing else [],
            "sensitive": sensitive,
        },
    )  # fmt: skip


def _keys(found: Plan) -> dict[str, str]:
    """What the address of each entry's form calls it, by its id."""
    return {
        id: plan_asks.key_of(found, section, id)
        for section in plan_asks.SECTIONS
        for id in getattr(found, section)
    }


def running_out(plan: Plan, *, sensitive: bool) -> list[dict[str, Any]]:
    """The clocks that run out soon, the first to do so first, as far as they may be told."""
    key, day = _ByText(plan), here.today()
    found = _in_words(key, get_language() or "en")
    return [
        {
            **row,
            "word": _kind(row["kind"]),
            "says": words.plan_says(row["says"]),
            "owner": here.destination(row["owner"])
            if row["owner"] in found.country_names
            else row["owner"],
        }
        for row in alerts(found, on=day, draws=_drawn(key, day)).to_pylist()
        if sensitive or row["confidentiality"] != "sensitive"
    ]


def _may_be_told(message: Message, hidden: set[str], day: date) -> bool:
    """Whether a message gives nothing away: no embargo runs, nothing sensitive is spoken of."""
    ends = message.embargo_until
    return not (hidden & set(message.mentions)) and (ends is None or ends.latest <= day)


def _kind(name: str) -> str:
    return words.translated(KINDS.get(name, name))


def _likely(share: float | None) -> str:
    """A chance in words first: a planner acts on "unlikely", not on a third digit."""
    if share is None:
        return ""
    for least, word in ((0.9, _("very likely")), (0.66, _("likely")), (0.33, _("about even")), (0.1, _("unlikely"))):  # fmt: skip
        if share >= least:
            return str(word)
    return _("very unlikely")


def _assurance(one: Any) -> dict[str, Any]:
    """An assurance with a finding per factor; what is not met or not sure stands in its line."""
    found = [one.factors.get(name, "") for name in FACTORS]
    unmet, unsure = found.count("not_met"), sum(f in ("", "uncertain") for f in found)
    return {
        "row": one,
        "state": words.code(one.state),
        "unmet": ngettext("%(n)s not met", "%(n)s not met", unmet) % {"n": digits(str(unmet))}
        if unmet else "",
        "unsure": ngettext("%(n)s not sure", "%(n)s not sure", unsure) % {"n": digits(str(unsure))}
        if unsure else "",
        "factors": [
            (words.translated(text[:1].upper() + text[1:]), TONE.get(finding, "unknown"),
             words.code(finding) if finding else _("Not examined"))
            for text, finding in zip(FACTORS.values(), found, strict=True)
        ],
    }  # fmt: skip


@page("plan", "plan.edit", methods=("GET", "POST"))
def edit(request: HttpRequest) -> HttpResponse:
    """Change the plan: its text is checked, what would change is shown, then it is adopted."""
    access.require(request.user, "plan.edit", place=place(request))
    operation = here.operation()
    now = plan_version(operation)
    shown: dict[str, Any] = {
        "text": now.text.decode() if now else "",
        "replaces": now.sha256 if now else "",
        "effective": here.today().isoformat(),
        "history": adoptions(operation)[::-1][:20] if operation.settings.encrypted else [],
        "as_file": not operation.settings.encrypted,
    }
    if (typed := typed_before(request)) is not None:
        shown |= {name: typed.get(name, "") for name in ("text", "replaces", "effective")}
    if now is not None and (people := listed(now.text.decode())):
        access.log(request.user, "plan.edit", people=people, place=place(request))
    if request.method == "POST":
        text = request.POST.get("text", "").replace("\r\n", "\n")
        upload = request.FILES.get("file")
        if upload is not None:
            text = upload.read(MOST_CHARACTERS + 1).decode("utf-8", errors="replace")
        shown |= {"text": text, "effective": request.POST.get("effective", "")}
        shown["replaces"] = request.POST.get("replaces", "")
        if len(text) > MOST_CHARACTERS:
            shown |= {"about": "text", "faults": [_("The text is too long for a plan.")]}
            return render(request, "desk/plan_edit.html", shown, status=422)
        try:
            checked = _checked(text)
        except Faults as wrong:
            shown |= {"about": "text", "faults": _said(wrong)}
            return render(request, "desk/plan_edit.html", shown, status=422)
        shown["findings"] = checked["findings"]
        shown["changes"] = checked["changes"]
        if request.POST.get("do") == "adopt":
            try:
                effective = full_date(dates.meant(shown["effective"])).isoformat()
            except NotADate:
                said = _("Not a date. Write it as 2026-10-31, or 1405-08-09 (Solar Hijri).")
                shown |= {"about": "effective", "faults": [said]}
                return render(request, "desk/plan_edit.html", shown, status=422)
            if approves_anew(here.plan(), checked["plan"]):
                access.require(request.user, "text.approve", place=place(request))
                fresh_or_kept(request)
            try:
                adopt_plan(
                    operation, text, effective=effective, by=request.user.account_id,
                    replaces=shown["replaces"] or None,
                )  # fmt: skip
            except OnwardError as problem:
                shown |= {"about": "text", "faults": _said(problem)}
                return render(request, "desk/plan_edit.html", shown, status=422)
            return done(request, _("The plan was adopted."), "desk:plan")
        shown["checked"] = True
    return render(request, "desk/plan_edit.html", shown)


def _said(problem: OnwardError) -> list[str]:
    """Everything wrong with a text of the plan, each with its line, in the reader's language."""
    plan, rulebook = here.plan(), here.rulebook()
    if isinstance(problem, Faults):
        return [
            plan_words.fault_said(one, plan, rulebook, in_text=True) for one in problem.faults
        ]
    return [plan_words.Sayer(plan, rulebook)(line) for line in str(problem).splitlines()]


def _checked(text: str) -> dict[str, Any]:
    """What a changed plan would be: its findings, and what differs from the one in force."""
    from onward.plan.load import loads_plan

    day, rulebook = here.today(), here.rulebook()
    name = str(here.operation().path / "plan.yaml")
    new = loads_plan(text, rulebook, file=name)
    if here.operation().settings.encrypted:
        refuse_people(here.operation(), text, file=PLAN)
    findings = check_plan(new, rulebook, as_of=day, text_of=reads_beside(Path(name)))
    old = here.plan()
    changes = []
    for title, group in (
        (_("Authorities"), "authorities"), (_("Assurances"), "assurances"), (_("Work"), "actions"),
        (_("Pledges"), "pledges"), (_("Messages"), "messages"), (_("Deadlines"), "deadlines"),
        (_("Milestones"), "milestones"),
    ):  # fmt: skip
        before = dict(getattr(old, group)) if old is not None else {}
        after = dict(getattr(new, group))
        for key in sorted(before.keys() | after.keys()):
            if key not in before:
                changes.append((title, key, "new", after[key].title))
            elif key not in after:
                changes.append((title, key, "gone", before[key].title))
            elif _without_line(before[key]) != _without_line(after[key]):
                changes.append((title, key, "changed", after[key].title))
    told = [
        (one.severity, plan_words.finding_said(one, new, rulebook, in_text=True))
        for one in findings
    ]
    return {"plan": new, "findings": told, "changes": changes}


def _without_line(thing: Any) -> Any:
    from dataclasses import asdict

    plain = asdict(thing)
    _drop_lines(plain)
    return plain


def _drop_lines(value: Any) -> None:
    if isinstance(value, dict):
        value.pop("line", None)
        for inner in value.values():
            _drop_lines(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _drop_lines(inner)


urls = [path("plan/", plan, name="plan"), path("plan/edit/", edit, name="plan_edit")]
