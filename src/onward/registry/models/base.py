"""What every table of the record shares: its key leads with the operation.

A server may hold many operations. The key leads with the operation so that tables can be
partitioned or distributed by it; the manager shows this process's operation and no other, and
on PostgreSQL row-level security says the same a second time.
"""

from __future__ import annotations

from typing import Any

from django.db import models


class HereManager(models.Manager):  # type: ignore[type-arg]
    """Rows of the operation that this process has open."""

    def get_queryset(self) -> Any:
        from onward.registry.site import current

        return super().get_queryset().filter(operation=current().operation)


class Here(models.Model):
    """A row of one operation."""

    operation = models.CharField(max_length=80)
    objects = HereManager()

    class Meta:
        abstract = True
