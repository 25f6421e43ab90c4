"""What the framework may write to a log: which page broke and where, never what was in it.

Exists because the framework's own lines carry addresses, and its debugging lines whole pages. In
comes Django set up; afterwards no level of logging, asked for by anybody, shows what was typed or
shown.
"""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

SILENT = (
    "django.template",
    "django.db.backends",
    "django.db.backends.schema",
    "axes",
    "urllib3",
)
"""Their debugging lines hold values."""

REQUESTS = ("django.request", "django.server")

SECURITY = "django.security"
"""Beneath it each kind of refusal has a logger of its own, which filters set here would not reach."""


class WithoutContents(logging.Filter):
    """A line about a request becomes: status, the page's name, the kind of error and its place."""

    def filter(self, record: logging.LogRecord) -> bool:
        request: Any = getattr(record, "request", None)
        match = getattr(request, "resolver_match", None)
        said = [
            str(getattr(record, "status_code", record.levelname)),
            match.view_name if match else "-",
        ]
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            frames = traceback.extract_tb(error.__traceback__)
            place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "-"
            said += [type(error).__name__, place]
        record.msg, record.args = " ".join(said), ()
        record.exc_info = record.exc_text = record.stack_info = None
        record.__dict__.pop("request", None)
        return True


class Retold(logging.Handler):
    """What any logger beneath one says, said again without its contents."""

    def emit(self, record: logging.LogRecord) -> None:
        WithoutContents().filter(record)
        logging.getLogger("onward.refused").log(record.levelno, record.msg)


def quiet() -> None:
    """Make it so; may be called again."""
    security = logging.getLogger(SECURITY)
    security.propagate = False
    if not any(isinstance(each, Retold) for each in security.handlers):
        security.addHandler(Retold())
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in REQUESTS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, WithoutContents) for each in logger.filters):
            logger.addFilter(WithoutContents())
