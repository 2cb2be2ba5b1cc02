"""Which codes of people's authenticators were used: one small file, durable before what the code was given for.

Owns the file. It must never know a code or a secret, only the number of the last 30 s step of each person. The traps: a file
that does not read is refused and not begun anew, or a code counts twice after a crash; and where it cannot be written nothing
may be done on the code, so the error goes up to whoever asked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from relay.failover.store import StoreFailed

NAME: Final = "used-codes"
FILE_BYTES_MAX: Final = 262_144


class UsedCodes:
    """In the orchestrator's folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / NAME

    def read(self) -> Mapping[str, int]:
        """By person. Raises StoreFailed."""
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreFailed(f"{self._file} cannot be read: {error.strerror}.") from error
        try:
            return msgspec.json.decode(data[:FILE_BYTES_MAX], type=dict[str, int])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StoreFailed(
                f"{self._file} does not read: {error}.", "Wait two minutes, so that every code is over; then remove it."
            ) from error

    def keep(self, used: Mapping[str, int]) -> None:
        """Durable on return. Raises StoreFailed."""
        fresh = self._file.with_name(f"{NAME}.new")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:
                file.write(msgspec.json.encode(dict(used)))
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, self._file)
            folder = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StoreFailed(
                f"used codes cannot be written: {error.strerror}; nothing was done on this one.", "Mend the disk."
            ) from error
