"""Every address of the site: signing in, then the desk."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("onward.registry.urls")),
    path("", include("onward.desk.urls")),
]
