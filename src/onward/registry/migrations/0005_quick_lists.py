"""Columns and indexes by which lists and counts are read without opening every row."""

from typing import Any

from django.db import migrations, models


def make_again(apps: Any, schema_editor: Any) -> None:
    """The new columns of rows that are there are empty: every list is made from the log again."""
    table = "onward_projection_state"
    server = schema_editor.connection.vendor == "postgresql"
    with schema_editor.connection.cursor() as cursor:
        if server:  # of every operation, not only of the one that is open
            cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        cursor.execute(f"UPDATE {table} SET seq = -1")
        if server:
            cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0004_grant"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="personnow",
            name="person_stage",
        ),
        migrations.RemoveIndex(
            model_name="personnow",
            name="person_office",
        ),
        migrations.RemoveIndex(
            model_name="personnow",
            name="person_blocked",
        ),
        migrations.AddField(
            model_name="identity",
            name="turn",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="personnow",
            name="held",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="thingnow",
            name="due",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="thingnow",
            name="ends",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="thingnow",
            name="office",
            field=models.CharField(max_length=80, null=True),
        ),
        migrations.AddIndex(
            model_name="identity",
            index=models.Index(fields=["operation", "turn"], name="identity_turn"),
        ),
        migrations.AddIndex(
            model_name="personnow",
            index=models.Index(
                fields=["operation", "office", "active", "stage_since", "person"],
                name="person_office_waits",
            ),
        ),
        migrations.AddIndex(
            model_name="personnow",
            index=models.Index(
                fields=["operation", "office", "stage", "active", "stage_since", "person"],
                name="person_office_stage",
            ),
        ),
        migrations.AddIndex(
            model_name="personnow",
            index=models.Index(
                fields=["operation", "active", "stage_since", "person"], name="person_waits"
            ),
        ),
        migrations.AddIndex(
            model_name="personnow",
            index=models.Index(
                fields=["operation", "stage", "active", "stage_since", "person"],
                name="person_stage_waits",
            ),
        ),
        migrations.AddIndex(
            model_name="personnow",
            index=models.Index(
                fields=[
                    "operation",
                    "office",
                    "active",
                    "household",
                    "pathway",
                    "destination",
                    "blocked",
                    "adult",
                    "person",
                ],
                name="person_households",
            ),
        ),
        migrations.AddIndex(
            model_name="personnow",
            index=models.Index(
                fields=["operation", "office", "active", "blocked", "held"], name="person_held"
            ),
        ),
        migrations.AddIndex(
            model_name="thingnow",
            index=models.Index(
                fields=["operation", "kind", "office", "due", "person"], name="thing_due_office"
            ),
        ),
        migrations.AddIndex(
            model_name="thingnow",
            index=models.Index(fields=["operation", "kind", "due"], name="thing_due"),
        ),
        migrations.AddIndex(
            model_name="thingnow",
            index=models.Index(
                fields=["operation", "office", "ends"], name="thing_ends_office"
            ),
        ),
        migrations.AddIndex(
            model_name="thingnow",
            index=models.Index(fields=["operation", "ends"], name="thing_ends"),
        ),
        migrations.AddIndex(
            model_name="thingnow",
            index=models.Index(
                condition=models.Q(("household__isnull", True), ("person__isnull", True)),
                fields=["operation", "kind"],
                name="thing_of_nobody",
            ),
        ),
        migrations.RunPython(make_again, migrations.RunPython.noop),
    ]
