"""What was written stays: triggers refuse change and removal on both databases."""

from __future__ import annotations

from typing import Any

from django.db import migrations

TABLES = ("onward_event", "onward_tree_head", "onward_access_log")


def forward(apps: Any, schema_editor: Any) -> None:
    from onward.registry.database import append_only, walls

    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            walls.partition_events(cursor)
    append_only.install(schema_editor.connection, TABLES)


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]
    operations = [migrations.RunPython(forward, migrations.RunPython.noop)]
