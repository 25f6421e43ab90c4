"""Bringing a store's tables up to date, each step of it whole or not at all.

Exists because Django notes some steps only after it has ended their transaction: a process killed
between the two leaves tables that the next upgrade tries to make again. Here a step and its note are
one transaction, on both databases.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.migrations.executor import MigrationExecutor


class StepByStep(MigrationExecutor):
    """Applies a step and notes that it did in one transaction."""

    def apply_migration(self, state: Any, migration: Any, *given: Any, **named: Any) -> Any:
        with _references_unchecked(), transaction.atomic():
            return super().apply_migration(state, migration, *given, **named)


def is_waiting() -> bool:
    """Whether this store lacks a step."""
    executor = StepByStep(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def migrate() -> None:
    """Take every step that this store lacks."""
    executor = StepByStep(connection)
    executor.loader.check_consistent_history(connection)
    targets = executor.loader.graph.leaf_nodes()
    plan = executor.migration_plan(targets)
    emit_pre_migrate_signal(0, False, DEFAULT_DB_ALIAS, plan=plan)
    executor.migrate(targets, plan)
    emit_post_migrate_signal(0, False, DEFAULT_DB_ALIAS, plan=plan)


@contextmanager
def _references_unchecked() -> Iterator[None]:
    """The embedded database can stop checking references only outside a transaction; Django looks
    at all of them itself at the end of each step."""
    if connection.vendor != "sqlite":
        yield
        return
    connection.disable_constraint_checking()
    try:
        yield
    finally:
        connection.enable_constraint_checking()
