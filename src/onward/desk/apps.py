"""The desk as Django knows it."""

from __future__ import annotations

from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "onward.desk"
    label = "desk"
    verbose_name = "Desk"

    def ready(self) -> None:
        """Reports made as long work are written in the languages of these pages."""
        from onward.desk.speech import speech_of
        from onward.registry import jobs

        jobs.speak_with(speech_of)
