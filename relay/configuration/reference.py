"""The configuration reference, made from the models: `python -m relay.configuration.reference > docs/configuration.md`.

Owns the page's shape. It must never describe a setting itself: the models do, with their units, bounds and defaults. The trap:
a default that is a table or a list has to be shown as it would be written in TOML.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator, Mapping
from enum import Enum

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from relay.configuration.effects import effect_of
from relay.configuration.wording import bounds_text, models_in
from relay.settings import DialerSettings, LinkSettings, ListenerSettings, Settings

_INTRO = """\
# Configuration reference

Made from the settings model by `python -m relay.configuration.reference`; a test keeps it current. A complete example with
comments is `config/relay.example.toml`.

* The file is TOML. Names that are not here are mistakes, and so is a number in quotes: nothing is guessed.
* `relay check FILE` shows every mistake at once, each with its line and what was probably meant. Exit code 0 or 2.
  `--json` prints a list of `{file, line, path, problem, suggestion}`; `--no-environment` looks at the file only, not at this
  host's files, certificates, credentials and directories.
* Units are part of the names: `_ms` milliseconds, `_s` seconds, `_days`, `_bytes`; `_count_max` is a limit.
* Secrets are never in the file. A setting that ends in `_credential` names a file, which is looked for in
  `$CREDENTIALS_DIRECTORY` (systemd, `LoadCredential=`), then in `$RELAY_CREDENTIALS`, then in `relay.credentials_directory`.
* A reload (`systemctl reload relay`, SIGHUP, `relay control reload`) takes the whole file or nothing of it. The last column
  says what it does with a setting: *at once*, *for links opened from then on*, or *needs a restart* (it is then refused).
"""


def reference(profiles: Mapping[str, type[BaseModel]]) -> str:
    """The page. `profiles` are the dialects' own models by name."""
    parts = [_INTRO]
    for table, field in Settings.model_fields.items():
        model = models_in(field.annotation)[0]
        brackets = f"[[{table}]]" if typing.get_origin(field.annotation) is tuple else f"[{table}]"
        parts.append(f"## {brackets}\n\n{_first_sentence(model)}\n")
        parts.append(_rows(model, table))
        for name, inner in _inner_tables(model):
            parts.append(f"### [{table}.{name}]\n\n{_first_sentence(inner)}\n\n{_rows(inner)}")
    for name, model in profiles.items():
        where = "[listener.profile]"
        parts.append(f"## {where} of dialect {name}\n\n{_first_sentence(model)} Also `[dialer.profile]`.\n\n{_rows(model)}")
        for inner_name, inner in _inner_tables(model):
            parts.append(f"### [listener.profile.{inner_name}]\n\n{_first_sentence(inner)}\n\n{_rows(inner)}")
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _first_sentence(model: type[BaseModel]) -> str:
    shared = " What listeners and dialers have in common comes first." if model in (ListenerSettings, DialerSettings) else ""
    return " ".join((model.__doc__ or "").split()) + shared


def _rows(model: type[BaseModel], table: str = "") -> str:
    """The settings of `model`; with what a reload does where `table` is one that a reload knows."""
    head = ["setting", "value", "default", "meaning", *(["reload"] if table else [])]
    lines = [_line(head), _line(["---"] * len(head))]
    for name, field in _fields(model):
        cells = [f"`{name}`", _type(field), _default(field), _meaning(field)]
        lines.append(_line([*cells, *([effect_of(table, name).value] if table else [])]))
    return "\n".join(lines) + "\n"


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Fields with those of the shared model first, as the class says them."""
    own = [(name, field) for name, field in model.model_fields.items() if name not in LinkSettings.model_fields]
    if issubclass(model, LinkSettings):
        yield from ((name, model.model_fields[name]) for name in LinkSettings.model_fields)
        yield from own
    else:
        yield from model.model_fields.items()


def _inner_tables(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in _fields(model):
        key = ".NAME" if typing.get_origin(field.annotation) is dict else ""
        yield from ((f"{name}{key}", inner) for inner in models_in(field.annotation))


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(field: FieldInfo) -> str:
    words = _words(field.annotation)
    bounds = bounds_text(field)
    return f"{words}, {bounds}" if bounds else words


def _words(annotation: object) -> str:
    origin, args = typing.get_origin(annotation), [arg for arg in typing.get_args(annotation) if arg is not type(None)]
    if origin is typing.Annotated:
        return _words(args[0])
    if origin is typing.Literal:
        return ", ".join(f'`"{arg}"`' for arg in args)
    if origin in (tuple, list):
        return f"list of {_words(args[0])}"
    if origin is dict:
        return "table" if args[1] in (typing.Any, object) else f"table of {_words(args[1])}"
    if args:
        return " or ".join(_words(arg) for arg in args)
    if isinstance(annotation, type):
        if issubclass(annotation, BaseModel):
            return "table, see below"
        if issubclass(annotation, Enum):
            return ", ".join(f'`"{member.value}"`' for member in annotation)
        return {str: "text", SecretStr: "text", int: "whole number", bool: "true or false", float: "number"}.get(
            annotation, annotation.__name__
        )
    return "any"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True)
    if value is None or isinstance(value, BaseModel) or value in ((), {}, []):
        return "none" if value is None else "" if isinstance(value, BaseModel) else "empty"
    return f"`{toml_value(value)}`"


def toml_value(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return toml_value(value.value)
    if isinstance(value, int):
        return f"{value:_}" if value >= 10_000 else str(value)
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml_value(each) for each in value) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f'"{key}" = {toml_value(each)}' for key, each in value.items()) + " }"
    return f'"{value}"'


def _meaning(field: FieldInfo) -> str:
    return field.description or next((_first_sentence(model) for model in models_in(field.annotation)), "")


def dialect_profiles() -> dict[str, type[BaseModel]]:
    """The profile models of all dialects, by name."""
    from protocols.dialects import DIALECTS  # compiles field tables

    return {name: typing.cast("type[BaseModel]", kit.profile_model) for name, kit in DIALECTS.items()}


if __name__ == "__main__":
    sys.stdout.write(reference(dialect_profiles()))
