"""What templates say again and again: icons, statuses, days, ids."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, override

from onward.desk import dates, forecast_words, here, list_words, sight, words
from onward.desk.proposal_counts import HIDDEN

register = template.Library()


@register.simple_tag
def icon(name: str, cls: str = "") -> SafeString:
    """A drawing from the one cached file; always beside a word, so hidden from readers."""
    return _icon(name, cls)


@lru_cache(1000)
def _icon(name: str, cls: str) -> SafeString:
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        cls, static("desk/icons.svg"), name,
    )  # fmt: skip


@register.simple_tag
def status(name: str, text: Any = "") -> SafeString:
    """A status: its colour, its icon and its word, always the three together."""
    return format_html(
        '<span class="status {}">{}{}</span>', name, icon(name), text or words.status(name)
    )


@register.filter
def first_id(field: Any) -> str:
    """The id a summary of errors leads to: of the field, or of its first answer."""
    return str(field.id_for_label or f"{field.auto_id}_0")


@register.simple_tag
def url_or_none(name: str, *args: Any) -> str:
    """The address of a page, or "" where this installation has no such page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@register.filter
def day(value: Any) -> SafeString | str:
    """A day or a partial date, in the reader's calendar, with the other one at hand."""
    if value in (None, ""):
        return "–"
    text = value.isoformat() if isinstance(value, date) else str(value)
    return _day(text, get_language() or "en", dates.spoken())


@lru_cache(4000)
def _day(text: str, language: str, spoken: tuple[str, ...]) -> SafeString | str:
    """One day for the readers of a language, where people speak these."""
    try:
        exact = date.fromisoformat(text[:10]) if len(text) == 10 else None
    except ValueError:
        exact = None
    if exact is None:
        return format_html("<bdi>{}</bdi>", dates.shown_partly(text))
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        exact.isoformat(), dates.both(exact), dates.shown(exact),
    )  # fmt: skip


@register.filter
def weekday(value: date) -> str:
    return dates.weekday(value)


@register.filter
def moment(value: str) -> str:
    return dates.moment(value) if value else "–"


@register.filter
def number(value: Any) -> str:
    """A count with thousands apart, in the reader's digits."""
    if value is None:
        return "–"
    return HIDDEN if value == HIDDEN else dates.counted(value)


@register.filter
def percent(share: float | str | None) -> str:
    """A share of one as a percentage: one rule for every page."""
    if share == HIDDEN:
        return HIDDEN
    return "–" if share in (None, "") else dates.percent(float(share))


@register.filter
def whole(value: float | None) -> str:
    """A number that was worked out, to the nearest whole one."""
    return number(None if value is None else round(value))


@register.filter
def signed(value: float | None) -> SafeString | str:
    """A difference, to the nearest whole one, with its sign: "+69", "−23"."""
    if value is None:
        return "–"
    nearest = round(value)
    sign = "+" if nearest > 0 else "\u2212" if nearest < 0 else ""
    # The sign stands before the number in every script.
    return format_html('<bdi dir="ltr">{}</bdi>', sign + number(abs(nearest)))


@register.filter
def listed(parts: Any, mark: str = ",") -> str:
    """Words one after another, with the comma, or another mark, of the reader's script."""
    return words.listed(map(str, parts or ()), mark)


@register.simple_tag
def sign(mark: str) -> str:
    """A comma, a semicolon or a colon as the reader's language writes it."""
    return words.sign(mark)


@register.filter
def own_digits(text: str) -> str:
    """Digits of the reader's script, for a sentence that counts."""
    return dates.digits(text)


@register.filter
def short(value: str | None) -> SafeString | str:
    """A long random id as people can read it out: its first and last characters."""
    if not value:
        return "–"
    return format_html('<bdi class="code" title="{}">{}</bdi>', value, sight.short(value))


@register.filter
def unit(value: str | None) -> SafeString | str:
    """A movement unit's id, without the word that says of what kind it is."""
    return short((value or "").rpartition("/")[2])


@register.filter
def language_name_local(code: str) -> str:
    from django.utils.translation import get_language_info

    try:
        return str(get_language_info(code)["name_local"])
    except KeyError:
        return code


@register.filter
def language_said(code: str) -> str:
    """A language people are heard in, by its own name."""
    return words.language(code)


@register.filter
def say(value: Any) -> str:
    """A word of the rulebook (a state's title, a label, a remedy) in the reader's language."""
    return words.translated(str(value)) if value not in (None, "") else "–"


@register.filter
def steps_named(text: str) -> str:
    """A line of a scenario with the titles of steps in place of their keys (T7, T17.departed)."""
    return words.steps_named(here.rulebook(), text)


@register.filter
def site(name: Any) -> str:
    """A site or an office as people call it."""
    return words.site(str(name)) if name else "–"


@register.filter
def destination(code: Any) -> str:
    """Where somebody goes: the country or the site by its name, else as it was written."""
    return here.destination(str(code)) if code else ""


@register.filter
def english(text: str) -> SafeString | str:
    """A sentence a computing room wrote, with steps by their titles; marked as English where no
    catalogue has it, so that it is read out and ordered as such."""
    if (get_language() or "en").startswith("en"):
        return words.steps_named(here.rulebook(), text)
    if (said := list_words.said(text)) != text:
        return said
    return format_html('<span lang="en" dir="ltr">{}</span>', text)


@register.filter
def foretold(text: str) -> SafeString | str:
    """A sentence of the forecast room in the reader's words; else in English, with titles where
    it names offers, work and steps by their keys. What may not be told is left out before."""
    if said := forecast_words.said(text):
        return said
    if (get_language() or "en").startswith("en"):
        return forecast_words.in_plain(text)
    if (said := words.translated(text)) != text or (said := forecast_words.reported(text)):
        return said
    with override("en"):
        text = forecast_words.in_plain(text)
    return format_html('<span lang="en" dir="ltr">{}</span>', text)


@register.filter
def row_said(where: str) -> str:
    """The place of a fault in a list, in the reader's language: "row 3"."""
    return words.in_rows(where)


@register.filter
def headline(text: str) -> SafeString | str:
    """What a report says first, in the reader's language where it can be said in it."""
    said = words.headline(text or "")
    return said if said else format_html('<span lang="en" dir="ltr">{}</span>', text)


@register.filter
def file_said(name: str) -> SafeString:
    """A file that work made, by what it is."""
    said = words.FILES.get(name.rpartition(".")[2], "")
    return (
        format_html("{} <bdi>({})</bdi>", said, name.rpartition(".")[2])
        if said
        else format_html("<bdi>{}</bdi>", name)
    )


@register.filter
def progress(text: str) -> str:
    """How far long work is, in the reader's language."""
    return words.progress(text) if text else ""


@register.filter
def code(value: Any) -> str:
    """An allowed value of the rulebook in words."""
    return words.code(str(value)) if value else "–"


@register.filter
def logged(action: str) -> str:
    """What an account did, as the log of access says it."""
    return str(words.ACTIONS.get(action, action))


@register.filter
def get(mapping: Any, key: Any) -> Any:
    return mapping.get(key) if mapping else None


@register.filter
def svg(value: str) -> SafeString:
    """A drawing made by our own code, whose texts it has escaped."""
    return mark_safe(value)
