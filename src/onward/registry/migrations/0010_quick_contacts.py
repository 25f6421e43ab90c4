"""Columns and indexes by which contacts are counted without opening a row. Rows that are there are
made again: their state has another name (`now.how_far`)."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0009_own_words")]

    operations = [
        migrations.AddField("thingnow", "tried", models.DateField(null=True)),
        migrations.AddField(
            "thingnow", "concern", models.BooleanField(db_default=False, default=False)
        ),
        migrations.RemoveIndex("thingnow", "thing_due_office"),
        migrations.RemoveIndex("thingnow", "thing_due"),
        migrations.AddIndex(
            "thingnow",
            models.Index(
                fields=["operation", "kind", "office", "due", "person", "tried"],
                name="thing_due_office",
            ),
        ),
        migrations.AddIndex(
            "thingnow",
            models.Index(
                fields=["operation", "kind", "due", "person", "tried"], name="thing_due"
            ),
        ),
        migrations.AddIndex(
            "thingnow",
            models.Index(
                condition=models.Q(("concern", True)),
                fields=["operation", "person", "office"],
                name="thing_concern",
            ),
        ),
    ]
