"""The caseload as it is now, one row per person and per thing: made from the log, never the truth.

Anything here can be thrown away and made again (`registry.now.projection.rebuild`).
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
    held       of somebody blocked, the findings that hold the own steps back: " G3.consent … "
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
    held = models.TextField(default="", db_default="")
    revision = models.BigIntegerField(default=0)

    class Meta:
        db_table = "onward_person_now"
        indexes = [
            models.Index(fields=["operation", "household"], name="person_household"),
            # Lists are read in the order of waiting, counts without opening a row.
            models.Index(
                fields=["operation", "office", "active", "stage_since", "person"],
                name="person_office_waits",
            ),
            models.Index(
                fields=["operation", "office", "stage", "active", "stage_since", "person"],
                name="person_office_stage",
            ),
            models.Index(
                fields=["operation", "active", "stage_since", "person"], name="person_waits"
            ),
            models.Index(
                fields=["operation", "stage", "active", "stage_since", "person"],
                name="person_stage_waits",
            ),
            models.Index(
                fields=[
                    "operation", "office", "active", "household", "pathway", "destination",
                    "blocked", "adult", "person",
                ],
                name="person_households",
            ),
            models.Index(
                fields=["operation", "office", "active", "blocked", "held"], name="person_held"
            ),
            models.Index(
                fields=["operation", "office", "active", "open_steps", "stage"],
                name="person_stuck",
            ),
        ]  # fmt: skip


class ThingNow(Here):
    """The latest word on everything that is not a person: a consent, a claim, an assurance …

    office  of the person it is about; null when that is nobody known
    due     the day from which somebody has to see to it, while nobody has: an appointment, a
            follow-up, a complaint to triage, a grave incident to review
    tried   of a contact that has such a day: the day on which it was tried or made
    concern somebody was found worried or harmed, and nobody has said what was made of it
    ends    the last day on which it counts, by the rulebook's conditions (`plan.clocks`)
    """

    pk = models.CompositePrimaryKey("operation", "kind", "thing")
    kind = models.CharField(max_length=40)
    thing = models.CharField(max_length=80)
    person = models.CharField(max_length=80, null=True)
    household = models.CharField(max_length=80, null=True)
    office = models.CharField(max_length=80, null=True)
    due = models.DateField(null=True)
    tried = models.DateField(null=True)
    concern = models.BooleanField(default=False, db_default=False)
    ends = models.DateField(null=True)
    facts = models.JSONField(default=dict)
    first_on = models.DateField(null=True)
    revision = models.BigIntegerField(default=0)

    class Meta:
        db_table = "onward_thing_now"
        indexes = [
            models.Index(fields=["operation", "person", "household"], name="thing_person"),
            models.Index(fields=["operation", "household"], name="thing_household"),
            models.Index(
                fields=["operation", "kind", "office", "due", "person", "tried"],
                name="thing_due_office",
            ),
            models.Index(
                fields=["operation", "kind", "due", "person", "tried"], name="thing_due"
            ),
            # As `thing_person` begins, so that the embedded database takes it for every reach.
            models.Index(
                fields=["operation", "person", "office"],
                name="thing_concern",
                condition=models.Q(concern=True),
            ),
            models.Index(fields=["operation", "office", "ends"], name="thing_ends_office"),
            models.Index(fields=["operation", "ends"], name="thing_ends"),
            models.Index(
                fields=["operation", "kind"],
                name="thing_of_nobody",
                condition=models.Q(person__isnull=True, household__isnull=True),
            ),
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
