"""Scans and photographs kept with something recorded about a person."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0002_append_only"),
    ]

    operations = [
        migrations.CreateModel(
            name="Attachment",
            fields=[
                ("operation", models.CharField(max_length=80)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "operation",
                        "reference",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("reference", models.CharField(max_length=64)),
                ("person", models.CharField(max_length=80)),
                ("about", models.CharField(max_length=80)),
                ("thing", models.CharField(blank=True, default="", max_length=80)),
                ("media", models.CharField(max_length=20)),
                ("size", models.IntegerField()),
                ("day", models.CharField(max_length=10)),
                ("by", models.CharField(db_column="by_whom", max_length=80)),
                ("purpose", models.CharField(max_length=20)),
                ("key_id", models.CharField(max_length=36)),
                ("sealed", models.BinaryField()),
            ],
            options={
                "db_table": "onward_attachment",
                "indexes": [
                    models.Index(fields=["operation", "person"], name="attachment_person")
                ],
            },
        ),
    ]
