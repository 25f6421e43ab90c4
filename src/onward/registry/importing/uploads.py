"""Uploaded files stay in memory, whole or not at all.

Exists because the framework writes anything over 2.5 MB to a temporary file in clear, and, with
that switched off, drops a file that is too large without a word.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import MemoryFileUploadHandler


class MemoryOnly(MemoryFileUploadHandler):
    """Keeps a file in memory; refuses one over the limit, said or counted."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        if content_length > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig("The file is larger than 20 MB.")
        self.activated = True
        self._counted = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._counted += len(raw_data)
        if self._counted > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig("The file is larger than 20 MB.")
        super().receive_data_chunk(raw_data, start)
