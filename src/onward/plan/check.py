"""Finds what is well formed in a plan but cannot work, comes too late, or must not be done.

Exists because a plan fails quietly: work that ends after the day it serves, a renewal nobody
asked for in time, a sheet no one approved in a language people read, a notice that gives away
a State's unannounced offer, a target that counts departures. In come a plan, its rulebook and
dates drawn for it; out come findings, each with the line, what was found and what to do.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from onward.errors import one_of
from onward.plan.clocks import NEVER_BY_DATE
from onward.plan.draws import (
    FUTURES,
    SEED,
    FloatArray,
    PlanDraws,
    date_wanted,
    plan_draws,
    ready,
    wanted_by,
)
from onward.plan.model import COUNSELLING, FACTORS, SERVICE_METRICS, Action, Message, Plan
from onward.rulebook.model import Rulebook
from onward.said import Listed, Said, Share, form, titled

LIKELY = 0.5
POSSIBLE = 0.1
"""A danger is reported from one future in ten, and called likely from one in two."""

Severity = Literal["must", "look"]

CODES: Mapping[str, str] = {
    "late": "work or a milestone comes after the date it serves",
    "overdue": "work under way for longer than its longest duration",
    "order": "work begun before what it waits for was done",
    "date": "two dates that cannot both be right",
    "lapses_before_move": "what work or a movement relies on ends before it is done",
    "not_in_force": "what work or a movement relies on has not begun when it begins",
    "renewal_missed": "the day for asking for renewal is past, or is likely to be missed",
    "renewal_unplanned": "nobody is to ask for a renewal",
    "status_by_date": "a status is said to end by date, which the law does not allow",
    "factor_missing": "an assurance without a finding on every factor",
    "no_conclusion": "an assurance in force on which no named lawyer has concluded",
    "assurance_to_origin": "an assurance of the country of origin for a transfer without consent",
    "onward_transfer": "an assurance that leaves onward transfer open",
    "pledge_lapsed": "a pledge past its last day",
    "overfilled": "more places filled than pledged",
    "share_unsaid": "places used of an offer with shares, and not said of which share",
    "unreachable": "a condition on another pledge, or work a message waits for, that is never met",
    "capacity_missing": "a step draws on a capacity the plan does not mention",
    "sheet_missing": "a pathway people may choose has no information sheet",
    "sheet_language": "a sheet lacks a language of the operation",
    "sheet_incomplete": "a sheet does not list what every sheet must say",
    "unapproved": "a text in use or about to be told that nobody has approved",
    "text_missing": "the file of a text is not there",
    "embargo": "a message told before its embargo ends",
    "told_too_widely": "a message tells more people of something than may know it",
    "names_country": "a message names a country that has announced no place",
    "promises_country": "a message names a country without saying that no place is promised",
    "deadline_as_threat": "a message speaks of a deadline without what it does not do",
    "only_option": "a message presents one pathway as the only one",
    "counts_departures": "a target counts people leaving",
    "not_a_service": "a target counts something that is not a service",
}
"""What a finding's code means."""

NEVER_ADOPTED = frozenset(
    {
        "status_by_date", "assurance_to_origin", "embargo", "told_too_widely", "names_country",
        "promises_country", "deadline_as_threat", "only_option", "counts_departures",
        "not_a_service",
    }
)  # fmt: skip
"""Findings with which no plan is put in force: lines that are not crossed. Work that is late is a
fact to be shown; these are choices to be changed."""

_LEAVING = re.compile(
    r"depart|return|repatriat|leav|left|exit|transfer|hand_?over|relocat|resettled|removed|"
    r"removal|movement|moved|outflow|residual|population|caseload|headcount"
)
_WIDTH: Mapping[str, int] = {
    "internal": 0, "partners": 1, "individual": 2, "group": 2, "host": 2, "everyone": 2,
}  # fmt: skip
_ALLOWED: Mapping[str, int] = {"sensitive": 0, "partners": 1, "public": 2}


@dataclass(frozen=True)
class PlanFinding:
    """One thing a planner must mend ("must") or look at ("look").

    code     what kind of thing it is; see docs/reference/plan.md
    what     id in the plan
    line     line of the plan file, 0 when it concerns the whole
    chance   share of futures in which it goes wrong; None where chance plays no part
    """

    code: str
    severity: Severity
    what: str
    line: int
    found: str
    remedy: str
    chance: float | None = None


def check_plan(
    plan: Plan,
    rulebook: Rulebook,
    *,
    as_of: dt.date,
    draws: PlanDraws | None = None,
    text_of: Callable[[str], str | None] | None = None,
) -> tuple[PlanFinding, ...]:
    """Everything wrong with a plan, by line.

    rulebook  the one the plan was read with
    as_of     the day from which open work is drawn
    draws     of the same plan; drawn with the default seed when left out
    text_of   reads a message's file by its path in the plan (None: it is missing); without it
              texts in files are not read
    """
    if draws is None:
        draws = plan_draws(plan, FUTURES, SEED, as_of)
    found: list[PlanFinding] = []
    for part in (
        _late(plan, draws), _started(plan, as_of), _relied_on(plan, draws),
        _authorities(plan, rulebook, draws, as_of), _assurances(plan, rulebook),
        _pledges(plan, as_of), _capacities(plan, rulebook), _sheets(plan, rulebook),
        _messages(plan, draws, text_of), _targets(plan), _deadlines(plan),
    ):  # fmt: skip
        found += part
    order = {code: place for place, code in enumerate(CODES)}
    return tuple(sorted(set(found), key=lambda f: (f.line, order[f.code], f.what, f.found)))


# -- dates ------------------------------------------------------------------------------------
Danger = Literal["certain", "likely", "may"]
_HOW: Mapping[Danger, str] = {
    "certain": form("certain"), "likely": form("likely (%(a)s)"), "may": form("possible (%(a)s)"),
}  # fmt: skip
_LATE: Mapping[Danger, tuple[str, str]] = {
    "certain": (form("certain to be late: %(b)s"), form("certain to be late or never done: %(b)s")),
    "likely": (form("likely to be late (%(a)s): %(b)s"), form("likely to be late or never done (%(a)s): %(b)s")),
    "may": (form("may be late (%(a)s): %(b)s"), form("may be late or never done (%(a)s): %(b)s")),
}  # fmt: skip
"""What is late in every future that has it done, and what some futures never have done."""


def _judge(late: FloatArray, certain: bool) -> tuple[Severity, Danger, float] | None:
    chance = float(np.mean(late))
    if certain or chance == 1.0:
        return "must", "certain", 1.0
    if chance >= LIKELY:
        return "must", "likely", chance
    if chance >= POSSIBLE:
        return "look", "may", chance
    return None


def _how(danger: Danger, chance: float) -> Said:
    return Said(_HOW[danger], a=Share(chance))


def _late(plan: Plan, draws: PlanDraws) -> Iterable[PlanFinding]:
    """Actions that finish after the date they serve; milestones after theirs."""
    serving = [(a.id, target) for a in plan.actions.values() for target in a.serves]
    serving += [(s.id, s.id) for s in plan.milestones.values()]
    for id, target in serving:
        by = wanted_by(plan, target, draws)
        done = draws.finishes[id] if id != target else ready(plan, target, draws)
        if by is None or done is None:
            continue
        judged = _judge(np.asarray(done > by, dtype=np.float64), bool(np.all(done > by)))
        if judged is None:
            continue
        severity, danger, chance = judged
        wanted = date_wanted(plan, target)
        what = Said("reached after %(a)s", a=wanted)
        if id != target:
            title = plan.title_of(target)
            what = Said("finishes after %(a)s (%(b)s)", a=title, b=wanted)
        some_never = not np.isfinite(done).all()
        yield PlanFinding(
            "late", severity, id, plan.line_of(id),
            Said(_LATE[danger][some_never], a=Share(chance), b=what),
            "Start earlier, shorten what it waits for (see `onward plan milestones`), or move the date.",
            chance,
        )  # fmt: skip


def _started(plan: Plan, as_of: dt.date) -> Iterable[PlanFinding]:
    for a in plan.actions.values():
        if a.finished and a.finished > as_of:
            yield PlanFinding("date", "must", a.id, a.line,
                              Said("said to be finished on %(a)s, after %(b)s", a=a.finished, b=as_of),
                              "Give what happened; leave the future to `duration_days`.")  # fmt: skip
        elif a.started and not a.finished:
            longest = a.started + dt.timedelta(days=int(a.duration.most))
            if longest <= as_of:
                yield PlanFinding("overdue", "must", a.id, a.line,
                                  Said("should have been finished by %(a)s at the latest", a=longest),
                                  "Record `finished`, or give a longer duration.")  # fmt: skip
        if a.finished is None:
            for before in a.depends_on:
                other = plan.actions.get(before)
                if (
                    a.started
                    and other
                    and (other.finished is None or other.finished > a.started)
                ):
                    yield PlanFinding("order", "look", a.id, a.line,
                                      Said("started before %(a)s was finished", a=before),
                                      "Correct the dates, or take the dependency out.")  # fmt: skip


def _relied_on(plan: Plan, draws: PlanDraws) -> Iterable[PlanFinding]:
    """What an action relies on must still hold when the action is done."""
    for a in plan.actions.values():
        if a.finished:
            continue
        done, start = draws.finishes[a.id], draws.starts[a.id]
        happens = np.isfinite(done)
        if not happens.any():
            continue
        for group in _bases(plan, a):
            # Alternatives in turn: as long as one takes over before the other ends, it holds.
            held = start - 1
            for _ in group:
                for base in group:
                    joins = draws.begins[base] <= held + 1
                    held = np.where(joins, np.maximum(held, draws.ends[base]), held)
            names = one_of(titled(plan.title_of(base), base) for base in group)
            missing = happens & (held < start)
            lapsed = happens & (held < done) & ~missing
            for bad, code, said in (
                (lapsed, "lapses_before_move", form("%(a)s lapses before the work or movement it covers is done: %(b)s")),
                (missing, "not_in_force", form("%(a)s is not in force when the work or movement begins: %(b)s")),
            ):  # fmt: skip
                judged = _judge(np.asarray(bad[happens], dtype=np.float64), False)
                if judged:
                    severity, danger, chance = judged
                    yield PlanFinding(
                        code, severity, a.id, a.line, Said(said, a=names, b=_how(danger, chance)),
                        "Renew it first, move the work, or make it wait for what brings it.",
                        chance,
                    )  # fmt: skip


def _bases(plan: Plan, action: Action) -> list[tuple[str, ...]]:
    """What an action relies on; each entry a group of which one must hold at any time.

    Named ones stand alone. Authorities and assurances that cover a movement it carries out are
    added: assurances of one recipient for one purpose, and an authority with those it replaces,
    are alternatives to each other.
    """
    groups: list[tuple[str, ...]] = [(base,) for base in action.relies_on]
    steps = {step.split(".")[0] for step in action.carries}
    found: dict[str, list[str]] = {}
    for s in plan.assurances.values():
        covered = steps & {step.split(".")[0] for step in s.moves}
        if covered and s.recipient == action.destination:
            found.setdefault(f"{s.purpose} {s.recipient}", []).append(s.id)
    for p in plan.authorities.values():
        if steps & {step.split(".")[0] for step in p.moves}:
            root = p.id
            while plan.authorities[root].supersedes:
                root = plan.authorities[root].supersedes
            found.setdefault(root, []).append(p.id)
    groups += [
        tuple(sorted(ids)) for ids in found.values() if not set(ids) & set(action.relies_on)
    ]
    return groups


# -- what protection rests on ------------------------------------------------------------------
def _authorities(
    plan: Plan, rulebook: Rulebook, draws: PlanDraws, as_of: dt.date
) -> Iterable[PlanFinding]:
    legal = rulebook.axes["legal"].states if "legal" in rulebook.axes else {}
    for a in plan.authorities.values():
        for state in a.legal:
            if legal[state].code in NEVER_BY_DATE and a.expiry:
                yield PlanFinding(
                    "status_by_date", "must", a.id, a.line,
                    Said("says the status %(a)s ends with it; that status never lapses by date", a=legal[state].title),
                    "Take it out of `rests`; it ends only by individual decision.",
                )  # fmt: skip
        if a.expiry and a.renewal:
            last = a.expiry - dt.timedelta(days=a.renewal.lead_days)
            asking = [w for w in plan.actions.values() if w.renews == a.id]
            if any(w.started is not None and w.started <= last for w in asking):
                continue
            if last < as_of:
                yield PlanFinding(
                    "renewal_missed", "must", a.id, a.line,
                    Said("renewal had to be asked for by %(a)s, %(b)s days before expiry", a=last, b=a.renewal.lead_days),
                    "Ask now and plan for the authority ending on its day.",
                )  # fmt: skip
            elif not asking:
                yield PlanFinding(
                    "renewal_unplanned", "look", a.id, a.line,
                    Said("nobody is to ask for renewal by %(a)s", a=last),
                    "Add an action with `renews`, or reassign what rests on it.",
                )  # fmt: skip
            else:
                starts = np.min([draws.starts[w.id] for w in asking], axis=0)
                judged = _judge(
                    np.asarray(starts > (last - as_of).days, dtype=np.float64), False
                )
                if judged:
                    yield PlanFinding(
                        "renewal_missed", judged[0], a.id, a.line,
                        Said("renewal is asked for after %(a)s: %(b)s", a=last, b=_how(*judged[1:])),
                        "Start asking earlier.", judged[2],
                    )  # fmt: skip
        if a.review_by and a.expiry and a.review_by > a.expiry:
            yield PlanFinding("date", "must", a.id, a.line,
                              Said("reviewed by %(a)s, after it expires", a=a.review_by),
                              "Correct one of the dates.")  # fmt: skip


def _assurances(plan: Plan, rulebook: Rulebook) -> Iterable[PlanFinding]:
    for s in plan.assurances.values():
        missing = [words for name, words in FACTORS.items() if name not in s.factors]
        if missing:
            sure = s.conclusion is not None and s.conclusion.finding == "can_rely"
            yield PlanFinding(
                "factor_missing", "must" if sure or s.state == "in_force" else "look", s.id,
                s.line, Said("no finding on: %(a)s", a=Listed(missing)),
                "Have the named lawyer record a finding for each; uncertain is a finding.",
            )  # fmt: skip
        if s.state == "in_force" and s.conclusion is None:
            yield PlanFinding("no_conclusion", "must", s.id, s.line,
                              "in force, but no named lawyer has concluded on it",
                              "Until then no step may rely on it.")  # fmt: skip
        handover = any(
            rulebook.transitions[step.split(".")[0]].pathway == "handover" for step in s.moves
        )
        if (handover or s.purpose != "return") and s.recipient == plan.origin:
            yield PlanFinding(
                "assurance_to_origin", "must", s.id, s.line,
                "an assurance of the country of origin for a transfer without consent",
                "Take it out: it cannot justify removing a refugee to that country.",
            )  # fmt: skip
        elif s.purpose != "return" and s.covers_onward_transfer is not True:
            yield PlanFinding(
                "onward_transfer", "look", s.id, s.line,
                "does not cover onward transfer to the country of origin",
                "Have it cover onward transfer before anything relies on it.",
            )  # fmt: skip


def _pledges(plan: Plan, as_of: dt.date) -> Iterable[PlanFinding]:
    for p in plan.pledges.values():
        if p.valid_to and p.valid_to < as_of and p.state not in ("exhausted", "withdrawn"):
            yield PlanFinding("pledge_lapsed", "must", p.id, p.line,
                              Said("%(a)s, but it lapsed on %(b)s", a=p.state, b=p.valid_to),
                              "Ask for an extension or record it as withdrawn.")  # fmt: skip
        if p.filled_people > p.places_people:
            yield PlanFinding("overfilled", "must", p.id, p.line,
                              Said("%(a)s places filled of %(b)s", a=p.filled_people, b=p.places_people),
                              "Correct the number or record the larger pledge.")  # fmt: skip
        kept = [share for share in p.allocations if not share.to.everyone]
        unsaid = p.filled_people - sum(share.filled_people for share in p.allocations)
        free = p.places_people - sum(share.places_people for share in kept)
        if kept and unsaid > free:
            yield PlanFinding("share_unsaid", "look", p.id, p.line,
                              Said("%(a)s places used are not said of any share", a=unsaid - free),
                              "Give `filled` with each share; until then places stay free in proposals.")  # fmt: skip
        other = plan.pledges.get(p.conditional_on.pledge) if p.conditional_on else None
        if (
            p.conditional_on
            and other
            and p.conditional_on.departed_people > other.places_people
        ):
            yield PlanFinding(
                "unreachable", "must", p.id, p.line,
                Said("waits for %(a)s departures on %(b)s, which has %(c)s places", a=p.conditional_on.departed_people, b=other.id, c=other.places_people),
                "Correct the number; as it stands it can never open.",
            )  # fmt: skip


def _capacities(plan: Plan, rulebook: Rulebook) -> Iterable[PlanFinding]:
    pledged = {p.capacity for p in plan.pledges.values()}
    for step in rulebook.transitions.values():
        name = step.consumes
        if name and name not in plan.capacities and name not in pledged:
            yield PlanFinding(
                "capacity_missing", "look", name, 0,
                Said("%(a)s (%(b)s) draws on %(c)s, and the plan does not say how much there is", a=step.name, b=step.title, c=name),
                "Give it under `capacities`; without it the forecast takes the recent pace.",
            )  # fmt: skip


# -- what people are told ----------------------------------------------------------------------
def _sheets(plan: Plan, rulebook: Rulebook) -> Iterable[PlanFinding]:
    """Every pathway a person may choose needs a current sheet, approved in every language."""
    replaced = {t.supersedes for t in plan.messages.values() if t.supersedes}
    sheets = [t for t in plan.messages.values() if t.kind == "sheet" and t.id not in replaced]
    chosen = [step.moves for step in rulebook.transitions.values() if step.pathway == "chosen"]
    pathways = dict.fromkeys(
        move.pathway
        for moves in chosen
        for move in moves.values()
        if move.pathway not in ("", "chosen", "common")
    )
    for pathway in pathways:
        if not any(pathway in t.pathways for t in sheets):
            yield PlanFinding(
                "sheet_missing", "must", pathway, 0,
                Said("no information sheet on %(a)s, which people may choose", a=pathway),
                "Write one, have it translated and approved; nobody can consent without it.",
            )  # fmt: skip
    for t in plan.messages.values():
        if t.id in replaced:
            continue
        needed = plan.languages if t.kind in COUNSELLING else tuple(t.texts)
        lacking = [one for one in needed if one not in t.texts]
        unapproved = [one for one in needed if one in t.texts and not t.texts[one].approved]
        if lacking:
            yield PlanFinding(
                "sheet_language", "must", t.id, t.line,
                Said("version %(a)s has no text in %(b)s", a=t.version, b=Listed(lacking)),
                "Translate and approve it; it cannot support a consent in these languages.",
            )  # fmt: skip
        if unapproved:
            yield PlanFinding(
                "unapproved", "must", t.id, t.line,
                Said("version %(a)s is not approved in %(b)s", a=t.version, b=Listed(unapproved)),
                "A named approver must sign before it is used; print it with a watermark until then.",
            )  # fmt: skip
        for one, text in t.texts.items():
            if t.released and text.approved_on and text.approved_on > t.released:
                yield PlanFinding("unapproved", "must", t.id, t.line,
                                  Said("told on %(a)s, approved in %(b)s on %(c)s", a=t.released, b=one, c=text.approved_on),
                                  "Approve first.")  # fmt: skip
        if t.released and t.true_as_of > t.released:
            yield PlanFinding("date", "must", t.id, t.line,
                              Said("true as of %(a)s, but told on %(b)s", a=t.true_as_of, b=t.released),
                              "Correct one of the dates.")  # fmt: skip


def _messages(
    plan: Plan, draws: PlanDraws, text_of: Callable[[str], str | None] | None
) -> Iterable[PlanFinding]:
    names = {
        country: {country, *plan.country_names.get(country, ())}
        for country in {p.country for p in plan.pledges.values()} | set(plan.country_names)
    }
    public = {p.country for p in plan.pledges.values() if p.confidentiality == "public"}
    for t in plan.messages.values():
        out = np.full(draws.futures, np.inf)
        if t.released:
            out = np.full(draws.futures, float((t.released - draws.as_of).days))
        elif t.released_after:
            out = draws.finishes[t.released_after]
            if not np.isfinite(out).any():
                yield PlanFinding(
                    "unreachable", "must", t.id, t.line,
                    Said("waits for %(a)s, which is never done in this plan", a=t.released_after),
                    "Have it wait for something that can be done, or give the day under `released`.",
                )  # fmt: skip
        yield from _embargo(plan, draws, t, out)
        wide = _WIDTH[t.audience]
        for id in t.mentions:
            secret = plan.confidentiality(id)
            if wide > _ALLOWED[secret]:
                yield PlanFinding(
                    "told_too_widely", "must", t.id, t.line,
                    Said("tells %(a)s of %(b)s, which is %(c)s", a=t.audience, b=id, c=secret),
                    "Take it out, narrow the audience, or wait until it is public.",
                )  # fmt: skip
        if wide < 2:
            continue
        texts = {}
        for language, text in t.texts.items():
            words = text.text or (text_of(text.path) if text_of and text.path else "")
            if words is None:
                yield PlanFinding("text_missing", "must", t.id, t.line,
                                  Said("no file %(a)s", a=text.path), "Put the text there.")  # fmt: skip
            texts[language] = words or ""
        named = set(t.countries)
        for country, spoken in names.items():
            if any(_speaks(words, one) for words in texts.values() for one in spoken):
                named.add(country)
        own = {plan.origin, plan.host}
        for country in sorted(named - own):
            if country not in public:
                yield PlanFinding(
                    "names_country", "must", t.id, t.line,
                    Said("names %(a)s, from which no public pledge has come", a=country),
                    "Take the country out; never promise a place a State has not announced.",
                )  # fmt: skip
            elif "no_place_is_promised" not in t.says and t.audience != "individual":
                yield PlanFinding(
                    "promises_country", "must", t.id, t.line,
                    Said("names %(a)s without saying that no place is promised", a=country),
                    "Say so in the text, then list `no_place_is_promised` under `says`.",
                )  # fmt: skip
        deadlines = [id for id in t.mentions if id in plan.deadlines]
        if deadlines and "what_the_deadline_does_not_do" not in t.says:
            yield PlanFinding(
                "deadline_as_threat", "must", t.id, t.line,
                Said("speaks of %(a)s without saying what the deadline does not do", a=Listed(deadlines)),
                "Say that no status and no right ends by that date, then list "
                "`what_the_deadline_does_not_do` under `says`.",
            )  # fmt: skip
        if deadlines and "right_to_refuse" not in t.says:
            yield PlanFinding(
                "deadline_as_threat", "must", t.id, t.line,
                Said("speaks of %(a)s without the right to refuse", a=Listed(deadlines)),
                "Say that people may refuse and stay in the process, then list `right_to_refuse`.",
            )  # fmt: skip
        if t.kind == "notice" and len(t.pathways) == 1 and "all_pathways" not in t.says:
            yield PlanFinding(
                "only_option", "must", t.id, t.line,
                Said("presents %(a)s as the only option", a=t.pathways[0]),
                "Name the other pathways, claiming protection included, and list `all_pathways`.",
            )  # fmt: skip
        if t.kind == "sheet":
            missing = [
                one
                for one in ("who_decides", "right_to_refuse", "right_to_withdraw", "complaint_routes")
                if one not in t.says
            ]  # fmt: skip
            if missing:
                yield PlanFinding("sheet_incomplete", "look", t.id, t.line,
                                  Said("does not list: %(a)s", a=Listed(missing)),
                                  "Say it in the text, then list it under `says`.")  # fmt: skip


def _embargo(
    plan: Plan, draws: PlanDraws, t: Message, out: FloatArray
) -> Iterable[PlanFinding]:
    """A message must not be told before its embargo ends."""
    if t.embargo_until is None:
        return
    until = float((t.embargo_until.latest - draws.as_of).days)
    if not np.isfinite(out).any():
        return
    judged = _judge(np.asarray(out < until, dtype=np.float64), False)
    if judged:
        severity, danger, chance = judged
        yield PlanFinding(
            "embargo", severity, t.id, t.line,
            Said("told before its embargo ends on %(a)s: %(b)s", a=t.embargo_until.latest, b=_how(danger, chance)),
            "Tell it later, or make it wait for an action that ends after the embargo.",
            chance,
        )  # fmt: skip


def _speaks(text: str, name: str) -> bool:
    """Whether a text holds a name as a word of its own (codes as written, names in any case)."""
    flags = 0 if re.fullmatch("[A-Z]{3}", name) else re.IGNORECASE
    return bool(name and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, flags))


# -- targets and deadlines ---------------------------------------------------------------------
def _targets(plan: Plan) -> Iterable[PlanFinding]:
    for g in plan.targets.values():
        if g.metric in SERVICE_METRICS:
            continue
        leaving = _LEAVING.search(g.metric.lower())
        yield PlanFinding(
            "counts_departures" if leaving else "not_a_service", "must", g.id, g.line,
            Said("%(a)s counts people leaving, not a service given", a=g.metric)
            if leaving
            else Said("%(a)s is not one of the services that may be counted", a=g.metric),
            Said("Count a service instead: %(a)s.", a=Listed(SERVICE_METRICS)),
        )  # fmt: skip


def _deadlines(plan: Plan) -> Iterable[PlanFinding]:
    for d in plan.deadlines.values():
        if not d.authority:
            continue
        a = plan.authorities[d.authority]
        written = a.expiry if d.clock == "expiry" else a.review_by
        if written is None:
            yield PlanFinding("date", "must", d.id, d.line,
                              Said("follows the %(a)s of %(b)s, which has none", a=d.clock, b=a.id),
                              "Give the authority that date, or take `authority` out.")  # fmt: skip
        elif written != d.date:
            yield PlanFinding("date", "must", d.id, d.line,
                              Said("%(a)s, but the %(b)s of %(c)s is %(d)s", a=d.date, b=d.clock, c=a.id, d=written),
                              "Make them agree.")  # fmt: skip


def reads_beside(plan_file: Path) -> Callable[[str], str | None]:
    """A reader of message files that lie in the plan's folder, and nowhere else."""
    folder = plan_file.resolve().parent

    def read(path: str) -> str | None:
        file = (folder / path).resolve()
        if not file.is_relative_to(folder) or not file.is_file():
            return None
        if file.stat().st_size > 1_000_000:
            return None
        try:
            return file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return None

    return read
