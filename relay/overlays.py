"""Overlay files: a bank's own fields and framings, as TOML text by name.

Owns where they are looked for: `dialects/` beside the configuration file, then the ones that come with the relay. It must
never read their meaning (the dialect does). The trap: a name comes from a configuration file and becomes part of a path, so
it is letters, digits, dots and dashes and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from protocols.errors import LocalMisuse
from protocols.vocabulary import Secret

CREDENTIAL = "credential:"
OVERLAY_BYTES_MAX = 1024 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

_PACKAGE = Path(__file__).resolve().parent
SHIPPED_DIRECTORIES = (
    _PACKAGE / "data" / "dialects",  # an installed wheel
    _PACKAGE.parent / "config" / "dialects",  # a checkout
)


def overlay_reader(config_path: str, secret: Callable[[str], Secret] | None = None) -> Callable[[str], str]:
    """What a dialect's `build` reads with, for the configuration file at `config_path`: overlays by name, and, as
    `credential:NAME`, secrets. Without `secret` (a check that holds no credentials) every secret reads as empty.
    """
    beside = Path(config_path).resolve().parent / "dialects"

    def read(name: str) -> str:
        if name.startswith(CREDENTIAL):
            return "" if secret is None else secret(name.removeprefix(CREDENTIAL)).reveal()
        return read_overlay(name, beside)

    return read


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
