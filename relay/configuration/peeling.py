"""Every mistake in a table, not only those that pydantic reaches: peel a layer off, look again.

Owns the loop that notes mistakes, takes them out of a copy, and validates what is left. It must never know which model it
peels. The trap: taking out a wrong value may leave a required setting missing, or shift a list; so a value in a list goes
with its whole list, and a setting that was wrong is not reported again as missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from relay.configuration.lines import Path
from relay.configuration.relations import Finding
from relay.configuration.wording import describe, near

PASSES_MAX = 16  # each pass takes a layer out: as many as a model is deep, and one more for its relations

Table: TypeAlias = dict[str, object]
M = TypeVar("M", bound=BaseModel)

_SENTENCES = re.compile(r'; (?=[a-z ]+ "|[a-z_]+(?:\.[a-z_]+)*: )')


def peel(model: type[M], data: Table) -> tuple[list[Finding], M | None]:
    """Note the mistakes, take them out of `data`, look again: until what is left is right, or cannot be made right."""
    findings: list[Finding] = []
    for _ in range(PASSES_MAX):
        try:
            return findings, parse(model, data)
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False)
        mended: list[Path] = []  # in this pass
        known = {finding.path for finding in findings}
        for error in errors:
            path, is_missing = tuple(error["loc"]), error["type"] == "missing"
            if not (is_missing and (path in known or _is_misspelt(path, errors))):
                problem, suggestion = describe(error, path, model)
                # a model that checks several relations says them all in one sentence
                for part in _SENTENCES.split(problem) if error["type"] == "value_error" else [problem]:
                    findings.append(Finding((*path, *_named_in(part, _at(data, path))), part, suggestion))
            if not any(path[: len(done)] == done for done in mended):
                mended += _mend(data, path, is_missing)
        if not mended:
            break
    return findings, None


def parse(model: type[M], data: Table) -> M:
    # Through JSON, because pydantic's strict mode takes a list for a tuple, and text for an enum, there and only there.
    return model.model_validate_json(msgspec.json.encode(data))


def _is_misspelt(missing: Path, errors: list[ErrorDetails]) -> bool:
    """Is the missing setting there under a similar name, and that name reported with this one as the suggestion?"""
    strangers = [str(e["loc"][-1]) for e in errors if e["type"] == "extra_forbidden" and e["loc"][:-1] == missing[:-1]]
    return any(near(name, [str(missing[-1])]) for name in strangers)


def _mend(data: Table, path: Path, is_missing: bool) -> Iterator[Path]:
    """Take the mistake at `path` out of `data`: the innermost named setting around it, or fill in what is missing.

    Yields what was changed: nothing when the mistake is one of the whole.
    """
    if is_missing:
        table = _at(data, path[:-1])
        fill = {"name": f"unnamed-{'-'.join(map(str, path[:-1]))}", "endpoint": "tcp:host=127.0.0.1:port=9"}
        if isinstance(table, dict) and path[-1] in fill:
            table[str(path[-1])] = fill[str(path[-1])]
            yield path
            return
        path = path[:-1]
    while path:
        table = _at(data, path[:-1])
        if isinstance(table, dict) and path[-1] in table:
            del table[str(path[-1])]
            yield path
            return
        path = path[:-1]


def _at(data: object, path: Path) -> object:
    for part in path:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _named_in(problem: str, table: object) -> Path:
    """The part of `table` that a sentence such as `key.date: ...` or `kind "x" has ...` is about; empty when unclear."""
    lead = re.match(r"([a-z0-9_]+(?:\.[a-z0-9_]+)*): ", problem)
    path: Path = tuple(lead[1].split(".")) if lead else ()
    if path and _at(table, path) is not None:
        quoted = [(*path, name) for name in re.findall(r'"([^"]+)"', problem)]
        return next((inner for inner in quoted if _at(table, inner) is not None), path)
    for name in re.findall(r'"([^"]+)"', problem):
        for outer, inner in table.items() if isinstance(table, dict) else ():
            if isinstance(inner, dict) and name in inner:
                return (outer, name)
            if isinstance(inner, dict) and name in inner.values():
                return (outer, next(key for key, value in inner.items() if value == name))
            if inner == name:
                return (outer,)
    return ()
