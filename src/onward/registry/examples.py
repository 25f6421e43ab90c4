"""Makes an operation from a shipped example, as an office would: settings, plan, then its lists.

Everybody in an example is invented, and the operation is marked a demonstration.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from onward.registry.importing.commit import Importer, lists_of
from onward.registry.opening import create_operation
from onward.registry.operation import Operation
from onward.registry.settings import FILES, read_settings
from onward.rulebook.load import shipped_path
from onward.shipped import example


def new_from_example(
    directory: Path,
    name: str,
    *,
    say: Callable[[str], None] = lambda text: None,
    store: str = FILES,
    key_file: str = "",
    prepare: Callable[[Path], None] | None = None,
) -> Operation:
    """A new operation folder from an example, its lists brought in.

    say     told what is being done
    store, key_file, prepare   as in `Settings` and `create_operation`, for an encrypted copy
    raises  OnwardError when the example is unknown or the folder not empty
    """
    source = example(name)
    settings = replace(read_settings(source / "operation.toml"), store=store, key_file=key_file)
    ends = settings.data_ends
    instant = datetime.combine(ends + timedelta(days=1), time(6), UTC) if ends else None
    operation = create_operation(
        directory,
        settings,
        rulebook_text=shipped_path(settings.kind).read_text("utf-8"),
        effective=(source / "first-day.txt").read_text("utf-8").strip(),
        by="administrator",
        plan_text=(source / "plan.yaml").read_text("utf-8"),
        instant=instant,
        prepare=prepare,
    )
    # The lists carry names in clear: they are not laid beside an encrypted record.
    lists = () if settings.encrypted else ("profiles", "lists", "logs")
    for folder in (*lists, "messages", "scenarios"):
        if (source / folder).is_dir():
            shutil.copytree(source / folder, directory / folder, dirs_exist_ok=True)
    if (source / "levers.yaml").exists():
        shutil.copy(source / "levers.yaml", directory / "levers.yaml")
    if lists:
        shutil.copy(source / "imports.yaml", directory / "imports.yaml")
    importer = Importer(operation, clock=lambda: instant or datetime.now(UTC))
    jobs = lists_of((directory if lists else source) / "imports.yaml")
    for number, (file, profile) in enumerate(jobs, 1):
        receipt = importer.bring(file, profile)
        say(f"{number}/{len(jobs)} {receipt.list}: {receipt.rows:,} rows")
    if settings.encrypted and (source / "breaches.yaml").exists():
        # Plain files keep no register, and load no database.
        from onward.registry.example_breaches import bring

        bring(operation, source / "breaches.yaml")
    return operation
