"""One entry of the plan changed with a form: an authority, an assurance, an offer, work, a message.

What would change is shown before it is kept; keeping it adopts the whole plan with this entry
changed, as an event that says who, when and why. Two who change the plan at once never undo each
other: what touches other entries goes on top, what touches the same one is shown and asked again.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _

from onward.caseload.events import TEXT_LIMIT
from onward.dates import day_range
from onward.desk import dates, forms, here, plan_asks, plan_forms, plan_words, words
from onward.desk.views.shared import done, page, place
from onward.errors import Fault, Faults, OnwardError
from onward.plan.check import check_plan, reads_beside
from onward.plan.edit import entries, lends, with_entry
from onward.plan.load import loads_plan
from onward.registry import plan_people
from onward.registry.kept import kept
from onward.registry.permissions import access
from onward.registry.plan_people import listed, refuse_people
from onward.registry.planning import (
    PlanVersion,
    adopt_plan,
    adoptions,
    approves_anew,
    plan_version,
)
from onward.registry.signing_in import signin

LEAST_REASON = 3


@page("plan", "plan.edit", methods=("GET", "POST"))
def entry(request: HttpRequest, section: str, entry: str) -> HttpResponse:
    """Add, change, close or take out one entry."""
    access.require(request.user, "plan.edit", place=place(request))
    part = plan_asks.SECTIONS.get(section)
    operation = here.operation()
    now = plan_version(operation) if part is not None else None
    plan = here.plan()
    if part is None or plan is None or now is None or not operation.settings.encrypted:
        if part is None:
            raise access.Hidden
        return redirect("desk:plan_edit")
    about = plan_asks.About(plan, here.rulebook())
    held = entries(now.text.decode(), section)
    id = next((one for one in held if plan_asks.key_of(plan, section, one) == entry), "")
    if not id and entry != plan_asks.NEW:
        raise access.Hidden
    given = request.POST if request.method == "POST" else request.GET
    closing = bool(id) and part.closes and given.get("close") == "yes"
    form = plan_forms.EntryForm(part, about, held.get(id, {}), closing)
    shown: dict[str, Any] = {
        "part": part, "entry": form, "form": form.form, "new": not id, "closing": closing,
        "title": plan.title_of(id) if id else "", "replaces": now.sha256, "asked": _asked(operation),
        "kept": [name for name in held.get(id, {}) if not _is_asked(part, name)],
    }  # fmt: skip
    if request.method == "POST":
        return _change(request, shown, now, id, held)
    return render(request, "desk/plan_entry.html", shown)


def _is_asked(part: plan_asks.Section, name: str) -> bool:
    if part.name == "pledges" and name in ("places", "opens", "windows"):
        return True
    return any(
        ask.path.partition(".")[0] == name for group in part.groups for ask in group.asks
    )


def _asked(operation: Any) -> forms.Form:
    """What is asked of every change: from when, and why."""
    when = forms.when(here.today().isoformat(), _("Holds from"), partial=False)
    when.name = "holds_from"  # an entry may have an `effective` of its own
    return forms.Form([
        when,
        forms.Input("reason", _("Why"), "text", required=True, limit=TEXT_LIMIT,
                    hint=_("In few words, without names. It stands beside the change for good.")),
    ])  # fmt: skip


def _change(
    request: HttpRequest, shown: dict[str, Any], now: PlanVersion, id: str,
    held: dict[str, dict[str, Any]],
) -> HttpResponse:  # fmt: skip
    part, form = shown["part"], shown["entry"]
    removing = bool(id) and request.POST.get("remove") == "yes"
    shown["removing"] = removing
    meanwhile = _meanwhile(request, shown, now, id, held)
    if meanwhile is None:
        return render(request, "desk/plan_entry.html", shown, status=409)
    form = shown["entry"] = meanwhile
    shown["form"] = form.form
    asked = shown["asked"]
    if "holds_from" in request.POST:  # else somebody only just said that it is to go
        asked.read(request.POST)
        _asked_well(asked)
    after = None if removing else form.read(request.POST)
    problems = [] if removing else form.form.problems
    shown["form"] = forms.Form([*([] if removing else form.form.inputs), *asked.inputs])
    before = held.get(id)
    if not problems:
        name = id or plan_asks.new_id(part, after or {}, _taken(shown))
        try:
            text = with_entry(now.text.decode(), part.name, name, after)
            plan = loads_plan(text, here.rulebook(), file="plan.yaml")
            reason = str(asked.facts.get("reason") or "")
            refuse_people(here.operation(), text, file="plan.yaml", reason=reason)
        except Faults as wrong:
            _place_faults(form, part, name, wrong.faults, shown)
        except OnwardError as problem:
            shown["wrong"] = [_said(problem)]
        else:
            about = plan_asks.About(plan, here.rulebook())
            shown["changes"] = plan_forms.differences(part, about, before, after)
            shown["findings"] = _new_findings(plan, form.about.plan)
            shown["lent"] = _lent(now.text.decode(), text, part.name, name, form.about.plan)
            shown["lines"] = _lines(now.text.decode(), text)
            _log_lists(request, shown["lines"], [*listed(now.text.decode()), *listed(text)])
            shown["digest"] = hashlib.sha256(text.encode()).hexdigest()
            if asked.facts and not asked.problems and request.POST.get("do") == "adopt":
                answer = _adopt(request, shown, now, text, before == after)
                if answer is not None:
                    return answer
    wrong = problems or asked.problems or shown.get("wrong")
    return render(request, "desk/plan_entry.html", shown, status=422 if wrong else 200)


def _lent(old: str, new: str, section: str, name: str, plan: Any) -> list[str]:
    """Other entries that repeated something of this one and now say it themselves."""
    gone = set(lends(old, section, name)) - set(lends(new, section, name))
    return [words.translated(plan.title_of(one.partition(".")[2])) for one in sorted(gone)]


def _lines(old: str, new: str) -> list[tuple[str, str]]:
    """What the plan's text loses and gains, line by line, for who reads it."""
    return [
        (line[0], line[2:].rstrip())
        for line in difflib.ndiff(old.splitlines(), new.splitlines())
        if line[0] in "-+" and line[2:].strip()
    ]


def _log_lists(
    request: HttpRequest, lines: Sequence[tuple[str, str]], people: Sequence[str]
) -> None:
    """Whom the lines that are shown name, who stand on a list of the plan, in the log of access."""
    read = [one for one in dict.fromkeys(people) if any(one in line for _sign, line in lines)]
    if read:
        access.log(request.user, "plan.edit", people=read, place=place(request))


def _taken(shown: dict[str, Any]) -> set[str]:
    plan = shown["entry"].about.plan
    return {
        one for section in (*plan_asks.SECTIONS, "capacities", "targets")
        for one in getattr(plan, section)
    }  # fmt: skip


def _asked_well(asked: forms.Form) -> None:
    reason = str(asked.facts.get("reason") or "")
    if reason and len(reason) < LEAST_REASON:
        asked.fail("reason", _("Say why in a few words."))
    day = asked.facts.get("holds_from")
    adopted = adoptions(here.operation())
    last = day_range(adopted[-1].effective)[1] if adopted else None
    if day and last and day_range(str(day))[0] < last:
        # Held from an earlier day, the change would never be in force: the later plan goes on.
        asked.fail(
            "holds_from",
            _("The plan in force holds from %(day)s: a change cannot hold from before.")
            % {"day": dates.shown(last)},
        )


def _meanwhile(
    request: HttpRequest, shown: dict[str, Any], now: PlanVersion, id: str,
    held: dict[str, dict[str, Any]],
) -> plan_forms.EntryForm | None:  # fmt: skip
    """The form to read this against; None when the same entry was changed since it was opened,
    with what somebody else wrote in it and what this account typed both on the page."""
    form: plan_forms.EntryForm = shown["entry"]
    sent = request.POST.get("replaces", "")
    if sent == now.sha256:
        return form
    known = {event.subject.id for event in adoptions(here.operation())}
    old: dict[str, Any] = {}
    if re.fullmatch(r"[0-9a-f]{64}", sent) and sent in known:
        text = kept(here.operation()).read("plans", f"{sent}.yaml").decode()
        old = entries(text, form.section.name).get(id, {})
    if old == held.get(id, {}):
        shown["beside"] = True
        return form
    mine = plan_forms.EntryForm(form.section, form.about, old, form.closing)
    mine.form.read(request.POST)
    mine.rebased(form)
    for each in mine.form.inputs:
        each.error = ""
    shown["theirs"] = plan_forms.differences(form.section, form.about, old, held.get(id, {}))
    shown["asked"].read(request.POST)
    shown["entry"], shown["form"] = mine, forms.Form([])
    return None


def _place_faults(
    form: plan_forms.EntryForm, part: plan_asks.Section, name: str, faults: Any,
    shown: dict[str, Any],
) -> None:  # fmt: skip
    """A fault of the plan beside the field it is about, and all of them above."""
    shown["wrong"] = [_said(fault) for fault in faults]
    for fault in faults:
        start = f"{part.name}.{name}."
        if fault.field.startswith(start):
            tail = fault.field[len(start) :]
            for each in form.form.inputs:
                if each.name == tail or each.name.startswith(tail + "."):
                    each.error = _said_beside(fault)
                    break
        elif fault.field == "reason":
            shown["asked"].fail("reason", _said_beside(fault))


def _said_beside(fault: Fault) -> str:
    """A fault in the words that stand beside its field."""
    if fault.found != plan_people.FOUND:
        return _("This does not fit the rest of the plan.")
    say = plan_words.Sayer(here.plan(), here.rulebook())
    return f"{say(fault.found).capitalize()}. {say(fault.remedy)}"


def _said(problem: Fault | OnwardError) -> str:
    """What is wrong, in the reader's language and by the plan's titles."""
    if isinstance(problem, Fault):
        return plan_words.fault_said(problem, here.plan(), here.rulebook())
    return plan_words.Sayer(here.plan(), here.rulebook())(str(problem))


def _new_findings(plan: Any, old: Any) -> list[tuple[str, str]]:
    """What a planner should look at that was not there before this change: (severity, sentence)."""
    day, rulebook = here.today(), here.rulebook()
    beside = reads_beside(here.operation().path / "plan.yaml")
    before = {
        (one.code, one.what, one.found)
        for one in check_plan(old, rulebook, as_of=day, text_of=beside)
    }
    return [
        (one.severity, plan_words.finding_said(one, plan, rulebook))
        for one in check_plan(plan, rulebook, as_of=day, text_of=beside)
        if (one.code, one.what, one.found) not in before
    ]  # fmt: skip


def _adopt(
    request: HttpRequest, shown: dict[str, Any], now: PlanVersion, text: str, same: bool
) -> HttpResponse | None:
    """Adopt what was shown; None where the page has to be looked at again."""
    if same or request.POST.get("digest") != shown["digest"]:
        shown["again"] = not same
        return None
    plan = loads_plan(text, here.rulebook(), file="plan.yaml")
    if approves_anew(here.plan(), plan):
        access.require(request.user, "text.approve", place=place(request))
        signin.require_fresh(request)
    facts = shown["asked"].facts
    try:
        adopt_plan(
            here.operation(), text, effective=str(facts["holds_from"]),
            by=request.user.account_id, replaces=now.sha256, reason=str(facts["reason"]),
        )  # fmt: skip
    except Faults as crossed:
        shown["wrong"] = [_said(fault) for fault in crossed.faults]
        return None
    except OnwardError as problem:
        shown["wrong"] = [_said(problem)]
        return None
    return done(request, _("The plan was changed."), "desk:plan")


urls = [path("plan/<str:section>/<str:entry>/", entry, name="plan_entry")]
