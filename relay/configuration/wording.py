"""A mistake in the operator's words: what is wrong, and what was probably meant.

Owns the sentence for every kind of error that the models can raise, and the guess. It must never read a file. The trap: the
value of a setting may be a secret that somebody pasted where a credential's *name* belongs, so the value of such a setting
is never repeated.
"""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterable, Iterator, Sequence

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from relay.configuration.lines import Path

_KNOWN_NAMES_MAX = 12
_SECRETIVE = re.compile(r"(^|_)(credential|key|token|password|secret)$")

_TYPES = {
    "int_type": ("a whole number", "write {bare} without quotes"),
    "int_from_float": ("a whole number", "write it without a decimal point"),
    "float_type": ("a number", "write {bare} without quotes"),
    "bool_type": ("true or false", "write {lower} without quotes"),
    "string_type": ("text", 'write "{bare}" in quotes'),
    "tuple_type": ("a list", 'write ["{bare}"]'),
    "list_type": ("a list", 'write ["{bare}"]'),
    "dict_type": ("a table", "write it as a table: {{ name = value }}"),
    "model_type": ("a table", "write it as a table: {{ name = value }}"),
    "model_attributes_type": ("a table", "write it as a table: {{ name = value }}"),
}


def near(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, or None. A name that only lacks its unit counts as near."""
    names = list(known)
    lower = {name.lower().replace("-", "_"): name for name in reversed(names)}
    plain = word.lower().replace("-", "_")
    if plain in lower:
        return lower[plain]
    longer = [name for folded, name in lower.items() if folded.startswith(plain + "_")]
    if len(longer) == 1:
        return longer[0]
    best = difflib.get_close_matches(plain, lower, n=1, cutoff=0.6)
    return lower[best[0]] if best else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known word, or lists them all where there are few."""
    names = sorted(known)
    guess = near(word, names)
    if guess is not None:
        return f'did you mean "{guess}"?'
    return f"known: {', '.join(names)}" if 0 < len(names) <= _KNOWN_NAMES_MAX else ""


def describe(error: ErrorDetails, path: Path, root: type[BaseModel]) -> tuple[str, str]:
    """Problem and suggestion of one pydantic error at `path` (from the root of the model `root`)."""
    kind = error["type"]
    context = error.get("ctx", {})
    shown = _shown(path, error["input"])
    if kind == "missing":
        return "this setting is required", _example(root, path)
    if kind == "extra_forbidden":
        return f'there is no setting "{path[-1]}" here', _whereabouts(path, root)
    if kind in {"literal_error", "enum"}:
        choices = str(context["expected"])
        known = choices.replace(" or ", ", ").replace("'", "").split(", ")
        guess = near(str(error["input"]), known)
        return f"{shown} is none of {choices}", f'did you mean "{guess}"?' if guess else ""
    if kind == "tuple_type" and isinstance(error["input"], dict) and len(path) == 1:
        return f"[{path[-1]}] is one of many", f"write it with two brackets: [[{path[-1]}]]"
    if kind in _TYPES:
        wanted, hint = _TYPES[kind]
        return f"{shown} is not {wanted}", hint_for(hint, error["input"]) if shown != _HIDDEN else ""
    if kind in {"greater_than_equal", "less_than_equal", "greater_than", "less_than"}:
        return f"{shown} is out of bounds", bounds_text(_field_at(root, path)) or str(error["msg"])
    if kind == "string_pattern_mismatch":
        return f"{shown} is not a valid name", _pattern_text(str(context["pattern"]))
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error", error["msg"])), ""
    return f"{shown}: {_lowered(error['msg'])}", ""


def hint_for(hint: str, value: object) -> str:
    """The suggestion for a value of the wrong type, where the value says what was meant."""
    bare = str(value)
    if isinstance(value, float) and "without quotes" in hint:
        return "write it without a decimal point"
    if isinstance(value, str):
        number = bare.removeprefix("-").replace("_", "")
        if "without quotes" in hint and "{bare}" in hint and not number.isdecimal():
            return ""
        if "{lower}" in hint and bare.lower() not in {"true", "false"}:
            return "write true or false without quotes"
    elif isinstance(value, (list, dict, bool)) or "{lower}" in hint:
        return hint if "{" not in hint else ("write true or false" if "{lower}" in hint else "")
    return hint.format(bare=bare, lower=bare.lower()) if len(bare) <= 60 else ""


_HIDDEN = "this value"


def _shown(path: Path, value: object) -> str:
    names = [part for part in path if isinstance(part, str)]
    if names and _SECRETIVE.search(names[-1]):
        return _HIDDEN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list, tuple)):
        return "a table" if isinstance(value, dict) else "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def bounds_text(field: FieldInfo | None) -> str:
    """`1 to 65535`, `at least 1`, or an empty text for a setting without bounds."""
    low, high = _bounds(field) if field is not None else (None, None)
    if low is not None and high is not None:
        return f"{low} to {high}"
    if low is not None:
        return f"at least {low}"
    return f"at most {high}" if high is not None else ""


def _bounds(field: FieldInfo) -> tuple[object, object]:
    low: object = None
    high: object = None
    for mark in _marks(field):
        low = getattr(mark, "ge", None) if getattr(mark, "ge", None) is not None else low
        high = getattr(mark, "le", None) if getattr(mark, "le", None) is not None else high
    return low, high


def _marks(field: FieldInfo) -> Iterator[object]:
    """The constraints of a field: pydantic keeps its own in `metadata`, those inside `X | None` in the annotation."""
    yield from field.metadata
    pending: list[object] = [field.annotation]
    while pending:
        annotation = pending.pop()
        pending.extend(typing.get_args(annotation))
        for mark in getattr(annotation, "__metadata__", ()):
            yield mark
            yield from getattr(mark, "metadata", ())


def _pattern_text(pattern: str) -> str:
    if pattern == r"^[a-z0-9][a-z0-9-]{0,62}$":
        return "lower-case letters, digits and dashes, 63 at most"
    return f"it has to match {pattern}"


# ---- finding the way in a model -----------------------------------------------------------------------------------------
def models_in(annotation: object) -> list[type[BaseModel]]:
    """The models named anywhere in an annotation: `tuple[Listener, ...]`, `Tls | None`, `dict[str, Kind]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in typing.get_args(annotation) for model in models_in(inner)]


def _models_at(root: type[BaseModel], path: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that describe the table at `path`. Indexes, keys of a `dict` and tags of a union stay where they are."""
    models = [root]
    for part in path:
        for model in models:
            field = model.model_fields.get(part) if isinstance(part, str) else None
            if field is not None:
                models = models_in(field.annotation)
                break
    return models


def _field_at(root: type[BaseModel], path: Path) -> FieldInfo | None:
    names = [n for n, part in enumerate(path) if isinstance(part, str)]
    if not names:
        return None
    name = path[names[-1]]
    found = [model.model_fields[name] for model in _models_at(root, path[: names[-1]]) if name in model.model_fields]
    return found[0] if found else None


def settings_at(root: type[BaseModel], path: Path) -> list[str]:
    """Names of the settings that the table at `path` may have."""
    return [name for model in _models_at(root, path) for name in model.model_fields]


def _whereabouts(path: Path, root: type[BaseModel]) -> str:
    """What was meant by an unknown name: a near name here, or the table where that name belongs."""
    name = str(path[-1])
    here = settings_at(root, path[:-1])
    homes = sorted({home for home in tables_with(root, name) if home})
    if homes:  # the very name, elsewhere, is a better guess than a similar name here
        return f"it belongs in {' or '.join(homes)}"
    guess = near(name, here)
    if guess is not None:
        return f'did you mean "{guess}"?'
    return f"known here: {', '.join(sorted(here))}" if 0 < len(here) <= _KNOWN_NAMES_MAX else ""


def tables_with(root: type[BaseModel], name: str, prefix: str = "") -> Iterator[str]:
    """Tables, as they are written in TOML, that have a setting called `name`."""
    if name in root.model_fields:
        yield prefix
    for field_name, field in root.model_fields.items():
        many = typing.get_origin(field.annotation) is tuple
        for model in models_in(field.annotation):
            inner = prefix.strip("[]")
            full = f"{inner}.{field_name}" if inner else field_name
            yield from tables_with(model, name, f"[[{full}]]" if many else f"[{full}]")


def _example(root: type[BaseModel], path: Path) -> str:
    field = _field_at(root, path)
    return f"add {path[-1]} = ... : {_lowered(field.description.rstrip('.'))}" if field and field.description else ""
