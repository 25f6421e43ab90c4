"""The register of breaches holds those of movements too, and who closed each."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0007_sealed_files")]

    operations = [
        migrations.AddField(
            "breach", "event", models.CharField(blank=True, default="", max_length=36)
        ),
        migrations.AddField(
            "breach", "closed_by", models.CharField(blank=True, default="", max_length=80)
        ),
        migrations.AlterField(
            "breach", "what", models.CharField(blank=True, default="", max_length=400)
        ),
        migrations.AlterField("breachnotice", "whom", models.CharField(max_length=120)),
        migrations.AddField("breachnotice", "decided_at", models.DateTimeField(null=True)),
    ]
