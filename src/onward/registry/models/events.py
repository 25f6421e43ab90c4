"""The log of events and the heads of its tree: only ever added to."""

from __future__ import annotations

from django.db import models

from onward.registry.models.base import Here


class EventRow(Here):
    """One event.

    canonical  its RFC 8785 text; the other columns repeat parts of it for finding it
    owner, house   the person and the household that the event's facts point to
    salt, leaf     leaf = SHA-256(0x00 | SHA-256(salt | canonical)), see `registry.log.ledger`
    """

    pk = models.CompositePrimaryKey("operation", "seq")
    seq = models.BigIntegerField()
    event_id = models.CharField(max_length=36)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=80)
    kind = models.CharField(max_length=80)
    effective = models.CharField(max_length=21)
    by = models.CharField(max_length=80, db_column="by_whom")
    recorded = models.CharField(max_length=27)
    key = models.CharField(max_length=200, db_column="idempotency_key")
    supersedes = models.CharField(max_length=36, null=True)
    owner = models.CharField(max_length=80, null=True)
    house = models.CharField(max_length=80, null=True)
    canonical = models.TextField()
    salt = models.BinaryField()
    leaf = models.BinaryField()

    class Meta:
        db_table = "onward_event"
        constraints = [
            models.UniqueConstraint(fields=["operation", "key"], name="event_key_once"),
            models.UniqueConstraint(fields=["operation", "event_id"], name="event_id_once"),
        ]
        indexes = [
            models.Index(
                fields=["operation", "subject_kind", "subject_id"], name="event_subject"
            ),
            models.Index(
                fields=["operation", "owner"],
                name="event_owner",
                condition=models.Q(owner__isnull=False),
            ),
            models.Index(
                fields=["operation", "house"],
                name="event_house",
                condition=models.Q(house__isnull=False),
            ),
            models.Index(fields=["operation", "kind"], name="event_kind"),
            models.Index(
                fields=["operation", "supersedes"],
                name="event_supersedes",
                condition=models.Q(supersedes__isnull=False),
            ),
        ]


class TreeHead(Here):
    """The tree of the log after one batch: written in the same transaction as the batch.

    peaks  hashes of the perfect subtrees, largest first, one after another
    """

    pk = models.CompositePrimaryKey("operation", "size")
    size = models.BigIntegerField()
    root = models.BinaryField()
    peaks = models.BinaryField()
    recorded = models.CharField(max_length=27)

    class Meta:
        db_table = "onward_tree_head"


class Proposal(Here):
    """Something one person asks that only a second person can grant: an override."""

    pk = models.CompositePrimaryKey("operation", "proposal")
    proposal = models.CharField(max_length=36)
    kind = models.CharField(max_length=40)
    person = models.CharField(max_length=80)
    asked = models.JSONField(default=dict)
    by = models.CharField(max_length=80, db_column="by_whom")
    at = models.CharField(max_length=27)
    state = models.CharField(max_length=10, default="asked")
    decided_by = models.CharField(max_length=80, default="")
    decided_at = models.CharField(max_length=27, default="")

    class Meta:
        db_table = "onward_proposal"
        indexes = [models.Index(fields=["operation", "state"], name="proposal_state")]
