"""Several statements in one trip to the database.

Exists because a short statement costs a server next to nothing and everybody else a wait: the desk
gives its turn away, the server takes one, and on a busy machine each waits for the processor again.
In come questions that do not need each other's answers, or changes that belong together; out come
rows. A server gets them as one message and answers them in order, each with what is known at that
moment; the embedded database is asked one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, TypeAlias
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.query import (
    FlatValuesListIterable,
    ModelIterable,
    ValuesListIterable,
)

Statement: TypeAlias = tuple[str, Sequence[Any]]
Question: TypeAlias = "Statement | QuerySet[Any]"


def ask(*questions: Question | _Asked) -> list[list[Any]]:
    """The answers, in order: rows of a statement, and of a queryset what it yields.

    A queryset yields its models, or rows where it is a `values_list`.
    """
    made = [each if isinstance(each, _Asked) else _Asked(each) for each in questions]
    sent = [each for each in made if each.statement is not None]
    for each, rows in zip(sent, _rows([each.statement for each in sent]), strict=True):
        each.rows = rows
    return [each.answer() for each in made]


def send(statements: Sequence[Statement]) -> None:
    """Make changes that belong together, in order, inside the transaction that is open."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and len(statements) > 1:
            cursor.execute(*_joined(statements))
            return
        for text, values in statements:
            cursor.execute(text, values)


def inserted(row: Model) -> Statement:
    """The statement that adds one row."""
    fields = row._meta.concrete_fields
    values = [f.get_db_prep_save(getattr(row, f.attname), connection) for f in fields]
    names = ", ".join(_quoted(f.column) for f in fields)
    marks = ", ".join(["%s"] * len(fields))
    return f"INSERT INTO {_table(type(row))} ({names}) VALUES ({marks})", values


def changed(
    model: type[Model],
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    at_least: Mapping[str, Any] | None = None,
) -> Statement:
    """The statement that changes rows with these values of fields.

    at_least  field -> value that it is raised to, and never lowered
    """
    parts, given = [], []
    for name, value in values.items():
        field = model._meta.get_field(name)
        parts.append(f"{_quoted(field.column)} = %s")  # type: ignore[union-attr]
        given.append(field.get_db_prep_save(value, connection))  # type: ignore[union-attr]
    for name, value in (at_least or {}).items():
        column = _quoted(model._meta.get_field(name).column)  # type: ignore[union-attr]
        parts.append(f"{column} = CASE WHEN {column} < %s THEN %s ELSE {column} END")
        given += [value, value]
    clause, where = _where(model, key)
    return f"UPDATE {_table(model)} SET {', '.join(parts)} WHERE {clause}", [*given, *where]


def removed(model: type[Model], key: Mapping[str, Any]) -> Statement:
    """The statement that removes rows with these values of fields; a list: any one of them."""
    clause, values = _where(model, key)
    return f"DELETE FROM {_table(model)} WHERE {clause}", values


class _Asked:
    """One question, put as a statement and read as what it asks for."""

    rows: Sequence[Any] = ()

    def __init__(self, question: Question) -> None:
        self.statement: Statement | None
        self._compiler: Any = None
        self._make: Any = None
        if not isinstance(question, QuerySet):
            self.statement = question
            return
        yields = question._iterable_class  # type: ignore[attr-defined]
        if issubclass(yields, ModelIterable):
            names = [field.attname for field in question.model._meta.concrete_fields]
            database, model = question.db, question.model
            self._make = lambda row: model.from_db(database, names, row)
            # A plain question already asks for every column, in this order, and is put much faster.
            query = question.query
            if query.deferred_loading[0] or not query.default_cols or query.annotations:
                question = question.values_list(*names)
        elif issubclass(yields, FlatValuesListIterable):
            self._make = lambda row: row[0]
        elif not issubclass(yields, ValuesListIterable):
            raise TypeError("a queryset of models or a values_list, nothing else")
        try:
            self._compiler = question.query.get_compiler(connection=connection)
            self.statement = self._compiler.as_sql()
        except EmptyResultSet:
            self.statement = None

    def about(self, key: UUID) -> _Asked:
        """The same question about another key than the one it was written for."""
        other = copy(self)
        if self.statement is not None:
            text, values = self.statement
            other.statement = text, [_about(value, key) for value in values]
        return other

    def answer(self) -> list[Any]:
        if self._compiler is None or self.statement is None:
            return list(self.rows)
        rows = self._compiler.results_iter([self.rows])
        return [self._make(row) if self._make else tuple(row) for row in rows]


_SOME = UUID("5f0e3c52-9d0b-4a3e-8f55-6b8f6d1c2a70")
"""The key that standing questions are written for."""


class Standing:
    """Questions that every page asks, each time about another key: written once, which takes longer
    than answering them.

    make   the questions about a key; they hang on nothing else but what is named in `of`
    """

    def __init__(self, make: Callable[[UUID], Sequence[Question]]) -> None:
        self._make = make
        self._written: dict[tuple[object, ...], list[_Asked]] = {}

    def of(self, key: UUID, *beside: object) -> list[_Asked]:
        """The questions about this key, for `ask`. beside: what else is written into them."""
        kind = (connection.vendor, *beside)
        if kind not in self._written:
            self._written[kind] = [_Asked(each) for each in self._make(_SOME)]
        return [each.about(key) for each in self._written[kind]]


def _about(value: Any, key: UUID) -> Any:
    if isinstance(value, str):
        return value.replace(str(_SOME), str(key)).replace(_SOME.hex, key.hex)
    return key if value == _SOME else value


def _rows(statements: Sequence[Statement | None]) -> list[list[Any]]:
    asked = [each for each in statements if each is not None]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and len(asked) > 1:
            cursor.execute(*_joined(asked))
            found = [cursor.fetchall()]
            while cursor.nextset():
                found.append(cursor.fetchall())
            return found
        found = []
        for text, values in asked:
            cursor.execute(text, values)
            found.append(cursor.fetchall())
        return found


def _joined(statements: Sequence[Statement]) -> Statement:
    return ";\n".join(text for text, _ in statements), [v for _, vs in statements for v in vs]


def _where(model: type[Model], key: Mapping[str, Any]) -> tuple[str, list[Any]]:
    parts, values = [], []
    for name, value in key.items():
        field = model._meta.get_field(name)
        several = value if isinstance(value, list | tuple) else [value]
        parts.append(f"{_quoted(field.column)} IN ({', '.join(['%s'] * len(several))})")  # type: ignore[union-attr]
        values += [field.get_db_prep_value(each, connection) for each in several]  # type: ignore[union-attr]
    return " AND ".join(parts), values


def _table(model: type[Model]) -> str:
    return _quoted(model._meta.db_table)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
