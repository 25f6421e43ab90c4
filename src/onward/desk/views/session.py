"""The choice of language: kept in a cookie of its own, which says nothing about anybody."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language


def language(request: HttpRequest) -> HttpResponse:
    wanted = request.POST.get("language", "")
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = "/"
    response = HttpResponseRedirect(back, status=303)
    if wanted in dict(settings.LANGUAGES) and check_for_language(wanted):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, wanted, samesite="Strict", httponly=True,
            max_age=365 * 86400,
        )  # fmt: skip
        account = request.user
        if account.is_authenticated and account.language != wanted:
            account.language = wanted
            account.save(update_fields=["language"])
    return response


urls = [path("language/", language, name="language")]
