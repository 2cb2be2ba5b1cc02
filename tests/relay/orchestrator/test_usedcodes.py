"""The file of used codes: what is kept is there in the next life, and what does not read is not begun anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.failover.store import StoreFailed
from relay.orchestrator.usedcodes import NAME, UsedCodes


def test_what_was_used_is_known_in_the_next_life(tmp_path: Path) -> None:
    assert UsedCodes(tmp_path).read() == {}
    UsedCodes(tmp_path).keep({"sato": 59_000_000})
    UsedCodes(tmp_path).keep({"sato": 59_000_001, "kato": 1})
    assert UsedCodes(tmp_path).read() == {"sato": 59_000_001, "kato": 1}
    assert (tmp_path / NAME).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"{", b'{"sato": "x"}', b"\xff\xfe"])
def test_a_file_that_does_not_read_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(StoreFailed, match=NAME):
        UsedCodes(tmp_path).read()


def test_a_disk_that_keeps_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.new").mkdir()
    with pytest.raises(StoreFailed, match="nothing was done"):
        UsedCodes(tmp_path).keep({"sato": 1})
    with pytest.raises(StoreFailed):
        UsedCodes(tmp_path / "no-such-folder").keep({"sato": 1})
