"""What accounts did and saw, and what must be looked at: the log of access, and alarms."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from onward.registry.models.base import Here


class AccessEntry(Here):
    """One read or one decision about access. Only ever added to; a trigger refuses the rest.

    action    an action of `roles.yaml`, or "sign-in", "sign-in-failed", "lock" …
    person    the one person concerned; "" when none or many
    people    the persons shown together (a list, an export), by id
    classes   the classes of fields shown
    decision  "allowed" or "refused"
    place     the name of the page's address, never the address
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    account = models.CharField(max_length=80)
    office = models.CharField(max_length=80, blank=True, default="")
    action = models.CharField(max_length=40)
    person = models.CharField(max_length=80, blank=True, default="")
    people = models.JSONField(default=list)
    classes = models.JSONField(default=list)
    decision = models.CharField(max_length=8)
    purpose = models.CharField(max_length=200, blank=True, default="")
    place = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        db_table = "onward_access_log"
        indexes = (
            models.Index(
                fields=["operation", "account", "action", "at"], name="access_account"
            ),
            models.Index(fields=["operation", "person", "at"], name="access_person"),
            models.Index(fields=["operation", "at"], name="access_at"),
        )


class Alarm(Here):
    """Something a person must look at: many reveals, a honeytoken opened, a locked sign-in.

    Holds ids and codes, never a name. Stays until somebody says what was found.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=40)
    account = models.CharField(max_length=80, blank=True, default="")
    person = models.CharField(max_length=80, blank=True, default="")
    number = models.IntegerField(default=0)
    seen_at = models.DateTimeField(null=True)
    seen_by = models.CharField(max_length=80, blank=True, default="")
    finding = models.CharField(max_length=400, blank=True, default="")

    class Meta:
        db_table = "onward_alarm"
        indexes = (models.Index(fields=["operation", "seen_at", "at"], name="alarm_open"),)


class Honeytoken(Here):
    """A person who does not exist. Whoever opens the page was not looking for somebody real."""

    person = models.CharField(max_length=80, primary_key=True)
    office = models.CharField(max_length=80, blank=True, default="")
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.CharField(max_length=80)

    class Meta:
        db_table = "onward_honeytoken"
