"""The words of the pages in each language: read through, and approved by whoever answers for them.

What is shipped is a draft, and every page and paper in that language says so. Here a named person
reads the words beside the English ones and approves this version; when the words change, only what
changed has to be read again.
"""

from __future__ import annotations

import re
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from onward.caseload.events import TEXT_LIMIT
from onward.desk import forms, here
from onward.desk.views.shared import PAGE, Page, done, fresh_or_kept, page, typed_before
from onward.errors import OnwardError
from onward.registry import wordings as kept_words
from onward.registry.models import Account

FILLED_IN = re.compile(r"%(?:\((\w+)\))?[sd](?![a-z])")
SIGNS = 12
"""Of a version so many signs are shown, as of every other hash."""


@page("sheets", "text.approve")
def wordings(request: HttpRequest) -> HttpResponse:
    """Every language, its version and who answers for it."""
    return render(
        request,
        "desk/wordings.html",
        {"rows": [_about(language) for language in kept_words.LANGUAGES]},
    )


@page("sheets", "text.approve", methods=("GET", "POST"))
def wording(request: HttpRequest, language: str) -> HttpResponse:
    """The words of one language beside the English ones, and the approval."""
    if language not in kept_words.LANGUAGES:
        raise Http404
    about = _about(language)
    typed = typed_before(request) or {}
    form = forms.Form(
        [
            forms.Input("why", _("What the approval rests on"), "text", required=True, limit=TEXT_LIMIT,
                        value=typed.get("why", ""),
                        hint=_("Who read the words, by their role, as: counsellor and two interpreters. No names.")),
        ]
    )  # fmt: skip
    extra: dict[str, Any] = {}
    if request.method == "POST":
        operation, back = here.operation(), request.POST.get("do") == "withdraw"
        if not back:
            form.read(request.POST)
        if form.valid:
            signed_in = fresh_or_kept(request)
            try:
                if back:
                    kept_words.withdraw(
                        request.user, operation, language, on=here.today(), signed_in=signed_in
                    )
                else:
                    kept_words.approve(
                        request.user, operation, language, request.POST.get("version", ""),
                        on=here.today(), why=str(form.facts["why"]), signed_in=signed_in,
                    )  # fmt: skip
            except OnwardError as problem:
                extra["faults"] = [str(problem)]
            else:
                said = (
                    _("The approval was taken back: the words are a draft again.") if back
                    else _("The words are approved: nothing says any more that they are a draft.")
                )  # fmt: skip
                return done(request, said, "desk:wordings")
    changed = kept_words.changed(here.operation(), language)
    show = request.GET.get("show", "")
    texts = (
        changed if show == "changed" and changed is not None else kept_words.texts_of(language)
    )
    # Whole sentences first, then those that begin with what is filled in.
    ordered = sorted(
        texts.items(), key=lambda row: (not row[0][0].isalpha(), row[0].casefold())
    )
    rows = [(_readable(english), _readable(said)) for english, said in ordered]
    whole = request.GET.get("all") == "yes"
    return render(
        request, "desk/wording.html",
        {"about": about, "form": form, "show": show, "changed": changed, "whole": whole,
         "page": _page(request, rows, whole=whole), **extra},
        status=422 if form.problems or extra else 200,
    )  # fmt: skip


def _about(language: str) -> dict[str, Any]:
    operation = here.operation()
    found = kept_words.approval_of(operation, language)
    by = Account.objects.filter(id=found.by).first() if found is not None else None
    return {
        "language": language,
        "name": get_language_info(language)["name_local"],
        "right_to_left": get_language_info(language)["bidi"],
        "version": kept_words.version_of(language),
        "short": kept_words.version_of(language)[:SIGNS],
        "texts": len(kept_words.texts_of(language)),
        "approval": found,
        "by": str(by) if by is not None else (found.by if found else ""),
    }


def _readable(text: str) -> str:
    """A text as whoever reads it through sees it: what a page fills in stands in brackets, in its
    own direction, or a mark of the program would tear the sentence apart."""
    return FILLED_IN.sub(lambda found: f"\u2066[{found[1] or '…'}]\u2069", text)


def _page(request: HttpRequest, rows: list[tuple[str, str]], *, whole: bool) -> Page:
    """The page asked for, or all of them on one, to be printed."""
    query = request.GET.copy()
    query.pop("page", None)
    if whole:
        return Page(rows, 1, len(rows), query.urlencode())
    asked = request.GET.get("page", "1")
    number = int(asked) if asked.isascii() and asked.isdecimal() else 1
    number = min(max(number, 1), max(-(-len(rows) // PAGE), 1))
    start = (number - 1) * PAGE
    return Page(rows[start : start + PAGE], number, len(rows), query.urlencode())


urls = [
    path("words/", wordings, name="wordings"),
    path("words/<str:language>/", wording, name="wording"),
]
