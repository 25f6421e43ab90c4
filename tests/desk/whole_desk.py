"""An operation in which every address of the desk has something to open, and who opens it.

Made once for a module of tests: a plan, a proposal of places, work in every state, a list half
brought in, an export, requests, a breach, an alarm, a paper, a convoy, a rumour and an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import registry_cast as cast

OFFICE = ("protection_officer", "resettlement_officer", "repatriation_officer", "medical",
          "data_clerk", "supervisor")  # fmt: skip
ASSIGNED = ("interviewer", "counsellor", "rsd_officer", "rsd_reviewer", "lawyer",
            "follow_up_monitor")  # fmt: skip
OTHERS = ("partner", "plan_lead", "analyst", "host_liaison", "custodian", "administrator",
          "auditor")  # fmt: skip
EVERYBODY = (*OFFICE, *ASSIGNED, *OTHERS)


@dataclass(eq=False)
class Whole:
    """The operation, an account per role, and what stands where an address has a variable part."""

    operation: Any
    accounts: dict[str, Any]
    args: dict[str, list[Any]]

    @cached_property
    def clients(self) -> dict[str, Any]:
        return {role: cast.signed_in(account) for role, account in self.accounts.items()}

    def addresses(self) -> dict[str, list[str]]:
        """Every named address of the site, with something real in its variable parts."""
        from django.urls import get_resolver, reverse

        found: dict[str, list[str]] = {}

        def walk(resolver: Any, names: list[str]) -> None:
            for each in resolver.url_patterns:
                if hasattr(each, "url_patterns"):
                    walk(each, [*names, each.namespace] if each.namespace else names)
                    continue
                name = ":".join([*names, each.name])
                needs = each.pattern.regex.groups
                values = self.args.get(name, [] if needs else [[]])
                found[name] = [
                    one if isinstance(one, str) else reverse(name, args=one) for one in values
                ]

        walk(get_resolver(), [])
        return found


def make(template: Path, folder: Path) -> Whole:
    """The small operation, filled; the caller closes the site."""
    import onward_test_site as operations
    from django.core.cache import cache
    from django.utils import timezone
    from test_browser import manifest_of, paper_on
    from test_places_if import FORM, OPEN, keep_places
    from test_plan_forms import MORE
    from test_waiting import _waited

    from onward.caseload.events import Subject
    from onward.registry import breaches, site
    from onward.registry.data_protection import own_words, rights
    from onward.registry.exporting import profiles
    from onward.registry.models import (
        Breach,
        EventRow,
        ExportRequest,
        ImportDraft,
        Job,
        JobFile,
        Recipient,
        ThingNow,
    )
    from onward.registry.permissions import alarms, assignments, grants
    from onward.registry.planning import adopt_plan
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor
    from onward.registry.web import jobs

    small = operations.unlocked(operations.copied(template, folder))
    cache.clear()
    plan = MORE.replace("assurances:\n", OPEN + "assurances:\n")
    adopt_plan(small, plan, effective="2026-05-01", by="chantal")
    keep_places(small)
    accounts = {
        role: cast.account(
            role.replace("_", "."), role,
            office="" if role == "custodian" else cast.OFFICE,
            organisation="harbour-aid" if role == "partner" else "",
        )
        for role in EVERYBODY
    }  # fmt: skip
    boss, officer = accounts["supervisor"], accounts["protection_officer"]
    for role in ASSIGNED:
        assignments.assign(boss, "H1-P1", to=accounts[role], reason="interview")
    assignments.assign(boss, "H1-P1", organisation="harbour-aid", reason="shelter")
    # Exports: one that waits, one that may be written.
    recipient = Recipient.objects.create(
        operation="meridian", name="Harbour Aid", code="harbour-aid", kind="partner",
        age_key="age1", agreement="MoU 4", agreement_ends=date(2030, 1, 1), made_by="nobody",
        confirmed_by="somebody",
    )  # fmt: skip
    grants.seal_recipient(recipient)
    asked = [
        ExportRequest.objects.create(
            operation="meridian", profile=next(iter(profiles.profiles())), recipient=recipient,
            purpose="protection", reason="Winter shelter.", asked_by=officer, people=["H1-P1"],
            state=state, left_out={"release": 2},
        ) for state in ("asked", "approved")
    ]  # fmt: skip
    # Requests about one's own file, each kind; one that is late, one whose erasure is prepared.
    requests = [
        rights.take(
            officer, "H1-P1", kind, language="fa", asked_on=date(2026, 4, 1), words=words
        )
        for kind, words in (
            ("access", None),
            ("correction", own_words.words("names", "My father's name.", "Yusef")),
            ("deletion", None),
            ("objection", None),
        )
    ]
    rights.prepare_erasure(boss, requests[2], "The person asked twice.")
    breach = breaches.report(boss, what="A list was left in the bus.", danger="high")
    alarm = alarms.raise_alarm("panic", account=officer.account_id)
    # Long work in each state.
    work = {
        state: Job.objects.create(
            operation="meridian", kind="forecast", state=state, by=boss.account_id,
            progress="3/20", message="The plan has no deadline.", result={},
            ended_at=timezone.now() if state in ("done", "failed") else None,
        ) for state in ("queued", "running", "failed", "interrupted")
    }  # fmt: skip
    Job.objects.create(
        operation="meridian", kind="wait", state="done", by="x", ended_at=timezone.now(),
        result=_waited(),
    )  # fmt: skip
    report = Job.objects.create(
        operation="meridian", kind="report", state="done", by=boss.account_id,
        ended_at=timezone.now(), asked={"audience": "internal"},
    )  # fmt: skip
    what_if = Job.objects.create(
        operation="meridian", kind=jobs.PLACES_IF, state="failed", by=accounts["plan_lead"].account_id,
        message="No offer is open on that day.", ended_at=timezone.now(),
        asked={"changes": ["remove:open_offer@1"], "proposal": FORM["proposal"]},
    )  # fmt: skip
    sealed = jobs.wrap(jobs._key(), b"<p>report</p>", f"{report.pk}/report.html")
    JobFile.objects.create(
        operation="meridian",
        job=report,
        name="report.html",
        media_type="text/html",
        content=sealed,
    )
    # A rumour, an exception that waits, papers, a convoy, a list half brought in.
    clerk = cast.signed_in(accounts["data_clerk"])
    amina = cast.signed_in(officer)
    heard = {"heard_on": "2026-06-09", "topic": "deadline", "risk": "high", "key": "heard"}
    assert amina.post("/rumours/", heard).status_code == 303
    exception = {"valid_on": "2026-06-10", "destination": "IRN", "reason": "Known for years."}
    address = "/people/H3-P1/steps/T7.done/exception/G1.resolved/"
    assert amina.post(address, exception).status_code == 303
    paper = paper_on(small).rstrip("/").rpartition("/")[2]
    manifest_of(small)
    from django.core.files.uploadedfile import SimpleUploadedFile
    from test_browser import LIST

    clerk.post(
        "/imports/", {"list": SimpleUploadedFile(LIST["name"], LIST["buffer"], "text/csv")}
    )
    draft = ImportDraft.objects.get()
    acts.record(
        boss, Subject("person", "H1-P1"), "recorded", effective="2026-06-10",
        facts={"language": "fa"}, idempotency_key="taken back",
    )  # fmt: skip
    event = EventRow.objects.filter(subject_id="H1-P1", kind="recorded").latest("seq")
    things = {
        kind: ThingNow.objects.filter(kind=kind, person="H1-P1").first().thing
        for kind in ("consent", "interview", "release") if ThingNow.objects.filter(kind=kind, person="H1-P1")
    }  # fmt: skip
    for kind in ("complaint", "incident"):
        acts.record(
            boss, Subject(kind, f"{kind}-1"), "recorded", effective="2026-06-10",
            facts={"person": "H1-P1", **({"category": "coercion"} if kind == "complaint" else {"severity": 1})},
            idempotency_key=f"{kind}-1",
        )  # fmt: skip
    acts.record(
        Actor("mira", cast.EVERYBODYS), Subject("follow_up", "contact-1"), "recorded", effective="2026-06-10",
        facts={"person": "H1-P1", "done_on": "2026-06-09", "result": "concern"}, idempotency_key="contact-1",
    )  # fmt: skip
    # Somebody went although safeguards were not met.
    acts.record(
        boss, Subject("person", "H5-P1"), "T16.departed", effective="2026-06-10",
        idempotency_key="went",
    )  # fmt: skip
    breaches.follow()
    went = Breach.objects.exclude(event="").get()
    from allauth.mfa.models import Authenticator

    key = Authenticator.objects.create(
        user=officer, type="webauthn",
        data={"name": "Key in the safe", "credential": _registered()},
    )  # fmt: skip
    rulebook, person = small.rulebook, "H1-P1"
    kinds = [name for name in rulebook.kinds if "person" in rulebook.kinds[name].refs]
    args: dict[str, list[Any]] = {
        "desk:placement_case": [f"/places/case/?proposal={FORM['proposal']}&case=household/H1"],
        "desk:convoy": [["bus-1"]],
        "desk:household": [["H1"], ["H7"]],
        "desk:sheet": [["sheet", "fa"]],
        "desk:sheet_on_record": [["sheet", "fa"]],
        "desk:file": [[person, paper]],
        "desk:step": [["H1-P1", "T7.done"], ["H2-P1", "T7.done"]],
        "desk:step_facts": [["H2-P1", "T7.done"]],
        "desk:choose": [[person, "T4.stay"], [person, "T4.return"]],
        "desk:happened": [[person, "T4.none"], [person, "T4.withdrawn"], [person, "T22.absent"]],
        "desk:take_back": [[person, event.event_id]],
        "desk:add": [[person, kind] for kind in kinds],
        "desk:amend": [[person, kind, name] for kind, name in things.items()],
        "desk:review": [
            ["complaint", "complaint-1"], ["incident", "incident-1"], ["follow_up", "contact-1"],
        ],
        "desk:override": [["H3-P1", "T7.done", "G1.resolved"]],
        "desk:plan_entry": [
            *([section, "new"] for section in ("authorities", "assurances", "pledges", "actions",
                                               "messages", "milestones", "deadlines")),
        ],
        "desk:wording": [["fa"], ["ckb"]],
        "desk:rumour": [[ThingNow.objects.get(kind="rumour").thing]],
        "desk:places_answer": [[what_if.pk]],
        "desk:import": [[draft.pk]],
        "desk:job": [[one.pk] for one in (*work.values(), report)],
        "desk:job_file": [[report.pk, "report.html"]],
        "desk:account": [[officer.pk]],
        "desk:recipient-confirm": [[recipient.pk]],
        "desk:right-act": [[requests[0].pk]],
        "desk:right-read-out": [[requests[0].pk]],
        "desk:right-told": [[requests[1].pk]],
        "desk:right": [[one.pk] for one in requests],
        "desk:breach": [[breach.pk], [went.pk]],
        "desk:breach-act": [[breach.pk]],
        "desk:alarm": [[alarm.pk]],
        "mfa_remove_webauthn": [[key.pk]],
        "mfa_edit_webauthn": [[key.pk]],
    }  # fmt: skip
    for name in ("desk:export", "desk:export-decide", "desk:export-write"):
        args[name] = [[one.pk] for one in asked]
    for name in ("person", "reveal", "timeline", "took_place", "facts", "read_aloud", "waiver",
                 "put-right", "assigned"):  # fmt: skip
        args[f"desk:{name}"] = [[person]]
    assert site.operation()
    return Whole(small, accounts, args)


def _registered() -> dict[str, Any]:
    """What a key answers when it is registered."""
    import hashlib

    from cryptography.hazmat.primitives.asymmetric import ec
    from fido2.cose import ES256
    from fido2.utils import websafe_encode
    from fido2.webauthn import (
        AttestationObject,
        AttestedCredentialData,
        AuthenticatorData,
        CollectedClientData,
    )

    name = b"key in the safe!"
    public = ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    credential = AttestedCredentialData.create(bytes(16), name, public)
    host = hashlib.sha256(b"localhost").digest()
    seen = AuthenticatorData.create(host, 0x41, 0, credential)
    said = CollectedClientData.create("webauthn.create", bytes(16), "https://localhost")
    made = AttestationObject.create("none", seen, {})
    return {
        "id": websafe_encode(name), "rawId": websafe_encode(name), "type": "public-key",
        "clientExtensionResults": {},
        "response": {"clientDataJSON": websafe_encode(said), "attestationObject": websafe_encode(made)},
    }  # fmt: skip
