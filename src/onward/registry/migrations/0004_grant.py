"""A sealed list of who was given what; what stands in an older record is taken as it is, once."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models


def forward(apps: Any, schema_editor: Any) -> None:
    from onward.registry.database import append_only
    from onward.registry.permissions import grants

    append_only.install(schema_editor.connection, [grants.TABLE])
    grants.seal_what_is_there(apps.get_model)


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0003_attachment"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [
        migrations.CreateModel(
            name="Grant",
            fields=[
                ("operation", models.CharField(max_length=80)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "operation",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("number", models.BigIntegerField()),
                ("subject", models.CharField(max_length=60)),
                ("content", models.TextField()),
                ("before", models.BinaryField()),
                ("seal", models.BinaryField()),
            ],
            options={
                "db_table": "onward_grant",
                "indexes": [
                    models.Index(fields=["operation", "subject", "number"], name="grant_of")
                ],
            },
        ),
        migrations.RunPython(forward, migrations.RunPython.noop),
    ]
