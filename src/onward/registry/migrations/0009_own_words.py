"""What somebody says is wrong in their file, sealed, and the events that put it right."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0008_breach_register")]

    operations = [
        migrations.AddField(
            "rightsrequest",
            "words_key",
            models.CharField(blank=True, default="", max_length=36),
        ),
        migrations.AddField("rightsrequest", "words", models.BinaryField(default=bytes)),
        migrations.AddField("rightsrequest", "corrections", models.JSONField(default=list)),
    ]
