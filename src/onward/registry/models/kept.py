"""Files an operation keeps: stored forecasts, proposals, releases, its plan."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from onward.registry.models.base import Here


class KeptFile(Here):
    """One file in one of the operation's folders, inside the store instead of beside it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    folder = models.CharField(max_length=20)
    name = models.CharField(max_length=120)
    content = models.BinaryField()
    written_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "onward_kept_file"
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "folder", "name"], name="kept_file_name"
            )
        ]
