"""Lists on their way in: kept sealed until they are committed, given up, or a day old."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from onward.registry.models.base import Here


class ImportDraft(Here):
    """One list that somebody is bringing in.

    suffix    what kind of file it is; its own name may hold a person's and is not kept
    content   the file, sealed under the operation's key: it holds names in clear
    profile   the mapping profile's text; "" until the columns are mapped
    answers   what was answered to questions about the file
    receipt   set when it was committed; the content is gone then
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    by = models.CharField(max_length=80, db_column="by_whom")
    at = models.DateTimeField(default=timezone.now)
    suffix = models.CharField(max_length=10)
    content = models.BinaryField(default=bytes)
    profile = models.TextField(blank=True, default="")
    sheet = models.CharField(max_length=80, blank=True, default="")
    encoding = models.CharField(max_length=20, blank=True, default="")
    delimiter = models.CharField(max_length=20, blank=True, default="")
    answers = models.JSONField(default=dict)
    receipt = models.CharField(max_length=120, blank=True, default="")

    class Meta:
        db_table = "onward_import_draft"
        indexes = [models.Index(fields=["operation", "by", "at"], name="import_draft_by")]
