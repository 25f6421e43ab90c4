"""Accounts: who may sign in, with which roles, for which office. There is no default account."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models, transaction
from django.utils import timezone

from onward.registry.models.base import Here


class AccountManager(BaseUserManager):  # type: ignore[type-arg]
    """Accounts of the operation this process has open; an account of another is nobody here."""

    def get_queryset(self) -> Any:
        from onward.registry.site import current

        return super().get_queryset().filter(operation=current().operation)

    def get_by_natural_key(self, username: str | None) -> Any:
        return self.get(username=username)


class Account(AbstractBaseUser):
    """Somebody who may sign in.

    username       what is typed to sign in; never the name of a person under protection
    display_name   what colleagues see
    roles          role ids of `registry/data/roles.yaml`
    office         "" for an account that belongs to no office
    organisation   a partner's organisation, for the reach "referred"
    frozen_at      set by an alarm or a person; a frozen account cannot sign in or go on
    not_before     every session that began before this instant is over
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    operation = models.CharField(max_length=80)
    username = models.CharField(max_length=60)
    display_name = models.CharField(max_length=80, blank=True, default="")
    role_ids = models.JSONField(default=list)
    office = models.CharField(max_length=80, blank=True, default="")
    organisation = models.CharField(max_length=80, blank=True, default="")
    language = models.CharField(max_length=12, blank=True, default="")
    is_active = models.BooleanField(default=True)
    frozen_at = models.DateTimeField(null=True)
    frozen_why = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=80, blank=True, default="")
    not_before = models.DateTimeField(null=True)
    demonstration = models.BooleanField(default=False)

    objects = AccountManager()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: tuple[str, ...] = ()

    class Meta:
        db_table = "onward_account"
        constraints = (
            models.UniqueConstraint(fields=["operation", "username"], name="account_username"),
        )

    forged: frozenset[uuid.UUID] | None = None
    """Its assignments that nobody gave, where it was read for a page (`grants.account_of`)."""

    # -- what the record's functions ask (registry.actors.Acting) -------------------------

    @property
    def account_id(self) -> str:
        return str(self.id)

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(self.role_ids)

    def get_full_name(self) -> str:
        return self.display_name or self.username

    def __str__(self) -> str:
        return self.display_name or self.username

    def save(self, *args: Any, **kwargs: Any) -> None:
        """At once with what listens to it: a new password is sealed, by whichever package."""
        with transaction.atomic():
            super().save(*args, **kwargs)


class Grant(Here):
    """One line of the list of what was given; only ever added to (see `registry.permissions.grants`).

    subject  "account:…", "factors:…", "recipient:…" or "assignment:…"
    content  canonical JSON of what was given
    before   the seal of the line before
    seal     HMAC-SHA-256 over `before` and this line, under a key that is not in the database
    """

    pk = models.CompositePrimaryKey("operation", "number")
    number = models.BigIntegerField()
    subject = models.CharField(max_length=60)
    content = models.TextField()
    before = models.BinaryField()
    seal = models.BinaryField()

    class Meta:
        db_table = "onward_grant"
        indexes = (models.Index(fields=["operation", "subject", "number"], name="grant_of"),)


class OneTimeLink(Here):
    """A link that lets one account choose its password, once, for a short time.

    digest  keyed digest of the code and of whose it is; the code is shown once and not kept
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="links")
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.CharField(max_length=80)
    ends_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "onward_one_time_link"


class Assignment(Here):
    """One person assigned to an account, or referred to a partner's organisation.

    until  null while it holds; kept afterwards, so that past reads can be explained
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.CharField(max_length=80)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, related_name="assignments"
    )
    organisation = models.CharField(max_length=80, blank=True, default="")
    reason = models.CharField(max_length=200)
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True)
    by = models.CharField(max_length=80, db_column="by_whom")

    class Meta:
        db_table = "onward_assignment"
        indexes = (
            models.Index(fields=["operation", "account", "until"], name="assigned_to"),
            models.Index(fields=["operation", "organisation", "until"], name="referred_to"),
            models.Index(fields=["operation", "person"], name="assigned_person"),
        )
