"""Files that an older record kept without a seal of their own are sealed where they lie, once."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def forward(apps: Any, schema_editor: Any) -> None:
    from onward.registry import kept
    from onward.registry.web import jobs

    kept.seal_what_is_there(apps.get_model)
    jobs.seal_what_is_there(apps.get_model)


class Migration(migrations.Migration):
    dependencies = [("registry", "0006_quick_home")]

    operations = [migrations.RunPython(forward, migrations.RunPython.noop)]
