"""What officers decided about proposed places: each decision a row of its own, none changed."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from onward.registry.models.base import Here


class PlacementDecision(Here):
    """One word of an officer on one case.

    case       the movement unit
    proposal   name of the kept proposal that was looked at
    decision   accepted (goes where proposed), moved (goes elsewhere), held (not placed for now),
               released (the next proposal decides anew)
    predicted  what it was expected to cost, by the proposal's prices
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.CharField(max_length=120)
    proposal = models.CharField(max_length=120)
    decision = models.CharField(max_length=10)
    programme = models.CharField(max_length=80, blank=True, default="")
    window = models.CharField(max_length=80, blank=True, default="")
    reason = models.CharField(max_length=300, blank=True, default="")
    by = models.CharField(max_length=80, db_column="by_whom")
    at = models.DateTimeField(default=timezone.now)
    predicted = models.JSONField(default=dict)

    class Meta:
        db_table = "onward_placement_decision"
        indexes = [models.Index(fields=["operation", "case", "at"], name="placement_case")]
