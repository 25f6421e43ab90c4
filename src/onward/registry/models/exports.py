"""Exports: to whom, of which fields, asked by whom, approved by whom, and what left."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from onward.registry.models.base import Here


class Recipient(Here):
    """A body that may receive data under a recorded agreement.

    kind        partner, state, court, monitor or origin (the country people fled)
    age_key     its public key; nothing identifiable leaves unencrypted
    classes     classes of fields the agreement covers
    purposes    what they may be used for; a person's consent names one of them
    agreement, agreement_ends, impact_on   the agreement's reference and last day, and the day
                of the impact assessment, without which nothing is sent
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    code = models.CharField(max_length=80)
    kind = models.CharField(max_length=20)
    country = models.CharField(max_length=3, blank=True, default="")
    age_key = models.CharField(max_length=100)
    classes = models.JSONField(default=list)
    purposes = models.JSONField(default=list)
    agreement = models.CharField(max_length=200)
    agreement_ends = models.DateField()
    impact_on = models.DateField(null=True)
    onward_ban = models.BooleanField(default=True)
    active = models.BooleanField(default=True)
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.CharField(max_length=80)
    confirmed_by = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        db_table = "onward_recipient"
        constraints = (
            models.UniqueConstraint(fields=["operation", "code"], name="recipient_code"),
        )


class ExportRequest(Here):
    """One export from the asking to the handing over. The file itself is never kept.

    people   ids chosen when it was asked for; consents are checked again when it is written
    left_out why people asked for are not in it: reason -> number
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    profile = models.CharField(max_length=40)
    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT)
    purpose = models.CharField(max_length=80)
    reason = models.CharField(max_length=400)
    asked_by = models.ForeignKey(
        "registry.Account", on_delete=models.PROTECT, related_name="exports_asked"
    )
    asked_at = models.DateTimeField(default=timezone.now)
    people = models.JSONField(default=list)
    left_out = models.JSONField(default=dict)
    movement = models.CharField(max_length=80, blank=True, default="")
    state = models.CharField(max_length=12, default="asked")
    written_at = models.DateTimeField(null=True)
    written_by = models.CharField(max_length=80, blank=True, default="")
    rows_written = models.IntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    checkpoint = models.CharField(max_length=120, blank=True, default="")

    class Meta:
        db_table = "onward_export"
        indexes = (
            models.Index(fields=["operation", "state", "asked_at"], name="export_state"),
        )


class ExportDecision(Here):
    """Somebody else's yes or no."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    export = models.ForeignKey(
        ExportRequest, on_delete=models.PROTECT, related_name="decisions"
    )
    account = models.ForeignKey("registry.Account", on_delete=models.PROTECT)
    at = models.DateTimeField(default=timezone.now)
    approves = models.BooleanField()
    reason = models.CharField(max_length=400)

    class Meta:
        db_table = "onward_export_decision"
        constraints = (
            models.UniqueConstraint(fields=["export", "account"], name="one_decision_each"),
        )
