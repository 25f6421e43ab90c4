"""Pages for what cannot be shown. A hidden person and a missing one look alike."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return render(request, "desk/error.html", {"what": "request"}, status=400)


def refused(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return render(request, "desk/error.html", {"what": "refused"}, status=403)


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return render(request, "desk/error.html", {"what": "missing"}, status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """Without the frame: whatever broke may break it as well."""
    return HttpResponse(loader.get_template("desk/broken.html").render(), status=500)
