"""The caseload as it is now, one row per person and per thing: made from the log, never the truth.

Anything here can be thrown away and made again (`registry.projection.rebuild`).
"""

from __future__ import annotations

from django.db import models

from onward.registry.models.base import Here


class PersonNow(Here):
    """One person as of the day the projection was made for.

    processes  names of the processes that are open
    steps      next steps: {move, title, pathway, destination, open, failed: [finding keys]}
    steps_on   the day the steps were judged for; older than today: judged again first
    blocked    no next step of the person's own pathway is open
    revision   seq of the last event that touched the person or the household
    """

    pk = models.CompositePrimaryKey("operation", "person")
    person = models.CharField(max_length=80)
    household = models.CharField(max_length=80, null=True)
    unit = models.CharField(max_length=180, null=True)
    site = models.CharField(max_length=80, null=True)
    office = models.CharField(max_length=80, default="")
    legal = models.CharField(max_length=80, null=True)
    stage = models.CharField(max_length=80, null=True)
    place = models.CharField(max_length=80, null=True)
    legal_since = models.DateField(null=True)
    stage_since = models.DateField(null=True)
    place_since = models.DateField(null=True)
    active = models.BooleanField(null=True)
    adult = models.BooleanField(null=True)
    sex = models.CharField(max_length=20, null=True)
    group = models.CharField(max_length=40, null=True, db_column="group_name")
    birth_first = models.DateField(null=True)
    birth_last = models.DateField(null=True)
    pathway = models.CharField(max_length=40, null=True)
    destination = models.CharField(max_length=80, null=True)
    registered_on = models.DateField(null=True)
    first_on = models.DateField(null=True)
    processes = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    steps = models.JSONField(default=list)
    steps_on = models.DateField(null=True)
    open_steps = models.IntegerField(default=0)
    blocked = models.BooleanField(default=False)
    revision = models.BigIntegerField(default=0)

    class Meta:
        db_table = "onward_person_now"
        indexes = [
            models.Index(fields=["operation", "household"], name="person_household"),
            models.Index(fields=["operation", "stage"], name="person_stage"),
            models.Index(fields=["operation", "office"], name="person_office"),
            models.Index(fields=["operation", "blocked"], name="person_blocked"),
        ]


class ThingNow(Here):
    """The latest word on everything that is not a person: a consent, a claim, an assurance …"""

    pk = models.CompositePrimaryKey("operation", "kind", "thing")
    kind = models.CharField(max_length=40)
    thing = models.CharField(max_length=80)
    person = models.CharField(max_length=80, null=True)
    household = models.CharField(max_length=80, null=True)
    facts = models.JSONField(default=dict)
    first_on = models.DateField(null=True)
    revision = models.BigIntegerField(default=0)

    class Meta:
        db_table = "onward_thing_now"
        indexes = [
            models.Index(fields=["operation", "person", "household"], name="thing_person"),
            models.Index(fields=["operation", "household"], name="thing_household"),
        ]


class ProjectionState(Here):
    """How far the projection has read the log, and whose steps are out of date.

    seq        the last event folded in
    on         the day it was folded for
    steps_seq  an event that bears on everybody (an assurance, a rulebook) makes all steps out of
               date: the log as it was when everybody's were last judged
    """

    pk = models.CompositePrimaryKey("operation", "name")
    name = models.CharField(max_length=20, default="now")
    seq = models.BigIntegerField(default=0)
    on = models.DateField(null=True, db_column="on_day")
    rulebook = models.CharField(max_length=64, default="")
    steps_seq = models.BigIntegerField(default=0)
    steps_on = models.DateField(null=True)

    class Meta:
        db_table = "onward_projection_state"
