"""The desk as Django knows it."""

from __future__ import annotations

from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "onward.desk"
    label = "desk"
    verbose_name = "Desk"
