"""What people ask about their own data, and what went wrong."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from onward.registry.models.base import Here


class RightsRequest(Here):
    """A person's request: access, correction, deletion or objection.

    language     the language the answer is given in
    words        what they said, sealed under the person's own key `words_key`
                 (`data_protection.own_words`); "" when nothing is kept
    corrections  the events that put right what they asked to have corrected
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12)
    person = models.CharField(max_length=80)
    asked_on = models.DateField()
    due_on = models.DateField()
    extended_on = models.DateField(null=True)
    extension_reason = models.CharField(max_length=200, blank=True, default="")
    language = models.CharField(max_length=12)
    taken_by = models.CharField(max_length=80)
    taken_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=12, default="open")
    prepared_by = models.CharField(max_length=80, blank=True, default="")
    decided_by = models.CharField(max_length=80, blank=True, default="")
    closed_on = models.DateField(null=True)
    outcome = models.CharField(max_length=20, blank=True, default="")
    outcome_reason = models.CharField(max_length=400, blank=True, default="")
    words_key = models.CharField(max_length=36, blank=True, default="")
    words = models.BinaryField(default=bytes)
    corrections = models.JSONField(default=list)

    class Meta:
        db_table = "onward_rights_request"
        indexes = (models.Index(fields=["operation", "state", "due_on"], name="rights_due"),)


class Breach(Here):
    """A breach: what is known, without a name in it, and who must be told by when.

    event   of a movement against a safeguard: the log's own event, which says what happened;
            "" for a breach of data, which says it in `what`
    lesson  what was learned and changed, by whoever closed it
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event = models.CharField(max_length=36, blank=True, default="")
    found_at = models.DateTimeField()
    what = models.CharField(max_length=400, blank=True, default="")
    classes = models.JSONField(default=list)
    people = models.JSONField(default=list)
    people_about = models.IntegerField(null=True)
    danger = models.CharField(max_length=12)
    reported_by = models.CharField(max_length=80)
    reported_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=12, default="open")
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=80, blank=True, default="")
    lesson = models.CharField(max_length=400, blank=True, default="")

    class Meta:
        db_table = "onward_breach"
        indexes = (
            models.Index(fields=["operation", "state", "found_at"], name="breach_state"),
        )


class BreachNotice(Here):
    """Somebody who must be told of a breach, and by when.

    told_at null and not_told "" means it is still to be done; `not_told` says why telling
    would have done harm, or was not needed, `decided_at` when, and `told_by` who decided so.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    breach = models.ForeignKey(Breach, on_delete=models.PROTECT, related_name="notices")
    whom = models.CharField(max_length=120)
    due_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    told_by = models.CharField(max_length=80, blank=True, default="")
    how = models.CharField(max_length=200, blank=True, default="")
    not_told = models.CharField(max_length=200, blank=True, default="")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "onward_breach_notice"
        constraints = (
            models.UniqueConstraint(fields=["breach", "whom"], name="one_notice_each"),
        )


class LegalHold(Here):
    """A person whose file is not disposed of while it holds: proceedings, a complaint, an inquiry."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.CharField(max_length=80)
    reason = models.CharField(max_length=200)
    since = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=80, db_column="by_whom")
    until = models.DateTimeField(null=True)

    class Meta:
        db_table = "onward_legal_hold"
        indexes = (models.Index(fields=["operation", "person"], name="hold_person"),)


class Disposal(Here):
    """Files to be disposed of together: proposed by one person, carried out by another."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    as_of = models.DateField()
    people = models.JSONField(default=list)
    proposed_by = models.CharField(max_length=80)
    proposed_at = models.DateTimeField(default=timezone.now)
    done_by = models.CharField(max_length=80, blank=True, default="")
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "onward_disposal"
