"""Reads plan.yaml into plain data, or says everything that is wrong with it at once.

A plan is written by people under pressure, and a slip in it (a misspelt id, a circle of
dependencies, a date that is none) must be found when the file is read. In come the file and
the rulebook whose steps and safeguards it speaks of; out comes a `Plan`, or `Faults` that each
name the line, what was found there and what is allowed. What is well formed but unwise (late,
unapproved, unlawful) is the business of `check.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast, get_args

import yaml

from onward.errors import one_of
from onward.plan import model as m
from onward.rulebook.model import Rulebook
from onward.rulebook.reading import Reader, describe, join_path, line_of, read_bytes
from onward.said import Listed, Said, form, typed

_WORD = re.compile(r"[a-z][a-z0-9_]*\Z")
_WORDS = form("a small word: letters a to z, digits and _, beginning with a letter")
_COUNTRY = re.compile(r"[A-Z]{3}\Z")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
_HASH = re.compile(r"[0-9a-f]{64}\Z")
ACCEPTED = ("code", "codes", "country", "language", "text")
"""Types of facts of which a State can be said to accept some values and not others."""
_PERIODS: Mapping[str, int | None] = {"day": 1, "week": 7, "month": 30, "once": None}


def load_plan(path: str | Path, rulebook: Rulebook) -> m.Plan:
    """Read a plan file.

    raises  Faults with every fault of the file at once; OnwardError when it cannot be read
    """
    return loads_plan(read_bytes(Path(path), "plan"), rulebook, file=str(path))


def loads_plan(text: str | bytes, rulebook: Rulebook, *, file: str = "plan.yaml") -> m.Plan:
    """Read a plan from its text or bytes; `file` is the name used in messages."""
    data = text.encode() if isinstance(text, str) else text
    return PlanReader(file, data, rulebook).plan()


def find_cycle(follows: Mapping[str, Iterable[str]]) -> list[str]:
    """One circle in a graph of ids, first id repeated at the end; empty when there is none.

    follows  id -> ids it depends on; ids that are not keys have no dependencies
    """
    state: dict[str, int] = {}
    for root in follows:
        if state.get(root):
            continue
        path: list[str] = [root]
        stack: list[Iterator[str]] = [iter(follows[root])]
        state[root] = 1
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
                state[path.pop()] = 2
            elif state.get(step) == 1:
                return [*path[path.index(step) :], step]
            elif step not in state and step in follows:
                state[step] = 1
                path.append(step)
                stack.append(iter(follows[step]))
    return []


class PlanReader(Reader):
    """One pass over the file in the order a reader meets it, then the references."""

    def __init__(self, file: str, data: bytes, rulebook: Rulebook) -> None:
        super().__init__(file, data)
        self.rulebook = rulebook
        self.steps = (*rulebook.transitions, *rulebook.moves())
        self.findings = tuple(
            f.key for guard in rulebook.safeguards.values() for f in guard.findings.values()
        )
        self.consumed = tuple(
            dict.fromkeys(t.consumes for t in rulebook.transitions.values() if t.consumes)
        )
        self.ids: dict[str, tuple[str, int]] = {}
        self.references: list[tuple[yaml.Node, str, str, tuple[str, ...]]] = []

    def plan(self) -> m.Plan:
        top = self.mapping(
            self.root, "",
            required=("plan", "title", "version", "as_of", "rulebook", "languages", "origin",
                      "host", "deadlines", "actions"),
            optional=("authorities", "assurances", "pledges", "capacities", "messages",
                      "milestones", "service_targets", "country_names"),
        )  # fmt: skip
        name = self.string(top.get("plan"), "plan")
        plan = m.Plan(
            id=name,
            title=self.string(top.get("title"), "title"),
            version=self.string(top.get("version"), "version"),
            file=self.file,
            hash=hashlib.sha256(self.data).hexdigest(),
            as_of=self.date(top.get("as_of"), "as_of"),
            rulebook=self._rulebook_name(top.get("rulebook")),
            languages=self._languages(top.get("languages"), "languages"),
            origin=self._country(top.get("origin"), "origin"),
            host=self._country(top.get("host"), "host"),
            authorities=self._section(top, "authorities", self._authority),
            assurances=self._section(top, "assurances", self._assurance),
            actions=self._section(top, "actions", self._action),
            pledges=self._section(top, "pledges", self._pledge),
            capacities=self._section(top, "capacities", self._capacity),
            messages=self._section(top, "messages", self._message),
            deadlines=self._section(top, "deadlines", self._deadline),
            milestones=self._section(top, "milestones", self._milestone),
            targets=self._section(top, "service_targets", self._target),
            country_names=self._country_names(top.get("country_names")),
        )
        self._resolve()
        self._circles(plan)
        self.finish()
        return plan

    # -- values -------------------------------------------------------------------------------
    def date(self, node: yaml.Node | None, path: str) -> dt.date:
        """A whole date, quoted or not; 1970-01-01 after a fault."""
        if node is not None:
            tag = node.tag if isinstance(node, yaml.ScalarNode) else ""
            if tag.endswith((":timestamp", ":str")):
                try:
                    return dt.date.fromisoformat(str(node.value).strip())
                except ValueError:
                    pass
            self.fault(node, path, describe(node), "a date as 2027-11-30")
        return dt.date(1970, 1, 1)

    def number(self, node: yaml.Node | None, path: str, *, least: float, most: float) -> float:
        if node is None:
            return least
        try:
            if not isinstance(node, yaml.ScalarNode) or not node.tag.endswith(
                (":int", ":float")
            ):
                raise ValueError
            value = float(node.value)
            if not math.isfinite(value):
                raise ValueError
        except ValueError:
            self.fault(node, path, describe(node), "a number")
            return least
        if not least <= value <= most:
            allowed = Said("%(a)s or more", a=f"{least:g}")
            if math.isfinite(most):
                allowed = Said("%(a)s to %(b)s", a=f"{least:g}", b=f"{most:g}")
            self.fault(node, path, f"{value:g}", allowed)
            return least
        return value

    def chance(self, node: yaml.Node | None, path: str, default: float = 1.0) -> float:
        return default if node is None else self.number(node, path, least=0.0, most=1.0)

    def uncertain_date(self, node: yaml.Node | None, path: str) -> m.UncertainDate:
        if isinstance(node, yaml.MappingNode):
            keys = ("earliest", "likely", "latest")
            parts = self.mapping(node, path, required=keys)
            dates = [self.date(parts.get(key), f"{path}.{key}") for key in keys]
            if dates != sorted(dates):
                self.fault(node, path, "dates out of order", "earliest, likely, latest")
            return m.UncertainDate(*dates)
        day = self.date(node, path)
        return m.UncertainDate(day, day, day)

    def uncertain(
        self, node: yaml.Node | None, path: str, *, least: float = 0.0, most: float = math.inf
    ) -> m.Uncertain:
        """A number, or {min, likely, max}."""
        if isinstance(node, yaml.MappingNode):
            keys = ("min", "likely", "max")
            parts = self.mapping(node, path, required=keys)
            three = [
                self.number(parts.get(key), f"{path}.{key}", least=least, most=most)
                for key in keys
            ]
            if three != sorted(three):
                self.fault(node, path, "numbers out of order", "min, likely, max")
                three.sort()
            return m.Uncertain(*three)
        value = self.number(node, path, least=least, most=most)
        return m.Uncertain(value, value, value)

    def _word_list(self, node: yaml.Node | None, path: str, known: Iterable[str], what: str) -> tuple[str, ...]:  # fmt: skip
        known = tuple(known)
        values = self.strings(node, path)
        for value in values:
            self.refers(node, path, value, known, what)
        return values

    def _country(self, node: yaml.Node | None, path: str) -> str:
        value = self.string(node, path)
        if node is not None and value and not _COUNTRY.match(value):
            self.fault(node, path, typed(value), "an ISO 3166-1 alpha-3 code such as NOR")
        return value

    def _languages(self, node: yaml.Node | None, path: str) -> tuple[str, ...]:
        values = self.strings(node, path)
        for value in values:
            if not _LANGUAGE.match(value):
                self.fault(node, path, typed(value), "a language code such as fa or ckb")
        return values

    def _rulebook_name(self, node: yaml.Node | None) -> str:
        value = self.string(node, "rulebook")
        if value and value != self.rulebook.name:
            self.fault(
                node, "rulebook", Said("a plan for the rulebook %(a)s", a=typed(value)),
                self.rulebook.name, "Read it with its own rulebook, or correct the name.",
            )  # fmt: skip
        return value

    def _confidentiality(
        self, node: yaml.Node | None, path: str, default: m.Confidentiality = "partners"
    ) -> m.Confidentiality:
        if node is None:
            return default
        return cast(m.Confidentiality, self.choice(node, path, m.CONFIDENTIALITY))

    def _hash(self, node: yaml.Node | None, path: str) -> str:
        if node is None:
            return ""
        value = self.string(node, path)
        if value and not _HASH.match(value):
            self.fault(node, path, "not a SHA-256 hash", "64 characters 0 to 9, a to f")
        return value

    def _steps(self, node: yaml.Node | None, path: str) -> tuple[str, ...]:
        return self._word_list(node, path, self.steps, "step")

    def _rule(self, node: yaml.Node | None, path: str) -> m.Rule:
        """everyone, or {people: [...]}, or {column: [values]} of the person."""
        if node is None:
            return m.Rule()
        if isinstance(node, yaml.ScalarNode):
            self.choice(node, path, ("everyone",))
            return m.Rule()
        facts = self.rulebook.kinds["person"].facts
        axes = self.rulebook.axes
        known = (*axes, *(name for name, fact in facts.items() if fact.allowed or fact.type == "country"))  # fmt: skip
        entries = self.mapping(node, path, optional=("people", *known))
        if "people" in entries:
            return m.Rule(False, self.strings(entries.pop("people"), f"{path}.people"))
        columns: dict[str, tuple[str, ...]] = {}
        for column, values in entries.items():
            here = join_path(path, column)
            allowed = tuple(axes[column].states) if column in axes else facts[column].allowed
            if allowed:
                columns[column] = self._word_list(values, here, allowed, "value")
            else:
                columns[column] = self.strings(values, here)
        if not columns and not self.faults:
            self.fault(node, path, "nobody", "everyone, people or a column of the person")
        return m.Rule(False, (), columns)

    # -- sections -----------------------------------------------------------------------------
    def _section(self, top: Mapping[str, yaml.Node], name: str, read: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, entry in self.mapping(top.get(name), name, free=True).items():
            path = f"{name}.{key}"
            self.name(key, entry, path, _WORD, _WORDS)
            line = line_of(entry)
            if key in self.ids and name != "capacities":
                other, at = self.ids[key]
                self.fault(entry, path, Said("the id %(a)s again", a=typed(key)), "each id once in the plan",
                           Said("It already names one of the %(a)s in line %(b)s.", a=other, b=at))  # fmt: skip
            self.ids.setdefault(key, (name, line))
            found[key] = read(key, entry, path)
        return found

    def _refer(
        self, node: yaml.Node | None, path: str, ids: Iterable[str], *sections: str
    ) -> None:
        """Note ids to look up when the whole file is read."""
        if node is not None:
            self.references += [(node, path, id, sections) for id in ids if id]

    def _authority(self, id: str, node: yaml.Node, path: str) -> m.Authority:
        p = self.mapping(
            node, path, required=("title", "type", "grantor", "effective"),
            optional=("beneficiaries", "scope", "expiry", "review_by", "early_end", "renewal",
                      "text_hash", "confidentiality", "supersedes", "rests", "rests_on",
                      "at_expiry"),
        )  # fmt: skip
        scope = self.mapping(p.get("scope"), f"{path}.scope", optional=("territory", "acts"))
        rests = self.mapping(
            p.get("rests"), f"{path}.rests", optional=("legal", "place", "moves")
        )
        axes = self.rulebook.axes
        legal = self._word_list(rests.get("legal"), f"{path}.rests.legal", axes["legal"].states if "legal" in axes else (), "legal status")  # fmt: skip
        place = self._word_list(rests.get("place"), f"{path}.rests.place", axes["place"].states if "place" in axes else (), "place")  # fmt: skip
        moves = self._steps(rests.get("moves"), f"{path}.rests.moves")
        rests_on = self.strings(p.get("rests_on"), f"{path}.rests_on")
        self._refer(p.get("rests_on"), f"{path}.rests_on", rests_on, "authorities", "assurances")  # fmt: skip
        supersedes = self._text(p, "supersedes", path)
        self._refer(p.get("supersedes"), f"{path}.supersedes", [supersedes], "authorities")
        effective = self.uncertain_date(p.get("effective"), f"{path}.effective")
        expiry = self.date(p["expiry"], f"{path}.expiry") if "expiry" in p else None
        if expiry and expiry < effective.latest:
            self.fault(p["expiry"], f"{path}.expiry", "before it takes effect", "a later date")
        early = renewal = None
        if "early_end" in p:
            e = self.mapping(p["early_end"], f"{path}.early_end",
                             required=("by", "notice_days"), optional=("chance",))  # fmt: skip
            early = m.EarlyEnd(
                self.string(e.get("by"), f"{path}.early_end.by"),
                self.integer(e.get("notice_days"), f"{path}.early_end.notice_days"),
                self.chance(e.get("chance"), f"{path}.early_end.chance", 0.0),
            )
        if "renewal" in p:
            r = self.mapping(p["renewal"], f"{path}.renewal", required=("lead_days",),
                             optional=("chance", "until"))  # fmt: skip
            until = self.date(r["until"], f"{path}.renewal.until") if "until" in r else None
            chance = self.chance(
                r.get("chance"), f"{path}.renewal.chance", 1.0 if until else 0.0
            )
            if chance and until is None:
                self.fault(p["renewal"], f"{path}.renewal", "a chance without `until`",
                           "the date until which it would then run")  # fmt: skip
            renewal = m.Renewal(
                self.integer(r.get("lead_days"), f"{path}.renewal.lead_days"), chance, until
            )
        if (early or renewal) and expiry is None:
            self.fault(node, path, "an early end or a renewal of what has no expiry",
                       "an expiry date")  # fmt: skip
        return m.Authority(
            id=id,
            title=self.string(p.get("title"), f"{path}.title"),
            type=cast(Any, self.choice(p.get("type"), f"{path}.type", m.AUTHORITY_TYPES)),
            grantor=self.string(p.get("grantor"), f"{path}.grantor"),
            beneficiaries=self._rule(p.get("beneficiaries"), f"{path}.beneficiaries"),
            territory=self._text(scope, "territory", f"{path}.scope"),
            acts=self.strings(scope.get("acts"), f"{path}.scope.acts"),
            effective=effective,
            expiry=expiry,
            review_by=self.date(p["review_by"], f"{path}.review_by")
            if "review_by" in p
            else None,
            early_end=early,
            renewal=renewal,
            text_hash=self._hash(p.get("text_hash"), f"{path}.text_hash"),
            confidentiality=self._confidentiality(
                p.get("confidentiality"), f"{path}.confidentiality"
            ),
            supersedes=supersedes,
            legal=legal,
            place=place,
            moves=moves,
            rests_on=rests_on,
            at_expiry=self._text(p, "at_expiry", path),
            line=line_of(node),
        )

    def _assurance(self, id: str, node: yaml.Node, path: str) -> m.Assurance:
        p = self.mapping(
            node, path, required=("title", "recipient", "purpose", "state", "factors"),
            optional=("covers", "covers_onward_transfer", "effective", "expiry", "conclusion",
                      "moves", "text_hash", "confidentiality", "supersedes"),
        )  # fmt: skip
        factors: dict[str, m.Factor] = {}
        found = self.mapping(p.get("factors"), f"{path}.factors", optional=m.FACTORS)
        for name, value in found.items():
            factors[name] = cast(
                m.Factor, self.choice(value, f"{path}.factors.{name}", get_args(m.Factor))
            )
        conclusion = None
        if "conclusion" in p:
            c = self.mapping(
                p["conclusion"], f"{path}.conclusion", required=("finding", "by", "dated")
            )
            conclusion = m.Conclusion(
                cast(Any, self.choice(c.get("finding"), f"{path}.conclusion.finding", ("can_rely", "cannot_rely"))),
                self.string(c.get("by"), f"{path}.conclusion.by"),
                self.date(c.get("dated"), f"{path}.conclusion.dated"),
            )  # fmt: skip
        supersedes = self._text(p, "supersedes", path)
        self._refer(p.get("supersedes"), f"{path}.supersedes", [supersedes], "assurances")
        return m.Assurance(
            id=id,
            title=self.string(p.get("title"), f"{path}.title"),
            recipient=self._country(p.get("recipient"), f"{path}.recipient"),
            purpose=cast(Any, self.choice(p.get("purpose"), f"{path}.purpose", ("handover", "site_responsibility", "return"))),
            state=cast(Any, self.choice(p.get("state"), f"{path}.state", ("sought", "drafted", "signed", "in_force", "refused", "breached"))),
            covers=self._rule(p.get("covers"), f"{path}.covers"),
            covers_onward_transfer=self.boolean(p["covers_onward_transfer"], f"{path}.covers_onward_transfer")
            if "covers_onward_transfer" in p
            else None,
            effective=self.uncertain_date(p["effective"], f"{path}.effective")
            if "effective" in p
            else None,
            expiry=self.date(p["expiry"], f"{path}.expiry") if "expiry" in p else None,
            factors=factors,
            conclusion=conclusion,
            moves=self._steps(p.get("moves"), f"{path}.moves"),
            text_hash=self._hash(p.get("text_hash"), f"{path}.text_hash"),
            confidentiality=self._confidentiality(p.get("confidentiality"), f"{path}.confidentiality"),
            supersedes=supersedes,
            line=line_of(node),
        )  # fmt: skip

    def _action(self, id: str, node: yaml.Node, path: str) -> m.Action:
        p = self.mapping(
            node, path, required=("title", "owner", "duration_days"),
            optional=("depends_on", "earliest", "started", "finished", "chance", "serves",
                      "relies_on", "carries", "destination", "renews", "effects",
                      "confidentiality"),
        )  # fmt: skip
        depends: dict[str, int] = {}
        for item in self.items(p.get("depends_on"), f"{path}.depends_on"):
            here = f"{path}.depends_on"
            if isinstance(item, yaml.MappingNode):
                for key, value in self.mapping(item, here, free=True).items():
                    depends[key] = self.integer(value, here)
                    self._refer(item, here, [key], "actions", "milestones")
            else:
                key = self.string(item, here)
                depends[key] = 0
                self._refer(item, here, [key], "actions", "milestones")
        depends.pop("", None)
        serves = self.strings(p.get("serves"), f"{path}.serves")
        self._refer(p.get("serves"), f"{path}.serves", serves, "deadlines", "milestones")
        relies = self.strings(p.get("relies_on"), f"{path}.relies_on")
        self._refer(p.get("relies_on"), f"{path}.relies_on", relies, "authorities", "assurances", "pledges")  # fmt: skip
        renews = self._text(p, "renews", path)
        self._refer(p.get("renews"), f"{path}.renews", [renews], "authorities")
        started = self.date(p["started"], f"{path}.started") if "started" in p else None
        finished = self.date(p["finished"], f"{path}.finished") if "finished" in p else None
        if finished and started is None:
            self.fault(p["finished"], f"{path}.finished", "finished, but never started",
                       "the date under `started` too")  # fmt: skip
        if finished and started and finished < started:
            self.fault(p["finished"], f"{path}.finished", "before it started", "a later date")
        return m.Action(
            id=id,
            title=self.string(p.get("title"), f"{path}.title"),
            owner=self.string(p.get("owner"), f"{path}.owner"),
            duration=self.uncertain(
                p.get("duration_days"), f"{path}.duration_days", most=36500
            ),
            depends_on=depends,
            earliest=self.uncertain_date(p["earliest"], f"{path}.earliest")
            if "earliest" in p
            else None,
            started=started,
            finished=finished,
            chance=self.chance(p.get("chance"), f"{path}.chance"),
            serves=serves,
            relies_on=relies,
            carries=self._steps(p.get("carries"), f"{path}.carries"),
            destination=self._text(p, "destination", path),
            renews=renews,
            effects=tuple(
                self._effect(item, f"{path}.effects")
                for item in self.items(p.get("effects"), f"{path}.effects")
            ),
            confidentiality=self._confidentiality(
                p.get("confidentiality"), f"{path}.confidentiality"
            ),
            line=line_of(node),
        )

    def _effect(self, node: yaml.Node, path: str) -> m.ActionEffect:
        kinds = ("opens", "closes", "scales", "adds", "brings")
        p = self.mapping(
            node, path, optional=(*kinds, "at", "factor", "amount", "per", "until")
        )
        named = [kind for kind in kinds if kind in p]
        if len(named) != 1:
            self.fault(node, path, Said("%(a)s effects in one entry", a=len(named)), Said("one of %(a)s", a=one_of(kinds)))  # fmt: skip
            return m.ActionEffect("opens", "", line=line_of(node))
        kind = named[0]
        here = f"{path}.{kind}"
        target = self.string(p[kind], here)
        if kind == "brings":
            self._refer(p[kind], here, [target], "authorities", "assurances", "pledges")
        elif kind == "adds":
            self.refers(p[kind], here, target, self.consumed, "capacity in the rulebook")
        elif kind == "scales":
            self.refers(p[kind], here, target, (*self.steps, *self.consumed), "step or capacity")  # fmt: skip
        else:
            self.refers(p[kind], here, target, (*self.steps, *self.findings), "step or finding")
        if (kind == "scales") != ("factor" in p):
            self.fault(node, path, "`factor` and `scales` belong together", "both or neither")
        if (kind == "adds") != ("amount" in p):
            self.fault(node, path, "`amount` and `adds` belong together", "both or neither")
        per = self.choice(p.get("per"), f"{path}.per", _PERIODS) if "per" in p else "week"
        return m.ActionEffect(
            kind=cast(Any, kind),
            target=target,
            at=cast(Any, self.choice(p["at"], f"{path}.at", ("start", "finish")) or "finish")
            if "at" in p
            else "finish",
            factor=self.uncertain(p["factor"], f"{path}.factor", most=1000.0)
            if "factor" in p
            else None,
            amount=self.number(p.get("amount"), f"{path}.amount", least=0.0, most=1e6),
            per_days=_PERIODS.get(per, 7),
            until=self.date(p["until"], f"{path}.until") if "until" in p else None,
            line=line_of(node),
        )

    def _pledge(self, id: str, node: yaml.Node, path: str) -> m.Pledge:
        p = self.mapping(
            node, path, required=("title", "country", "channel", "state", "confidentiality"),
            optional=("places", "windows", "opens", "conditions", "valid_to", "chance",
                      "allocations", "conditional_on", "capacity", "filled", "processing_days",
                      "max_size", "excluded_needs"),
        )  # fmt: skip
        valid_to = self.date(p["valid_to"], f"{path}.valid_to") if "valid_to" in p else None
        windows: list[m.PledgeWindow] = []
        if ("places" in p) == ("windows" in p):
            self.fault(node, path, "places and windows" if "places" in p else "no places",
                       "either `places` (with `opens`) or `windows`")  # fmt: skip
        if "places" in p:
            start = (
                self.uncertain_date(p["opens"], f"{path}.opens")
                if "opens" in p
                else m.UncertainDate(dt.date.min, dt.date.min, dt.date.min)
            )
            windows.append(m.PledgeWindow(self.integer(p["places"], f"{path}.places"), start, valid_to))  # fmt: skip
        for item in self.items(p.get("windows"), f"{path}.windows"):
            w = self.mapping(item, f"{path}.windows", required=("places", "from"), optional=("to",))  # fmt: skip
            end = self.date(w["to"], f"{path}.windows.to") if "to" in w else valid_to
            start = self.uncertain_date(w.get("from"), f"{path}.windows.from")
            if end and end < start.latest:
                self.fault(item, f"{path}.windows", "ends before it begins", "a later `to`")
            windows.append(m.PledgeWindow(self.integer(w.get("places"), f"{path}.windows.places"), start, end))  # fmt: skip
        conditions: dict[str, tuple[str, ...]] = {}
        families = False
        if "conditions" in p:
            facts = {
                name: fact
                for name, fact in self.rulebook.kinds["person"].facts.items()
                if fact.type in ACCEPTED
            }
            entries = self.mapping(
                p["conditions"], f"{path}.conditions", optional=("families_only", *facts)
            )
            if "families_only" in entries:
                families = self.boolean(entries.pop("families_only"), f"{path}.conditions")
            for name, value in entries.items():
                here = f"{path}.conditions.{name}"
                allowed = facts[name].allowed
                conditions[name] = (
                    self._word_list(value, here, allowed, "value")
                    if allowed
                    else self.strings(value, here)
                )
                if isinstance(value, yaml.SequenceNode) and not value.value:
                    self.fault(value, here, "nobody", "at least one value that is accepted")
        allocations: list[m.Allocation] = []
        for item in self.items(p.get("allocations"), f"{path}.allocations"):
            here = f"{path}.allocations"
            a = self.mapping(item, here, required=("to", "places"), optional=("filled",))
            allocations.append(
                m.Allocation(
                    self._rule(a.get("to"), f"{here}.to"),
                    self.integer(a.get("places"), f"{here}.places"),
                    self.integer(a["filled"], f"{here}.filled") if "filled" in a else 0,
                )
            )
        places = sum(window.places_people for window in windows)
        if sum(share.places_people for share in allocations) > places:
            self.fault(p["allocations"], f"{path}.allocations", "more places than pledged",
                       Said("%(a)s or fewer together", a=places))  # fmt: skip
        conditional = None
        if "conditional_on" in p:
            c_path = f"{path}.conditional_on"
            c = self.mapping(p["conditional_on"], c_path, required=("pledge", "departed"), optional=("delay_days",))  # fmt: skip
            other = self.string(c.get("pledge"), f"{c_path}.pledge")
            self._refer(p["conditional_on"], f"{c_path}.pledge", [other], "pledges")
            conditional = m.Threshold(
                other,
                self.integer(c.get("departed"), f"{c_path}.departed"),
                self.integer(c["delay_days"], f"{c_path}.delay_days") if "delay_days" in c else 0,
            )  # fmt: skip
        filled = self.integer(p["filled"], f"{path}.filled") if "filled" in p else 0
        if sum(share.filled_people for share in allocations) > filled:
            self.fault(p["allocations"], f"{path}.allocations", "more places used than of the whole offer",
                       Said("%(a)s or fewer together", a=filled))  # fmt: skip
        state = self.choice(p.get("state"), f"{path}.state", m.PLEDGE_STATES)
        sure = state in m.SURE_PLEDGES
        if state in ("verbal", "offered") and "chance" not in p:
            self.fault(node, f"{path}.chance", Said("missing for a pledge that is only %(a)s", a=state),
                       "your chance from 0 to 1 that it ever opens")  # fmt: skip
        if "capacity" in p:
            capacity = self.string(p["capacity"], f"{path}.capacity")
            self.refers(p["capacity"], f"{path}.capacity", capacity, self.consumed, "capacity in the rulebook")  # fmt: skip
        else:
            capacity = m.THIRD_COUNTRY if m.THIRD_COUNTRY in self.consumed else ""
        return m.Pledge(
            id=id,
            title=self.string(p.get("title"), f"{path}.title"),
            country=self._country(p.get("country"), f"{path}.country"),
            channel=self.choice(p.get("channel"), f"{path}.channel", m.CHANNELS),
            state=cast(m.PledgeState, state),
            windows=tuple(windows),
            conditions=conditions,
            families_only=families,
            valid_to=valid_to,
            confidentiality=self._confidentiality(p.get("confidentiality"), f"{path}.confidentiality", "sensitive"),
            chance=self.chance(p.get("chance"), f"{path}.chance", 1.0 if sure else 0.0),
            allocations=tuple(allocations),
            conditional_on=conditional,
            capacity=capacity,
            filled_people=filled,
            processing_days=self.integer(p["processing_days"], f"{path}.processing_days")
            if "processing_days" in p
            else 0,
            max_size=self._size(p["max_size"], f"{path}.max_size") if "max_size" in p else None,
            excluded_needs=self._needs(p.get("excluded_needs"), f"{path}.excluded_needs"),
            line=line_of(node),
        )  # fmt: skip

    def _size(self, node: yaml.Node, path: str) -> int:
        size = self.integer(node, path)
        if size < 1:
            self.fault(node, path, str(size), "1 or more")
        return size

    def _needs(self, node: yaml.Node | None, path: str) -> tuple[str, ...]:
        fact = self.rulebook.kinds["person"].facts.get(m.NEEDS)
        if fact is None or not fact.allowed:
            return self.strings(node, path)
        return self._word_list(node, path, fact.allowed, "value")

    def _capacity(self, id: str, node: yaml.Node, path: str) -> m.Capacity:
        self.refers(node, path, id, self.consumed, "capacity in the rulebook")
        p = self.mapping(node, path, required=("title", "supplies"), optional=("counts", "departs"))  # fmt: skip
        supplies = []
        for item in self.items(p.get("supplies"), f"{path}.supplies"):
            here = f"{path}.supplies"
            s = self.mapping(item, here, required=("amount",), optional=("per", "every_days", "from", "to"))  # fmt: skip
            if ("per" in s) == ("every_days" in s):
                self.fault(item, here, "`per` and `every_days`" if "per" in s else "no period",
                           "either `per` or `every_days`")  # fmt: skip
            if "every_days" in s:
                per = self.integer(s["every_days"], f"{here}.every_days", least=1)
            else:
                per = _PERIODS.get(self.choice(s.get("per"), f"{here}.per", _PERIODS), 7)  # type: ignore[assignment]
            start = self.date(s["from"], f"{here}.from") if "from" in s else None
            end = self.date(s["to"], f"{here}.to") if "to" in s else None
            if start and end and end < start:
                self.fault(item, here, "ends before it begins", "a later `to`")
            supplies.append(m.Supply(self.uncertain(s.get("amount"), f"{here}.amount"), per, start, end))  # fmt: skip
        return m.Capacity(
            id,
            self.string(p.get("title"), f"{path}.title"),
            tuple(supplies),
            cast(Any, self.choice(p["counts"], f"{path}.counts", ("people", "units")))
            if "counts" in p
            else "people",
            line_of(node),
            tuple(
                self.uncertain_date(day, f"{path}.departs")
                for day in self.items(p.get("departs"), f"{path}.departs")
            )
            if "departs" in p
            else (),
        )

    def _message(self, id: str, node: yaml.Node, path: str) -> m.Message:
        p = self.mapping(
            node, path,
            required=("title", "kind", "audience", "version", "owner", "channel", "true_as_of",
                      "texts"),
            optional=("supersedes", "embargo_until", "released", "released_after", "mentions",
                      "countries", "pathways", "says"),
        )  # fmt: skip
        texts: dict[str, m.MessageText] = {}
        for language, value in self.mapping(p.get("texts"), f"{path}.texts", free=True).items():
            here = f"{path}.texts.{language}"
            if not _LANGUAGE.match(language):
                self.fault(value, here, typed(language), "a language code such as fa or ckb")
            t = self.mapping(value, here, optional=("text", "path", "translator", "approved_by", "approved_on"))  # fmt: skip
            if ("text" in t) == ("path" in t):
                self.fault(value, here, "both text and path" if "text" in t else "no text",
                           "either `text` or `path`")  # fmt: skip
            texts[language] = m.MessageText(
                language,
                self._text(t, "text", here),
                self._text(t, "path", here),
                self._text(t, "translator", here),
                self._text(t, "approved_by", here),
                self.date(t["approved_on"], f"{here}.approved_on")
                if "approved_on" in t
                else None,
            )
        mentions = self.strings(p.get("mentions"), f"{path}.mentions")
        self._refer(p.get("mentions"), f"{path}.mentions", mentions, "pledges", "deadlines", "authorities", "assurances", "actions", "milestones")  # fmt: skip
        after = self._text(p, "released_after", path)
        self._refer(p.get("released_after"), f"{path}.released_after", [after], "actions", "milestones")  # fmt: skip
        supersedes = self._text(p, "supersedes", path)
        self._refer(p.get("supersedes"), f"{path}.supersedes", [supersedes], "messages")
        if "released" in p and "released_after" in p:
            self.fault(node, path, "both `released` and `released_after`", "one of them")
        countries = self.strings(p.get("countries"), f"{path}.countries")
        for country in countries:
            if not _COUNTRY.match(country):
                self.fault(p["countries"], f"{path}.countries", typed(country), "codes such as NOR")  # fmt: skip
        pathways = dict.fromkeys(
            move.pathway for move in self.rulebook.moves().values() if move.pathway
        )
        return m.Message(
            id=id,
            title=self.string(p.get("title"), f"{path}.title"),
            kind=cast(Any, self.choice(p.get("kind"), f"{path}.kind", ("sheet", "notice", "answer", "waiver"))),
            audience=cast(Any, self.choice(p.get("audience"), f"{path}.audience", ("internal", "partners", "everyone", "group", "individual", "host"))),
            version=self.string(p.get("version"), f"{path}.version"),
            texts=texts,
            owner=self.string(p.get("owner"), f"{path}.owner"),
            channel=self.string(p.get("channel"), f"{path}.channel"),
            true_as_of=self.date(p.get("true_as_of"), f"{path}.true_as_of"),
            supersedes=supersedes,
            embargo_until=self.uncertain_date(p["embargo_until"], f"{path}.embargo_until")
            if "embargo_until" in p
            else None,
            released=self.date(p["released"], f"{path}.released") if "released" in p else None,
            released_after=after,
            mentions=mentions,
            countries=countries,
            pathways=self._word_list(p.get("pathways"), f"{path}.pathways", pathways, "pathway"),
            says=self._word_list(p.get("says"), f"{path}.says", m.SAYS, "statement"),
            line=line_of(node),
        )  # fmt: skip

    def _deadline(self, id: str, node: yaml.Node, path: str) -> m.Deadline:
        p = self.mapping(node, path, required=("title", "date"), optional=("authority", "clock", "confidentiality"))  # fmt: skip
        authority = self._text(p, "authority", path)
        self._refer(p.get("authority"), f"{path}.authority", [authority], "authorities")
        if ("authority" in p) != ("clock" in p):
            self.fault(node, path, "`authority` and `clock` belong together", "both or neither")
        return m.Deadline(
            id,
            self.string(p.get("title"), f"{path}.title"),
            self.date(p.get("date"), f"{path}.date"),
            authority,
            cast(Any, self.choice(p["clock"], f"{path}.clock", ("expiry", "review_by")))
            if "clock" in p
            else "",
            self._confidentiality(
                p.get("confidentiality"), f"{path}.confidentiality", "public"
            ),
            line_of(node),
        )

    def _milestone(self, id: str, node: yaml.Node, path: str) -> m.Milestone:
        p = self.mapping(node, path, required=("title", "after"), optional=("by", "confidentiality"))  # fmt: skip
        after = self.strings(p.get("after"), f"{path}.after")
        self._refer(p.get("after"), f"{path}.after", after, "actions", "milestones")
        if "after" in p and not after:
            self.fault(p["after"], f"{path}.after", "an empty list", "the actions it waits for")
        by, deadline = None, ""
        if "by" in p:
            node_by = p["by"]
            if isinstance(node_by, yaml.ScalarNode) and _WORD.match(str(node_by.value)):
                deadline = self.string(node_by, f"{path}.by")
                self._refer(node_by, f"{path}.by", [deadline], "deadlines")
            else:
                by = self.date(node_by, f"{path}.by")
        return m.Milestone(
            id, self.string(p.get("title"), f"{path}.title"), after, by, deadline,
            self._confidentiality(p.get("confidentiality"), f"{path}.confidentiality"),
            line_of(node),
        )  # fmt: skip

    def _target(self, id: str, node: yaml.Node, path: str) -> m.ServiceTarget:
        p = self.mapping(node, path, required=("title", "metric", "at_least", "per"), optional=("by",))  # fmt: skip
        return m.ServiceTarget(
            id,
            self.string(p.get("title"), f"{path}.title"),
            self.string(p.get("metric"), f"{path}.metric"),
            self.number(p.get("at_least"), f"{path}.at_least", least=0.0, most=1e9),
            cast(Any, self.choice(p.get("per"), f"{path}.per", _PERIODS)),
            self.date(p["by"], f"{path}.by") if "by" in p else None,
            line_of(node),
        )

    def _country_names(self, node: yaml.Node | None) -> dict[str, tuple[str, ...]]:
        names = {}
        for code, value in self.mapping(node, "country_names", free=True).items():
            if not _COUNTRY.match(code):
                self.fault(value, f"country_names.{code}", typed(code), "a code such as NOR")
            names[code] = self.strings(value, f"country_names.{code}")
        return names

    def _text(self, parts: Mapping[str, yaml.Node], key: str, path: str) -> str:
        return self.string(parts[key], f"{path}.{key}") if key in parts else ""

    # -- the whole ----------------------------------------------------------------------------
    def _resolve(self) -> None:
        for node, path, id, sections in self.references:
            known = [key for key, (section, _) in self.ids.items() if section in sections]
            if id not in known:
                what = one_of(section.replace("_", " ") for section in sections)
                found = Said("no entry called %(a)s among the %(b)s", a=typed(id), b=what)
                under = Said("an entry under %(a)s", a=what)
                self.fault(node, path, found, one_of(sorted(known)) if known else under)

    def _circles(self, plan: m.Plan) -> None:
        """Every separate circle: of work, of authorities, of pledges, of texts replaced."""
        graphs: list[tuple[str, dict[str, tuple[str, ...]], str]] = [
            ("actions", work_graph(plan), "depends_on"),
            ("authorities", {a.id: a.rests_on for a in plan.authorities.values()}, "rests_on"),
            (
                "pledges",
                {
                    p.id: (p.conditional_on.pledge,) if p.conditional_on else ()
                    for p in plan.pledges.values()
                },
                "conditional_on",
            ),
        ]
        for section, entries in (
            ("authorities", plan.authorities),
            ("assurances", plan.assurances),
            ("messages", plan.messages),
        ):
            replaced: dict[str, tuple[str, ...]] = {
                e.id: (e.supersedes,) if e.supersedes else ()
                for e in cast(Mapping[str, Any], entries).values()
            }
            graphs.append((section, replaced, "supersedes"))
        for section, graph, field in graphs:
            left = dict(graph)
            while circle := find_cycle(left):
                at = plan.line_of(circle[0])
                where = f"{section}.{circle[0]}.{field}"
                self.fault(at, where, Said("a circle: %(a)s", a=Listed(circle, " waits for ")),
                           "an order that ends somewhere", "Remove one of these links.")  # fmt: skip
                left.pop(circle[0])


def work_graph(plan: m.Plan) -> dict[str, tuple[str, ...]]:
    """What each action and milestone waits for."""
    graph = {a.id: tuple(a.depends_on) for a in plan.actions.values()}
    graph.update({s.id: s.after for s in plan.milestones.values()})
    return graph
