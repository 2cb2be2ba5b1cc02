"""A file counts where nobody but root or this account could have written it, nor any folder above it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay.errors import ConfigurationError
from relay.orchestrator.settings import load_settings
from relay.orchestrator.trusted import NotTrusted, read_trusted


def test_a_private_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"12345")
    assert read_trusted(file, 5) == b"12345"
    with pytest.raises(ConfigurationError, match="more than 4 bytes"):
        read_trusted(file, 4)


def test_a_folder_anywhere_above_that_others_can_write_is_refused(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "a").write_bytes(b"x")
    (tmp_path / "outer").chmod(0o757)
    with pytest.raises(NotTrusted, match="outer can be written"):
        read_trusted(inner / "a", 9)
    (tmp_path / "outer").chmod(0o1777)  # nobody moves another's things there
    assert read_trusted(inner / "a", 9) == b"x"


def test_a_link_is_judged_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "open" / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "open" / "a")
    with pytest.raises(NotTrusted):
        read_trusted(tmp_path / "link", 9)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    os.chown(tmp_path / "a", 4_321, 0)
    with pytest.raises(NotTrusted, match="user id 4321"):
        read_trusted(tmp_path / "a", 9)


def test_so_is_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "failover.toml"
    file.write_text("center = 'tokyo'")
    file.chmod(0o666)
    with pytest.raises(NotTrusted):
        load_settings(str(file))
