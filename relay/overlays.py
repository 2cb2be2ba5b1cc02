"""Overlay files and reference tables: what a dialect reads at start or at each opening, as text by name.

Owns where they are looked for: overlays in `dialects/` beside the configuration file, then the ones that come with the relay;
tables (`tables/VERSION/NAME.tsv`) beside the configuration file only. It must never read their meaning (the dialect does). The
trap: a name comes from a configuration file and becomes part of a path, so it is letters, digits, dots and dashes and nothing
else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from protocols.errors import LocalMisuse
from protocols.vocabulary import Secret

CREDENTIAL = "credential:"
OVERLAY_BYTES_MAX = 1024 * 1024
TABLE_BYTES_MAX = 16 * 1024 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_TABLE = re.compile(r"tables/[A-Za-z0-9][A-Za-z0-9._-]{0,62}/[a-z]{1,32}\.tsv")

_PACKAGE = Path(__file__).resolve().parent
SHIPPED_DIRECTORIES = (
    _PACKAGE / "data" / "dialects",  # an installed wheel
    _PACKAGE.parent / "config" / "dialects",  # a checkout
)


def overlay_reader(config_path: str, secret: Callable[[str], Secret] | None = None) -> Callable[[str], str]:
    """What a dialect's `build` reads with, for the configuration file at `config_path`: overlays by name, reference tables as
    `tables/VERSION/TABLE.tsv`, and secrets as `credential:NAME`. Without `secret` (a check that holds no credentials) every
    secret reads as empty.
    """
    folder = Path(config_path).resolve().parent

    def read(name: str) -> str:
        if name.startswith(CREDENTIAL):
            return "" if secret is None else secret(name.removeprefix(CREDENTIAL)).reveal()
        return read_table(name, folder) if name.startswith("tables/") else read_overlay(name, folder / "dialects")

    return read


def read_table(name: str, folder: Path) -> str:
    """The text of the reference table `name` ("tables/VERSION/TABLE.tsv") under `folder`. Raises LocalMisuse."""
    if not _TABLE.fullmatch(name):
        raise LocalMisuse(f'"{name}" cannot be the name of a table', "tables")
    path = folder / name
    try:
        if path.stat().st_size > TABLE_BYTES_MAX:
            raise LocalMisuse(f"{name} is larger than {TABLE_BYTES_MAX} bytes", "tables")
        with path.open(encoding="utf-8", newline="") as file:  # line ends as they are: their hash is checked
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise LocalMisuse(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}", "tables") from error


def read_overlay(name: str, beside: Path | None = None) -> str:
    """The text of overlay `name` (without .toml). Raises LocalMisuse when there is none, naming those that there are."""
    if not _NAME.fullmatch(name):
        raise LocalMisuse(f'"{name}" cannot be the name of an overlay: lower-case letters, digits, dots, dashes', "overlays")
    directories = [directory for directory in (beside, *SHIPPED_DIRECTORIES) if directory is not None]
    for directory in directories:
        path = directory / f"{name}.toml"
        try:
            if path.stat().st_size > OVERLAY_BYTES_MAX:
                raise LocalMisuse(f'overlay "{name}" is larger than {OVERLAY_BYTES_MAX} bytes', "overlays")
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise LocalMisuse(f'overlay "{name}" cannot be read: {error}', "overlays") from error
    known = ", ".join(overlay_names(directories)) or "none"
    raise LocalMisuse(f'there is no overlay "{name}"; there is: {known}', "overlays")


def overlay_names(directories: list[Path] | None = None) -> list[str]:
    """Names of all overlays in `directories` (by default those that come with the relay), sorted."""
    where = SHIPPED_DIRECTORIES if directories is None else directories
    return sorted({path.stem for directory in where for path in directory.glob("*.toml")})
