"""Long work that somebody asked for, how far it is, and what came of it."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from onward.registry.models.base import Here
from onward.said import said_again


class Job(Here):
    """One piece of long work that was asked for, as a forecast, a report or a list brought in.

    kind      a name of `registry.web.jobs.KINDS`
    asked     what it was asked with; ids and numbers, never identity
    state     queued, running, done, failed, interrupted (the server stopped meanwhile)
    progress  the last thing the work said
    message   when failed: the sentence a person can act on, as it is kept; see `said`
    result    when done: small figures for the page
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    asked = models.JSONField(default=dict)
    by = models.CharField(max_length=80)
    asked_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=12, default="queued")
    progress = models.CharField(max_length=200, blank=True, default="")
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    message = models.TextField(blank=True, default="")
    result = models.JSONField(default=dict)

    @property
    def said(self) -> str:
        """The message, with what it was made of."""
        return said_again(self.message)

    class Meta:
        db_table = "onward_job"
        indexes = [models.Index(fields=["operation", "kind", "asked_at"], name="job_kind")]


class JobFile(Here):
    """A file a job made, sealed under the operation's key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=80)
    media_type = models.CharField(max_length=120)
    content = models.BinaryField()

    class Meta:
        db_table = "onward_job_file"
        constraints = [
            models.UniqueConstraint(fields=["operation", "job", "name"], name="job_file_name")
        ]
