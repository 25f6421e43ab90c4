"""Exports: the only way data about people leaves, asked by one, approved by others, sealed to one.

Exists because an export is the likeliest way in which a list kills somebody. Comes in: a declared
profile (`data/export_profiles.yaml`), a recipient with an agreement, people. Goes out: one file,
values only, checked by code, encrypted to the recipient's key, never kept here. A person is in it
only with a release of their own, to that recipient, for that purpose; the country people fled
gets a manifest of those who return by their own consent and nothing else, ever.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

from onward.errors import OnwardError, one_of
from onward.registry import site
from onward.registry.computing.reporting import checkpoint_of
from onward.registry.data_protection.apart import set_apart
from onward.registry.kept import DatabaseKept
from onward.registry.log.db_store import DatabaseStore
from onward.registry.models import (
    AccessEntry,
    Account,
    ExportDecision,
    ExportRequest,
    PersonNow,
    Recipient,
    ThingNow,
)
from onward.registry.permissions import access, grants
from onward.registry.permissions.roles import load_rules
from onward.report import tongues
from onward.safeguards.help import is_option

FILE = Path(__file__).parents[1] / "data" / "export_profiles.yaml"
MANY = 50
"""More identifiable people than this need a second approver."""

APPROVAL_DAYS = 7
PART = 400
"""People asked for in one question."""

LEAST_OUTCOMES = 2
COUNTRY = re.compile(r"[A-Z]{3}")
STATES = ("state", "origin")
AGE = re.compile(r"age1[02-9ac-hj-np-z]{58}")


@dataclass(frozen=True)
class Profile:
    """One declared export; `own_return`: only for people cleared to go home."""

    name: str
    title: str
    kinds: frozenset[str]
    purposes: tuple[str, ...]
    fields: Mapping[str, str]
    identifiable: bool
    own_return: bool
    least: int
    outcome: str

    def classes(self) -> frozenset[str]:
        """The classes of fields in it."""
        rules = load_rules()
        columns = rules.field_classes(_rulebook())["person"]
        found = set()
        for source in self.fields.values():
            where, _, name = source.partition(".")
            if where == "person":
                found.add(columns.get(name, columns.get(f"{name}_first", "grounds")))
            elif where == "vault":
                found.add(rules.vault_class(name))
            elif source == "age band":
                found.add("biodata")
        return frozenset(found - {"open"})


@lru_cache(maxsize=1)
def profiles() -> Mapping[str, Profile]:
    raw = _raw()
    return {
        name: Profile(
            name, text["title"], frozenset(text["kinds"]), tuple(text["purposes"]),
            dict(text["fields"]), bool(text["identifiable"]), bool(text.get("own_return")),
            int(text.get("least", 0)), str(text.get("outcome", "")),
        )
        for name, text in raw["profiles"].items()
    }  # fmt: skip


@lru_cache(maxsize=1)
def _raw() -> Any:
    return yaml.safe_load(FILE.read_text("utf-8"))


def recipient_kinds() -> Mapping[str, str]:
    return dict(_raw()["recipient_kinds"])


def _rulebook() -> Any:
    return site.operation().rulebook


# -- recipients -------------------------------------------------------------------------------


def add_recipient(
    by: Account, *, name: str, code: str, kind: str, country: str, age_key: str,
    purposes: Iterable[str], classes: Iterable[str], agreement: str, agreement_ends: date,
    impact_on: date | None, signed_in: datetime | None,
) -> Recipient:  # fmt: skip
    """A recipient as its agreement describes it; usable once somebody else has confirmed it.

    Entered again under its code, it is what the new agreement says, and is confirmed anew.
    """
    _fresh(signed_in)
    access.require(by, "export.request", place="exports")
    if kind in _raw()["refused_kinds"]:
        raise OnwardError(_raw()["refused_kinds"][kind])
    if kind not in recipient_kinds():
        raise OnwardError(
            f"{kind}: not a kind of recipient; expected {one_of(recipient_kinds())}."
        )
    country = country.strip().upper()
    if (country or kind in STATES) and not COUNTRY.fullmatch(country):
        raise OnwardError(
            "Give the country by its three letters, as people's country of origin is recorded: "
            "without it nobody can tell that a State is the one people fled.",
            field="country",
        )
    if not AGE.fullmatch(age_key.strip()):
        raise OnwardError(
            "Give the recipient's public key of age (age1…); nothing leaves unsealed.",
            field="age_key",
        )
    if impact_on is None:
        raise OnwardError("Give the day of the impact assessment; without one nothing is sent.")
    known = load_rules().classes
    if unknown := sorted(set(classes) - set(known)):
        raise OnwardError(
            f"{one_of(unknown)}: not a class of fields; expected {one_of(known)}."
        )
    if not agreement.strip():
        raise OnwardError("Give the reference of the agreement under which data may be sent.")
    said = {
        "name": name.strip()[:120], "kind": kind, "country": country, "age_key": age_key.strip(),
        "classes": sorted(classes), "purposes": sorted(purposes), "agreement": agreement.strip()[:200],
        "agreement_ends": agreement_ends, "impact_on": impact_on, "made_by": by.account_id,
        "confirmed_by": "", "active": True,
    }  # fmt: skip
    with transaction.atomic():
        made, new = Recipient.objects.update_or_create(
            operation=site.current().operation, code=code.strip()[:80], defaults=said
        )
        # What was asked for under one agreement is never sent under another.
        overtaken = list(
            ExportRequest.objects.select_for_update().filter(
                recipient=made, state__in=("asked", "approved")
            )
        )
        for export in overtaken:
            export.state = "refused"
            export.save(update_fields=["state"])
        grants.seal_recipient(made)
    access.log(by, "export.recipient", purpose=f"{'added' if new else 'changed'} {made.pk}")
    for export in overtaken:
        access.log(by, "export.recipient", people=export.people, purpose=_overtaken(export))
    return made


def _overtaken(export: ExportRequest) -> str:
    return f"export {export.pk}: overtaken by a new agreement"


def overtaken_by(export: ExportRequest) -> AccessEntry | None:
    """Who entered its recipient again while it waited, and when; None: it ended otherwise."""
    if export.state != "refused":
        return None
    said = AccessEntry.objects.filter(action="export.recipient", at__gte=export.asked_at)
    return said.filter(purpose=_overtaken(export)).first()


def end_recipient(by: Account, recipient: Recipient, *, signed_in: datetime | None) -> None:
    """Nothing goes to a recipient any more, until it is entered and confirmed again."""
    _fresh(signed_in)
    access.require(by, "export.approve", place="exports")
    recipient.refresh_from_db()
    grants.check_recipient(recipient)
    recipient.active = False
    with transaction.atomic():
        recipient.save(update_fields=["active"])
        grants.seal_recipient(recipient)
    access.log(by, "export.recipient", purpose=f"ended {recipient.pk}")


def as_read(recipient: Recipient) -> str:
    """What stands for everything a recipient was entered with, as a page showed it."""
    told = json.dumps(grants.of_recipient(recipient), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def confirm_recipient(
    by: Account, recipient: Recipient, *, signed_in: datetime | None, read: str | None = None
) -> None:
    """Somebody else has read the agreement too.

    read    what was shown, as `as_read` has it: nobody confirms what was entered since; None: the
            recipient itself is what was shown
    """
    _fresh(signed_in)
    access.require(by, "export.approve", place="exports")
    shown = as_read(recipient) if read is None else read
    with transaction.atomic():
        now = Recipient.objects.select_for_update().get(pk=recipient.pk)
        if now.made_by == by.account_id:
            raise access.Refused(
                "Whoever entered a recipient does not confirm it: ask a colleague."
            )
        grants.check_recipient(now)
        if shown != as_read(now):
            raise OnwardError(
                "The recipient was entered again while you read: read it once more and confirm then."
            )
        now.confirmed_by = by.account_id
        now.save(update_fields=["confirmed_by"])
        grants.seal_recipient(now)
    recipient.refresh_from_db()
    access.log(by, "export.recipient", purpose=f"confirmed {recipient.pk}")


def _usable(recipient: Recipient, profile: Profile, purpose: str) -> None:
    """Whether the agreement covers this; raises OnwardError with everything that is missing."""
    grants.check_recipient(recipient)
    wrong = []
    if not recipient.active:
        wrong.append(_("the recipient was ended: nothing goes to it any more"))
    elif not recipient.confirmed_by:
        wrong.append(_("a second person has not confirmed the recipient"))
    if recipient.agreement_ends < site.operation().today():
        day = recipient.agreement_ends.isoformat()
        wrong.append(_("the agreement ended on %(day)s") % {"day": day})
    if recipient.impact_on is None:
        wrong.append(_("there is no impact assessment"))
    if recipient.kind not in profile.kinds:
        wrong.append(
            _("“%(title)s” does not go to recipients of this kind: %(kind)s")
            % {"title": _(profile.title), "kind": _(recipient_kinds()[recipient.kind])}
        )
    if _countries(recipient) & _origins() and not profile.own_return:
        wrong.append(
            _("the country people fled receives nothing but a manifest of their own return")
        )
    if purpose not in profile.purposes or purpose not in recipient.purposes:
        wrong.append(
            _("the agreement and this export do not both name the purpose: %(purpose)s")
            % {"purpose": _(purpose)}
        )
    if beyond := sorted(profile.classes() - set(recipient.classes)):
        titles = " · ".join(_(load_rules().classes[name].title) for name in beyond)
        wrong.append(_("the agreement does not cover: %(classes)s") % {"classes": titles})
    if wrong:
        raise OnwardError(_("This cannot be exported: %(why)s.") % {"why": _parted(wrong)})


def _parted(parts: Iterable[str]) -> str:
    """The parts of a sentence, in the language of the page."""
    return tongues.listed(parts, get_language() or "en", ";")


def _countries(recipient: Recipient) -> frozenset[str]:
    """What a recipient may be named by where a country is meant: its country, or its code."""
    return frozenset({recipient.country, recipient.code.upper()} - {""})


def _origins() -> frozenset[str]:
    """Every country that anybody here fled."""
    rows = PersonNow.objects.values_list("facts__country_of_origin", flat=True).distinct()
    return frozenset(str(row) for row in rows if row)


# -- who may be in it -------------------------------------------------------------------------

LEFT_OUT = {
    "hidden": gettext_noop("not among the people you may see, or fields you may not read"),
    "release": gettext_noop("no release to this recipient for this purpose, or withdrawn"),
    "origin": gettext_noop("from the country that would receive it"),
    "origin_consent": gettext_noop("no consent of their own to inform the country they fled"),
    "step": gettext_noop("not cleared for return to it today"),
    "small": gettext_noop("too few people share the same values"),
}
"""Why somebody asked for is not in an export."""


def eligible(
    by: Account, profile: Profile, recipient: Recipient, purpose: str, people: Iterable[str]
) -> tuple[list[PersonNow], Counter[str]]:
    """The people who may be in an export today, and how many are left out for which reason."""
    from onward.registry.now import projection

    projection.ensure(site.operation())
    wanted = list(dict.fromkeys(people))
    reader = access.Reader(by)
    needed = profile.classes()
    found: list[PersonNow] = []
    out: Counter[str] = Counter()
    rows: dict[str, PersonNow] = {}
    releases: dict[str, list[Mapping[str, Any]]] = {}
    for part in _parts(wanted):
        action = "person.reveal" if profile.identifiable else "person.read"
        rows |= {row.person: row for row in reader.people(action).filter(person__in=part)}
    # Of everybody at once: the embedded database reads every release for each part that is asked.
    agreed = ThingNow.objects.filter(kind="release", person__isnull=False)
    if len(wanted) <= PART:
        agreed = agreed.filter(person__in=wanted)
    for name, facts in agreed.values_list("person", "facts"):
        if name in rows:
            releases.setdefault(name, []).append(facts)
    for person in wanted:
        row = rows.get(person)
        if row is None or not needed <= reader.classes(row):
            out["hidden"] += 1
            continue
        why = _refused(row, profile, recipient, purpose, releases.get(person, []))
        if why:
            out[why] += 1
        else:
            found.append(row)
    if profile.least:
        found, small = _enough(found, profile)
        if small:
            out["small"] += small
    return found, out


def _parts(values: Sequence[str], size: int = PART) -> list[Sequence[str]]:
    return [values[i : i + size] for i in range(0, len(values), size)]


def _refused(
    row: PersonNow, profile: Profile, recipient: Recipient, purpose: str,
    releases: Sequence[Mapping[str, Any]],
) -> str:  # fmt: skip
    """Why one person may not be in it; "" when they may. What is not known is not a consent."""
    mine = [
        release
        for release in releases
        if release.get("recipient") == recipient.code
        and release.get("purpose") == purpose
        and release.get("agreement") is True
        and release.get("withdrawn") is False
    ]
    origin = row.facts.get("country_of_origin")
    receives_origin = (
        recipient.kind == "origin" or not origin or origin in _countries(recipient)
    )
    if receives_origin and not profile.own_return:
        return "origin"
    if not mine:
        return "release"
    if receives_origin and not any(release.get("origin_consent") is True for release in mine):
        return "origin_consent"
    if profile.own_return and not _cleared(row, recipient):
        return "step"
    return ""


def _cleared(row: PersonNow, recipient: Recipient) -> bool:
    """Whether going home is open for a person today: fear and risk are among what it asks.

    Home is where a rulebook's own step leads: out of the place, by the person's choice, to the
    country they fled.
    """
    rulebook, home = site.operation().rulebook, row.facts.get("country_of_origin")
    if not home or (recipient.kind == "origin" and home != recipient.country):
        return False
    leaves = {
        key for key, move in rulebook.moves().items()
        if rulebook.is_movement(move) and is_option(rulebook, move)
    }  # fmt: skip
    return any(
        step.get("open") is True
        and step.get("move") in leaves
        and step.get("destination") == home
        for step in row.steps
    )


def _enough(rows: list[PersonNow], profile: Profile) -> tuple[list[PersonNow], int]:
    """Rows that at least `least` people share, with more than one outcome among them.

    The outcome itself is not one of the values shared: it is what must not be told of anybody.
    """
    values = {row.person: _line(row, profile, {}, "") for row in rows}
    titles = list(profile.fields)
    sensitive = [
        i for i, t in enumerate(titles) if profile.fields[t] == f"person.{profile.outcome}"
    ]
    groups: dict[tuple[str, ...], list[PersonNow]] = {}
    outcomes: dict[tuple[str, ...], set[str]] = {}
    for row in rows:
        line = values[row.person]
        shared = tuple(v for i, v in enumerate(line) if i not in sensitive)
        groups.setdefault(shared, []).append(row)
        outcomes.setdefault(shared, set()).update(line[i] for i in sensitive)
    kept = [
        row
        for shared, group in groups.items()
        if len(group) >= profile.least
        and (not sensitive or len(outcomes[shared]) >= LEAST_OUTCOMES)
        for row in group
    ]
    return kept, len(rows) - len(kept)


# -- tables without names, against those that went before -----------------------------------------

RELEASES = "exports"
"""The folder of kept, sealed files that remembers who was in which table without names."""


def _shares(rows: Sequence[PersonNow], profile: Profile) -> dict[str, dict[str, str]]:
    """Shared values -> person -> outcome, of a table without names."""
    outcome = [
        i for i, t in enumerate(profile.fields)
        if profile.fields[t] == f"person.{profile.outcome}"
    ]  # fmt: skip
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        line = _line(row, profile, {}, "")
        shared = json.dumps([v for i, v in enumerate(line) if i not in outcome])
        found.setdefault(shared, {})[row.person] = json.dumps([line[i] for i in outcome])
    return found


def _kept_name(profile: Profile) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", profile.name) + ".json"


def _earlier(profile: Profile) -> list[dict[str, dict[str, str]]]:
    kept, name = DatabaseKept(), _kept_name(profile)
    if name not in kept.names(RELEASES):
        return []
    found: list[dict[str, dict[str, str]]] = json.loads(kept.read(RELEASES, name))
    return found


def _stays_closed(rows: Sequence[PersonNow], profile: Profile) -> list[Any]:
    """The releases of a table without names with this one; raises OnwardError when together they
    would tell of too few. Whoever receives them may put them side by side, so all count."""
    if not profile.least:
        return []
    new = _shares(rows, profile)
    earlier = _earlier(profile)
    every = earlier if new in earlier else [*earlier, new]
    outcomes = LEAST_OUTCOMES if profile.outcome else 0
    if apart := set_apart(every, least=profile.least, outcomes=outcomes):
        raise OnwardError(
            _(
                "Subtracted from what was sent before, this table would tell of %(people)s people in groups of fewer than %(least)s. Nothing was sent. Send the same table again, or wait until more people have changed."
            )
            % {"people": apart, "least": profile.least}
        )
    return every


def who_agreed(by: Account, recipient: Recipient, purpose: str) -> list[str]:
    """People the account may see who agreed to a release to a recipient for a purpose."""
    rows = ThingNow.objects.filter(
        kind="release", facts__recipient=recipient.code, facts__purpose=purpose
    ).values("person")
    people = access.people_visible_to(by, "person.read").filter(person__in=rows)
    return list(people.order_by("person").values_list("person", flat=True))


# -- asking, approving, writing -----------------------------------------------------------------


def ask(
    by: Account, *, profile: str, recipient: Recipient, purpose: str, reason: str,
    people: Iterable[str], signed_in: datetime | None,
) -> ExportRequest:  # fmt: skip
    """Ask for an export; others decide on it.

    raises  SignInAgain, Refused, OnwardError: what the agreement does not cover, or nobody left
    """
    _fresh(signed_in)
    access.require(by, "export.request", place="exports")
    chosen = profiles().get(profile)
    if chosen is None:
        raise OnwardError(f"{profile}: not an export; expected {one_of(profiles())}.")
    _usable(recipient, chosen, purpose)
    if len(reason.strip()) < 10:
        raise OnwardError(
            "Say in a sentence what the recipient needs this for.", field="reason"
        )
    found, out = eligible(by, chosen, recipient, purpose, people)
    if not found:
        why = _parted(f"{_(LEFT_OUT[name])}: {number}" for name, number in out.items())
        raise OnwardError(
            _("Nobody could be in this export: %(why)s.")
            % {"why": why or _("nobody was chosen")}
        )
    _stays_closed(found, chosen)
    with transaction.atomic():
        made = ExportRequest.objects.create(
            operation=site.current().operation, profile=chosen.name, recipient=recipient,
            purpose=purpose, reason=reason.strip()[:400], asked_by=by,
            people=[row.person for row in found], left_out=dict(out),
        )  # fmt: skip
        _ask_again(recipient)
    access.log(
        by, "export.request", people=made.people, classes=chosen.classes(),
        purpose=f"export {made.pk}: {reason}", place="exports",
    )  # fmt: skip
    return made


def approvers_needed(export: ExportRequest) -> int:
    """Two beyond fifty identifiable people, else one; never the one who asked."""
    return 2 if people_in_a_week(export) > MANY else 1


def people_in_a_week(export: ExportRequest) -> int:
    """The identifiable people of whom this recipient would be told within a week, this export
    among them: a long list cut into short ones is still a long list. 0 for a table without names.
    """
    known = profiles()
    if not known[export.profile].identifiable:
        return 0
    people = set(export.people)
    since = timezone.now() - timedelta(days=APPROVAL_DAYS)
    others = ExportRequest.objects.filter(recipient=export.recipient, asked_at__gt=since)
    others = others.exclude(pk=export.pk).exclude(state="refused")
    for name, asked_for in others.values_list("profile", "people"):
        if known[name].identifiable:
            people.update(asked_for)
    return len(people)


def still_needed(export: ExportRequest) -> int:
    """How many more must say yes."""
    yes = {d.account_id for d in export.decisions.all() if d.approves} - {export.asked_by_id}
    return max(approvers_needed(export) - len(yes), 0)


def _ask_again(recipient: Recipient) -> None:
    """Approved exports that need another yes, because more people were asked for since."""
    for one in ExportRequest.objects.select_for_update().filter(
        recipient=recipient, state="approved"
    ):
        if still_needed(one):
            one.state = "asked"
            one.save(update_fields=["state"])


def decide(
    by: Account,
    export: ExportRequest,
    *,
    approves: bool,
    reason: str,
    signed_in: datetime | None,
) -> None:
    """Somebody else's yes or no; one no ends it."""
    _fresh(signed_in)
    access.require(by, "export.approve", place="exports")
    if export.asked_by_id == by.pk:
        access.log(by, "export.approve", allowed=False, purpose=f"own export {export.pk}")
        raise access.Refused("Nobody approves what they asked for themselves.")
    if len(reason.strip()) < 3:
        raise OnwardError("Give your reason; it is kept with the export.")
    with transaction.atomic():
        now = ExportRequest.objects.select_for_update().get(pk=export.pk)
        if now.state != "asked":
            raise OnwardError("This export is no longer waiting for a decision.")
        if ExportDecision.objects.filter(export=now, account=by).exists():
            raise access.Refused(
                "You decided on this export already; a second yes is another person's."
            )
        grants.check_decisions(now.decisions.select_related("export"))
        grants.seal_decision(
            ExportDecision.objects.create(
                operation=now.operation, export=now, account=by, approves=approves,
                reason=reason.strip()[:400],
            )
        )  # fmt: skip
        if not approves:
            now.state = "refused"
        elif not still_needed(now):
            now.state = "approved"
        now.save(update_fields=["state"])
    export.refresh_from_db()
    access.log(
        by, "export.approve", purpose=f"export {export.pk}: {'yes' if approves else 'no'}"
    )


def write(
    by: Account, export: ExportRequest, *, typed_count: int, signed_in: datetime | None
) -> tuple[str, bytes]:
    """The sealed file, once: its name and bytes. Consents are asked again now.

    typed_count  the number of people the writer believes is in it; must be the real one
    raises       OnwardError with the real number when it is another
    """
    _fresh(signed_in)
    access.require(by, "export.request", place="exports")
    if export.asked_by_id != by.pk:
        raise access.Refused("An export is written by the one who asked for it.")
    profile, recipient = profiles()[export.profile], export.recipient
    if export.state != "approved":
        raise OnwardError("This export is not approved.")
    decisions = list(export.decisions.select_related("export"))
    grants.check_decisions(decisions)
    if still_needed(export) or not all(d.approves for d in decisions):
        raise OnwardError("This export is not approved.")
    newest = max(d.at for d in decisions)
    if timezone.now() - newest > timedelta(days=APPROVAL_DAYS):
        raise OnwardError("The approval is older than seven days; ask again.")
    _usable(recipient, profile, export.purpose)
    store = DatabaseStore(site.current().operation)
    seen = store.last_seq()
    rows, out = eligible(by, profile, recipient, export.purpose, export.people)
    if typed_count != len(rows):
        said = _(
            "You typed %(typed)s; the number in it is %(people)s. Look again at who would be in it, then type that number."
        ) % {"typed": typed_count, "people": len(rows)}
        if out:
            said += " " + _("Fell out since it was asked for: %(number)s.") % {
                "number": sum(out.values())
            }
        raise OnwardError(said)
    checkpoint = checkpoint_of(site.operation()).splitlines()
    table = table_of(rows, profile, recipient)
    heading = f"Export {export.pk}; for {recipient.code}; purpose {export.purpose}; {len(rows)} people"
    plain = workbook(heading, list(profile.fields), table, checkpoint)
    check_workbook(plain, heading, list(profile.fields), table, checkpoint)
    sealed = seal(plain, recipient.age_key)
    with store.writing():
        if store.last_seq() != seen:  # what was taken back meanwhile counts
            again, _out = eligible(by, profile, recipient, export.purpose, export.people)
            if table_of(again, profile, recipient) != table:
                raise OnwardError(
                    _(
                        "Something was recorded about people in it while the file was made. Nothing was sent: look again at who would be in it, then type that number."
                    )
                )
        recipient.refresh_from_db()
        _usable(recipient, profile, export.purpose)
        releases = _stays_closed(rows, profile)
        now = ExportRequest.objects.select_for_update().get(pk=export.pk)
        if now.state != "approved":
            raise OnwardError("This export was written already; ask for a new one.")
        now.state, now.written_at, now.written_by = "written", timezone.now(), by.account_id
        gone = Counter(now.left_out) + out  # when it was asked for, and since
        now.rows_written, now.sha256 = len(rows), hashlib.sha256(sealed).hexdigest()
        now.checkpoint, now.left_out = " ".join(checkpoint[1:3])[:120], dict(gone)
        now.save()
        if releases:
            DatabaseKept().write(RELEASES, _kept_name(profile), json.dumps(releases).encode())
        access.log(
            by, "export.write", people=[row.person for row in rows], classes=profile.classes(),
            purpose=f"export {export.pk} to {recipient.pk}", place="exports",
        )  # fmt: skip
    export.refresh_from_db()
    return f"export-{str(export.pk)[:8]}.xlsx.age", sealed


def _fresh(signed_in: datetime | None) -> None:
    if signed_in is None or timezone.now() - signed_in >= access.FRESH:
        raise access.SignInAgain("Sign in again to go on with an export.")


# -- what is in it ------------------------------------------------------------------------------


def table_of(
    rows: Sequence[PersonNow], profile: Profile, recipient: Recipient
) -> list[list[str]]:
    """The rows as texts, in an order that tells nothing (by the recipient's own codes)."""
    identities: dict[str, Mapping[str, str]] = {}
    if any(source.startswith("vault.") for source in profile.fields.values()):
        identities = _identities([row.person for row in rows])
    ordered = sorted(rows, key=lambda row: code_for(recipient, row.person))
    return [
        _line(
            row,
            profile,
            identities.get(row.person, {}),
            code_for(recipient, row.person),
            recipient,
        )
        for row in ordered
    ]


def _identities(people: list[str]) -> dict[str, Mapping[str, str]]:
    vault: Any = site.operation().vault
    if hasattr(vault, "read"):
        found: dict[str, Mapping[str, str]] = vault.read(people, sealed=False)
        return found
    return {person: vault.get(person) or {} for person in people}


def _line(
    row: PersonNow, profile: Profile, identity: Mapping[str, str], code: str,
    recipient: Recipient | None = None,
) -> list[str]:  # fmt: skip
    found = []
    for source in profile.fields.values():
        where, _, name = source.partition(".")
        if source == "code":
            found.append(code)
        elif source == "household code":
            found.append(code_for(recipient, f"household {row.household}") if recipient else "")
        elif source == "age band":
            found.append(_age_band(row))
        elif where == "vault":
            held = [(k, v) for k, v in sorted(identity.items()) if k.split(".")[0] == name]
            found.append("; ".join(_part(k, v) for k, v in held))
        elif name == "birth":
            found.append(_birth(row))
        else:
            value = getattr(row, name, None) if hasattr(row, name) else row.facts.get(name)
            found.append(_text(value))
    return found


def _part(key: str, value: str) -> str:
    """A part of an identity by what it is: whoever receives it must know a family's name from a
    father's, and a passport from a telephone."""
    _, _, rest = key.partition(".")
    what = rest.partition(".")[0].replace("_", " ")
    return value if what in ("", "full") else f"{what}: {value}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _birth(row: PersonNow) -> str:
    """A birth date as precisely as it is known, and no more."""
    first, last = row.birth_first, row.birth_last
    if first is None or last is None:
        return ""
    if first == last:
        return str(first.isoformat())
    return str(first.year) if first.year == last.year else f"{first.year}–{last.year}"


def _age_band(row: PersonNow) -> str:
    if row.adult is None or row.birth_last is None:
        return "not known"
    if not row.adult:
        return "0–17"
    years = (site.operation().default_date() - row.birth_last).days / 365.25
    return "18–59" if years < 60 else "60+"


def code_for(recipient: Recipient, what: str) -> str:
    """This recipient's own code for a person: keyed, without order, the same every time."""
    key = site.current().derive(f"recipient {recipient.pk}")
    return hmac.new(key, what.encode(), hashlib.sha256).hexdigest()[:12]


def workbook(
    heading: str, titles: Sequence[str], rows: Sequence[Sequence[str]], foot: Sequence[str] = ()
) -> bytes:
    """One visible sheet of texts. Nothing is a formula, a link or a number.

    foot  lines under the table: the record's checkpoint, so that each copy is a witness of it
    """
    import xlsxwriter

    written = io.BytesIO()
    book = xlsxwriter.Workbook(
        written,
        {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
         "strings_to_numbers": False},
    )  # fmt: skip
    book.set_properties({"title": "", "author": "", "created": datetime(2000, 1, 1)})  # noqa: DTZ001
    sheet = book.add_worksheet("People")
    sheet.write_string(0, 0, heading)
    for column, title in enumerate(titles):
        sheet.write_string(1, column, title)
    for number, line in enumerate(rows, start=2):
        for column, value in enumerate(line):
            sheet.write_string(number, column, value)
    for number, line in enumerate(foot, start=len(rows) + 3):
        sheet.write_string(number, 0, line)
    book.close()
    return written.getvalue()


def check_workbook(
    data: bytes, heading: str, titles: Sequence[str], rows: Sequence[Sequence[str]],
    foot: Sequence[str] = (),
) -> None:  # fmt: skip
    """Open a written workbook again and compare; raises OnwardError when it holds anything else."""
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    if book.sheet_names != ["People"] or [str(s.visible) for s in book.sheets_metadata] != [
        "SheetVisibleEnum.Visible"
    ]:
        raise OnwardError("The written file has more than one sheet, or a hidden one.")
    read = book.get_sheet_by_name("People").to_python(skip_empty_area=False)
    width = max(len(titles), 1)
    rest = [""] * (width - 1)
    wanted = [[heading, *rest], list(titles), *[list(row) for row in rows]]
    wanted += [["", *rest], *[[line, *rest] for line in foot]] if foot else []
    if [[str(cell) for cell in line] for line in read] != wanted:
        raise OnwardError("The written file does not hold what was approved; nothing was sent.")
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        names = parts.namelist()
        text = b"".join(parts.read(name) for name in names)
    suspicious = ("externalLink", "vbaProject", "comments", "drawing", "media", "customXml")
    if any(word in name for name in names for word in suspicious) or re.search(
        rb'<f[ >]|hidden="1"|<definedName|<hyperlink', text
    ):
        raise OnwardError("The written file holds a formula, a link or something hidden.")


def seal(data: bytes, age_key: str) -> bytes:
    """Encrypt to the recipient's public key; there is no unsealed way out."""
    from pyrage import encrypt, x25519

    try:
        recipient = x25519.Recipient.from_str(age_key)
    except Exception:
        raise OnwardError("The recipient's key is not a public key of age (age1…).") from None
    sealed: bytes = encrypt(data, [recipient])
    if not sealed.startswith(b"age-encryption.org/v1") or data[:200] in sealed:
        raise OnwardError("The file was not sealed; nothing was sent.")
    return sealed
