"""A file that only root, or this process's own account, can have written: read where that is so, refused where it is not.

Owns the look at owners and modes, from the file up to the root of the tree. It must never mend anything. The traps: a file is
as safe as the weakest folder above it, for who can write a folder can put another file there; a symbolic link is judged where
it leads; and what was looked at is what is read, so both happen on the same open file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from relay.errors import ConfigurationError

NEXT: Final = "It decides what is run and who may approve: chown root:root and chmod go-w, the folders above it, too."


class NotTrusted(ConfigurationError):
    """Somebody else than root could have written it."""


def read_trusted(file: Path, bytes_max: int) -> bytes:
    """The content. Raises NotTrusted, OSError, and ConfigurationError for one over `bytes_max`."""
    place = file.resolve(strict=True)
    with place.open("rb") as opened:
        _look(place, os.fstat(opened.fileno()))
        for folder in place.parents:
            _look(folder, folder.stat())
        data = opened.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise ConfigurationError(f"{file} has more than {bytes_max} bytes.")
    return data


def _look(place: Path, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise NotTrusted(f"{place} belongs to user id {status.st_uid}, not to root.", NEXT)
    is_shared_folder = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX  # as /tmp: nobody moves another's things
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not is_shared_folder:
        raise NotTrusted(f"{place} can be written by others than its owner.", NEXT)
