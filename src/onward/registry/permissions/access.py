"""One door to people: who may be seen by whom, field by field, and a line in the log for each look.

Exists so that a page, a search, an export and a fragment can never disagree about what somebody
may see. Comes in: an account, and an action or a person's id. Goes out: people the account may
see (`people_visible_to`), the classes of fields it may read of each (`Reader`), or `Hidden`, which
looks the same whether the person is hidden or does not exist. Every look and every refusal is
written down before anything is shown. The table itself is `registry.permissions.roles`.

    reader = Reader(request.user)
    for person in reader.people()[:50]: ...          # a list; reader.listed(page, place="people")
    seen = reader.open(person_id, place="person")     # one person: logged, or Hidden
    seen.facts                                        # only what may be read
    seen.things("consent")                            # other records about the person, likewise
    seen.reasons(evaluation_reasons)                  # why a step is blocked, as far as may be told
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from onward.errors import OnwardError
from onward.registry import site
from onward.registry.database import trips
from onward.registry.identities import former
from onward.registry.models import (
    AccessEntry,
    Account,
    Assignment,
    Honeytoken,
    PersonNow,
    ThingNow,
)
from onward.registry.permissions import alarms, grants
from onward.registry.permissions.access_log import log
from onward.registry.permissions.roles import Rules, load_rules
from onward.rulebook.model import Rulebook

FRESH = timedelta(minutes=10)
"""How long a sign-in counts as fresh for names, exports, keys and roles."""

REVEALS_PER_HOUR = 60
REVEALS_PER_DAY = 200

WITHHELD = "withheld"


class Refused(OnwardError):
    """The account's roles do not include this."""


class Hidden(OnwardError):
    """No such person for this account: hidden and missing are told in the same words."""

    def __init__(self) -> None:
        super().__init__("There is no such person here, or you may not see this person.")


class SignInAgain(OnwardError):
    """Only soon after a sign-in; the desk asks for one and comes back."""


def is_fresh(signed_in: datetime | None) -> bool:
    """Whether a full sign-in was at that instant, and not longer ago than `FRESH`."""
    return signed_in is not None and timezone.now() - signed_in < FRESH


def require_fresh(signed_in: datetime | None) -> datetime:
    """The instant of a fresh sign-in; raises SignInAgain for any other."""
    if signed_in is None or not is_fresh(signed_in):
        raise SignInAgain("Sign in again to go on.")
    return signed_in


def people_visible_to(account: Account, action: str = "person.list") -> QuerySet[PersonNow]:
    """The people with whom an account may do something; the one query that decides it."""
    return PersonNow.objects.filter(_within(account, load_rules().may(_roles(account), action)))


def _within(account: Account, reaches: Iterable[str]) -> Q:
    found = Q(pk__in=[])
    for reach in reaches:
        if reach == "operation":
            return Q()
        if reach == "office":
            found |= Q(office=account.office)
        elif reach == "assigned":
            found |= Q(person__in=_assigned(account).values("person"))
        elif reach == "referred" and account.organisation:
            found |= Q(person__in=_referred(account).values("person"))
    return found


def _assigned(account: Account) -> QuerySet[Assignment]:
    return _given(account, account_id=account.pk)


def _referred(account: Account) -> QuerySet[Assignment]:
    return _given(account, organisation=account.organisation, account=None).exclude(
        organisation=""
    )


def _given(whose: Account, **to: Any) -> QuerySet[Assignment]:
    """Assignments that hold, without those that somebody wrote into the database."""
    rows = Assignment.objects.filter(**to, until=None)
    forged = grants.forged(whose)
    return rows.exclude(pk__in=forged) if forged else rows


def _roles(account: Account) -> frozenset[str]:
    return account.roles if account.is_active and account.frozen_at is None else frozenset()


def may(account: Account, action: str, person: PersonNow | None = None) -> bool:
    """Whether an account may do something: somewhere, or with this person."""
    reaches = load_rules().may(_roles(account), action)
    if person is None or not reaches or "operation" in reaches:
        return bool(reaches)
    return Reader(account).inside(person, reaches)


def require(
    account: Account, *actions: str, person: PersonNow | None = None, place: str = ""
) -> str:
    """The first of these actions the account may do; either way the decision is logged.

    raises  Refused
    """
    name = person.person if person is not None else ""
    for action in actions:
        if may(account, action, person):
            log(account, action, person=name, place=place)
            return action
    log(account, actions[0], person=name, allowed=False, place=place)
    raise Refused("Your roles do not include this. An administrator manages roles.")


def readable(account: Account, person: PersonNow) -> frozenset[str]:
    """The classes of fields an account may read of one person."""
    return Reader(account).classes(person)


# -- what may be read of them -----------------------------------------------------------------


@dataclass(frozen=True)
class Reason:
    """Why a step is blocked, as far as this reader may be told.

    sentence "" when what fails may not be told; `owner_role` then says whom to ask.
    """

    safeguard: str
    finding: str
    title: str
    sentence: str
    status: str
    missing: tuple[Any, ...]
    remedy: str
    owner: str
    owner_role: str
    hard: bool
    source: str

    @property
    def withheld(self) -> bool:
        return not self.sentence


class Reader:
    """What one account may see; made once per request, so that a list costs a few queries."""

    def __init__(self, account: Account, rules: Rules | None = None) -> None:
        self.account = account
        self.rules = rules or load_rules()
        self._roles = _roles(account)

    @cached_property
    def _assigned(self) -> frozenset[str]:
        return frozenset(_assigned(self.account).values_list("person", flat=True))

    @cached_property
    def _referred(self) -> frozenset[str]:
        if not self.account.organisation:
            return frozenset()
        return frozenset(_referred(self.account).values_list("person", flat=True))

    def inside(self, person: PersonNow, reaches: Iterable[str]) -> bool:
        """Whether a person is within any of these reaches of the account."""
        for reach in reaches:
            if (
                reach == "operation"
                or (reach == "office" and person.office == self.account.office)
                or (reach == "assigned" and person.person in self._assigned)
                or (reach == "referred" and person.person in self._referred)
            ):
                return True
        return False

    def classes(self, person: PersonNow) -> frozenset[str]:
        """The classes of fields that may be read of a person; all masked ones included."""
        return frozenset(
            name
            for name in self.rules.classes
            if self.inside(person, self.rules.reads(self._roles, name))
        )

    def may(self, action: str, person: PersonNow | None = None) -> bool:
        reaches = self.rules.may(self._roles, action)
        return bool(reaches) if person is None else self.inside(person, reaches)

    def widest(self, actions: Sequence[str]) -> str | None:
        """The one of these actions that reaches whomever any of them does; None where none does."""
        reaches = {action: self.rules.may(self._roles, action) for action in actions}
        every = frozenset[str]().union(*reaches.values())
        return next((action for action in actions if reaches[action] == every), None)

    def people(self, action: str = "person.list") -> QuerySet[PersonNow]:
        return people_visible_to(self.account, action)

    def things(self, class_: str, action: str = "person.list") -> QuerySet[ThingNow]:
        """What is recorded about people with whom this account may do something and of whom it
        may read a class of fields: the same reaches, asked of the office and person that each
        thing carries."""
        reaches = self.rules.may(self._roles, action)
        return ThingNow.objects.filter(
            _within(self.account, reaches), person__isnull=False
        ).filter(self.within(class_))

    @cached_property
    def opens_all_it_lists(self) -> bool:
        """Whether the page of everybody this account lists is open to it."""
        listed = set(self.rules.may(self._roles, "person.list"))
        return listed <= set(self.rules.may(self._roles, "person.read"))

    def reads_of_all(self, class_: str, action: str = "person.list") -> bool:
        """Whether a class of fields may be read of everybody with whom the account may do
        something."""
        reaches = self.rules.may(self._roles, action)
        return set(reaches) <= set(self.rules.reads(self._roles, class_))

    def reach_of(self, action: str) -> frozenset[str]:
        """Whom the account may do something with."""
        return frozenset(self.rules.may(self._roles, action))

    def reach_to_read(self, class_: str) -> frozenset[str]:
        """Of whom the account may read a class of fields."""
        return frozenset(self.rules.reads(self._roles, class_))

    def within(self, class_: str) -> Q:
        """The people of whom a class of fields may be read, as a filter: nobody may ask a list
        by what may not be read of the people in it."""
        return _within(self.account, self.rules.reads(self._roles, class_))

    def reads_somewhere(self, class_: str) -> bool:
        return bool(self.rules.reads(self._roles, class_))

    def told_of(self, rulebook: Rulebook, finding: str) -> bool:
        """Whether this reader may be told of somebody that a finding is what is missing."""
        classes = {name for name in self.rules.classes if self.reads_somewhere(name)}
        return self.tells(rulebook, finding, frozenset(classes))

    def listed(
        self, people: Sequence[PersonNow], *, place: str, action: str = "person.list"
    ) -> None:
        """Write down who was shown in a list."""
        ids = [person.person for person in people]
        if ids:
            log(self.account, action, people=ids, place=place)

    def open(
        self, person: str, *, action: str = "person.read", place: str = "", purpose: str = ""
    ) -> Seen:
        """One person, with what may be read; the look is logged first.

        raises  Hidden, also when there is no such person
        """
        row, baits = self._found(person, action, place)
        classes = self.classes(row)
        log(self.account, action, person=person, classes=classes, place=place, purpose=purpose)
        self._taken(baits)
        return Seen(self, row, classes)

    def _found(self, person: str, action: str, place: str) -> tuple[PersonNow, list[str]]:
        """One person with whom this account may do something, and whether it is a bait.

        raises  Hidden when there is no such person, or somebody wrote into the database that the
                person is assigned
        """
        mine = Q(account_id=self.account.pk)
        if self.account.organisation:
            mine |= Q(account=None, organisation=self.account.organisation)
        rows, given, assigned, baits = trips.ask(
            people_visible_to(self.account, action).filter(person=person),
            Assignment.objects.filter(mine, person=person, until=None),
            _assigned(self.account).values_list("person", flat=True),
            Honeytoken.objects.filter(person=person).values_list("person", flat=True),
        )
        if not rows:
            log(self.account, action, person=person, allowed=False, place=place)
            raise Hidden
        self.__dict__.setdefault("_assigned", frozenset(assigned))
        if given and not grants.assignments_are_as_given(given):
            grants.report(f"assignment of {person}", account=self.account.account_id)
            raise Hidden
        return rows[0], baits

    def _taken(self, baits: Iterable[str]) -> None:
        for person in baits:
            alarms.raise_alarm("honeytoken", account=self.account.account_id, person=person)

    # -- fields ---------------------------------------------------------------------------

    def columns(self, rulebook: Rulebook, kind: str, classes: frozenset[str]) -> frozenset[str]:
        """The columns of a kind that a reader of these classes may see, masked ones left out."""
        table = _columns_of(self.rules, rulebook).get(kind, {})
        return frozenset(name for name, class_ in table.items() if class_ in classes)

    def show(
        self, rulebook: Rulebook, kind: str, facts: Mapping[str, Any], classes: frozenset[str]
    ) -> dict[str, Any]:
        """Only the facts that may be read; a class not declared is read by nobody."""
        allowed = self.columns(rulebook, kind, classes)
        return {name: value for name, value in facts.items() if name in allowed}

    def tells(self, rulebook: Rulebook, finding: str, classes: frozenset[str]) -> bool:
        """Whether a reader of these classes may be told that a finding is what is missing."""
        needed = _findings_of(self.rules, rulebook).get(finding)
        return needed is not None and needed <= classes

    # -- names and documents --------------------------------------------------------------

    def reveal(
        self, person: str, *, purpose: str, signed_in: datetime | None, place: str = "",
        only: str = "",
    ) -> Revealed:  # fmt: skip
        """Names, documents and contacts of one person: counted, limited and logged.

        only       the one masked class that is wanted; whoever may not read it finds nobody

        signed_in  the instant of the last full sign-in (`signin.signed_in_at(request)`): at most
                   ten minutes ago, and after 60 people within an hour a newer one
        raises  SignInAgain, Hidden, Refused without a purpose; beyond 200 people in a day the
                account is frozen
        """
        signed_in = require_fresh(signed_in)
        if len(purpose.strip()) < 3:
            raise Refused(
                "Say why you need to see who this is; the reason is kept with the log."
            )
        row, baits = self._found(person, "person.reveal", place)
        reads = self.classes(row)
        if only and only not in reads:
            log(self.account, "person.reveal", person=person, allowed=False, place=place)
            raise Hidden
        self._within_limits(person, signed_in)
        classes = reads & (frozenset({only}) if only else self.rules.identity)
        log(
            self.account, "person.reveal",
            person=person, classes=classes, purpose=purpose.strip(), place=place,
        )  # fmt: skip
        self._taken(baits)
        return Revealed(person, classes, reads)

    def _within_limits(self, person: str, signed_in: datetime) -> None:
        now = timezone.now()
        seen = AccessEntry.objects.filter(
            account=self.account.account_id, action="person.reveal", decision="allowed"
        )
        day = set(seen.filter(at__gt=now - timedelta(days=1)).values_list("person", flat=True))
        if len(day | {person}) > REVEALS_PER_DAY:
            alarms.raise_alarm(
                "reveals-day", account=self.account.account_id, number=len(day | {person})
            )
            freeze(self.account, "Names of more than 200 people were shown in a day.")
            raise Refused(
                "This account is frozen: it showed the names of more people than one day's work "
                "needs. A supervisor has been alerted."
            )
        hour = set(
            seen.filter(at__gt=now - timedelta(hours=1)).values_list("person", flat=True)
        )
        if len(hour | {person}) > REVEALS_PER_HOUR:
            alarms.raise_alarm(
                "reveals-hour",
                account=self.account.account_id,
                number=len(hour | {person}),
                once_in=timedelta(hours=1),
            )
            after = set(seen.filter(at__gt=signed_in).values_list("person", flat=True))
            if len(after | {person}) > REVEALS_PER_HOUR:
                raise SignInAgain(
                    "The names of more than 60 people were shown within an hour. Sign in again "
                    "to go on; a supervisor has been told."
                )


@dataclass(frozen=True)
class Revealed:
    """Leave to read the vault's fields of these classes for one person, and no others.

    reads  every class of this person that the account may read
    """

    person: str
    classes: frozenset[str]
    reads: frozenset[str] = frozenset()

    def of(
        self, identity: Mapping[str, str] | None, rules: Rules | None = None
    ) -> dict[str, str]:
        """The part of an identity that may be shown."""
        rules = rules or load_rules()
        return {
            name: value
            for name, value in former.now(identity or {}).items()
            if rules.vault_class(name) in self.classes
        }

    def before(self, identity: Mapping[str, str] | None) -> list[former.Before]:
        """What is kept of what an identity said before, as far as it may be shown: each value by
        the class of its own field."""
        rules = load_rules()
        return [
            each
            for each in former.said_before(identity or {})
            if rules.vault_class(each.field) in self.classes
        ]


@dataclass(frozen=True)
class Seen:
    """One person opened by one account."""

    reader: Reader
    person: PersonNow
    classes: frozenset[str]

    @cached_property
    def rulebook(self) -> Rulebook:
        return site.operation().rulebook

    def reads(self, class_: str) -> bool:
        return class_ in self.classes

    def may(self, action: str) -> bool:
        return self.reader.may(action, self.person)

    @property
    def masked(self) -> frozenset[str]:
        """Classes of identity: shown only when asked for, and may be."""
        return self.classes & self.reader.rules.identity

    def shows(self, column: str) -> bool:
        """Whether one column of the person may be read."""
        return column in self.reader.columns(self.rulebook, "person", self.classes)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The person's facts and states that may be read; a fact left out may be known or not."""
        row = self.person
        every = {
            **row.facts,
            "intended_pathway": row.pathway,
            "intended_destination": row.destination,
            **{
                name: getattr(row, name)
                for name in (
                    "household", "unit", "site", "office", "legal", "stage", "place",
                    "legal_since", "stage_since", "place_since", "active", "adult", "sex",
                    "group", "birth_first", "birth_last", "registered_on", "processes", "steps",
                    "open_steps", "blocked",
                )
            },
        }  # fmt: skip
        return self.reader.show(self.rulebook, "person", every, self.classes)

    def things(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Records of a kind about this person: (id, facts that may be read).

        Whoever may read none of a kind's telling facts is not told that there is one.
        """
        needed = _kinds_of(self.reader.rules, self.rulebook).get(kind, frozenset())
        if not needed & self.classes:
            return []
        rows = sorted((row for row in self.recorded if row.kind == kind), key=lambda r: r.thing)
        return [
            (row.thing, self.reader.show(self.rulebook, kind, row.facts, self.classes))
            for row in rows
        ]

    @cached_property
    def recorded(self) -> list[ThingNow]:
        """Everything about this person, the newest first, read once for a page; whoever shows it
        asks what of it may be read."""
        rows = ThingNow.objects.filter(person=self.person.person)
        return list(rows.order_by("-first_on", "thing"))

    def reasons(self, reasons: Iterable[Any]) -> list[Reason]:
        """Reasons of an evaluation with everything taken out that may not be told.

        A reason keeps its sentence when this reader may read some fact that is missing, or may
        be told of the finding; its missing facts are those that may be read.
        """
        columns = _columns_of(self.reader.rules, self.rulebook)
        found = []
        for reason in reasons:
            missing = tuple(
                each
                for each in reason.missing
                if columns.get(each.kind, {}).get(each.column, "grounds") in self.classes
            )
            told = reason.finding == "" or reason.safeguard == ""
            told = told or self.reader.tells(self.rulebook, reason.finding, self.classes)
            plain = Reason(
                reason.safeguard, reason.finding, reason.title, reason.sentence, reason.status,
                missing, reason.remedy, reason.owner, reason.owner_role, reason.hard, reason.source,
            )  # fmt: skip
            found.append(plain if told else _untold(plain))
        return found

    def failed(self, keys: Iterable[str]) -> list[str]:
        """Keys of failed findings for a list: one that may not be told becomes "withheld"."""
        return list(
            dict.fromkeys(
                key if self.reader.tells(self.rulebook, key, self.classes) else WITHHELD
                for key in keys
            )
        )


def _untold(reason: Reason) -> Reason:
    """Of a reason that may not be told: only whose job it is."""
    return replace(
        reason, safeguard="", finding=WITHHELD, title="", sentence="", status=WITHHELD,
        missing=(), remedy="", source="",
    )  # fmt: skip


_TABLES: dict[tuple[str, int, str], Any] = {}


def _columns_of(rules: Rules, rulebook: Rulebook) -> Mapping[str, Mapping[str, str]]:
    return _cached("columns", rules, rulebook, rules.field_classes)  # type: ignore[no-any-return]


def _findings_of(rules: Rules, rulebook: Rulebook) -> Mapping[str, frozenset[str]]:
    return _cached("findings", rules, rulebook, rules.finding_classes)  # type: ignore[no-any-return]


def _kinds_of(rules: Rules, rulebook: Rulebook) -> Mapping[str, frozenset[str]]:
    return _cached("kinds", rules, rulebook, rules.kind_classes)  # type: ignore[no-any-return]


def _cached(name: str, rules: Rules, rulebook: Rulebook, make: Any) -> Any:
    key = (name, id(rules), rulebook.hash)
    if key not in _TABLES:
        _TABLES[key] = make(rulebook)
    return _TABLES[key]


# -- accounts held back --------------------------------------------------------------------------


def freeze(account: Account, why: str, *, by: str = "alarm") -> None:
    """Stop an account at once; its next request finds it signed out."""
    Account.objects.filter(pk=account.pk).update(
        is_active=False, frozen_at=timezone.now(), frozen_why=why[:200]
    )
    account.is_active, account.frozen_at, account.frozen_why = False, timezone.now(), why[:200]
    grants.seal_closed(account)
    log(account, "account.frozen", purpose=f"{by}: {why}")
