"""Identity, encrypted field by field, and the wrapped keys that open it."""

from __future__ import annotations

from django.db import models

from onward.registry.models.base import Here


class WrappedKey(Here):
    """A data key of one person (or of an office), wrapped by the key above it.

    purpose  "identity", or "sealed" for claim grounds, health and the like
    """

    pk = models.CompositePrimaryKey("operation", "purpose", "owner")
    purpose = models.CharField(max_length=20)
    owner = models.CharField(max_length=80)
    key_id = models.CharField(max_length=36)
    above = models.CharField(max_length=36)
    wrapped = models.BinaryField()

    class Meta:
        db_table = "onward_wrapped_key"
        indexes = [models.Index(fields=["operation", "above"], name="wrapped_above")]


class Identity(Here):
    """One field of one person, encrypted and bound to this row.

    turn  the change of the vault with which it was written: what a search reads again
    """

    pk = models.CompositePrimaryKey("operation", "person", "field")
    person = models.CharField(max_length=80)
    field = models.CharField(max_length=120)
    row = models.CharField(max_length=36)
    key_id = models.CharField(max_length=36)
    sealed = models.BinaryField()
    turn = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "onward_identity"
        indexes = [
            models.Index(fields=["operation", "field"], name="identity_field"),
            models.Index(fields=["operation", "turn"], name="identity_turn"),
        ]


class Attachment(Here):
    """A scan or photograph kept with something recorded about a person, encrypted whole.

    reference  what the event carries: SHA-256 over the salt and the file; the salt is inside
    about      the kind of record it was attached to, or "person"; thing: that record, when known
    purpose    which of the person's two keys it is under
    """

    pk = models.CompositePrimaryKey("operation", "reference")
    reference = models.CharField(max_length=64)
    person = models.CharField(max_length=80)
    about = models.CharField(max_length=80)
    thing = models.CharField(max_length=80, blank=True, default="")
    media = models.CharField(max_length=20)
    size = models.IntegerField()
    day = models.CharField(max_length=10)
    by = models.CharField(max_length=80, db_column="by_whom")
    purpose = models.CharField(max_length=20)
    key_id = models.CharField(max_length=36)
    sealed = models.BinaryField()

    class Meta:
        db_table = "onward_attachment"
        indexes = [models.Index(fields=["operation", "person"], name="attachment_person")]


class Grave(Here):
    """A person whose key was destroyed, so that a restored backup destroys it again."""

    pk = models.CompositePrimaryKey("operation", "person")
    person = models.CharField(max_length=80)
    destroyed = models.CharField(max_length=27)
    by = models.CharField(max_length=80, db_column="by_whom")

    class Meta:
        db_table = "onward_grave"


class Secret(Here):
    """Small secrets of the operation itself, encrypted: the row-key secret, the signing key."""

    pk = models.CompositePrimaryKey("operation", "name")
    name = models.CharField(max_length=80)
    sealed = models.BinaryField()

    class Meta:
        db_table = "onward_secret"
