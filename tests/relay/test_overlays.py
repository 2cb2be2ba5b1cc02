"""Overlays: the bank's own beside its configuration first, then those of the relay; and no path gets out of them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from protocols.errors import LocalMisuse
from protocols.vocabulary import Secret
from relay import overlays
from relay.overlays import TABLE_BYTES_MAX, overlay_names, overlay_reader, read_overlay

ROOT = Path(__file__).resolve().parents[2]


def test_the_relays_own_are_found_from_a_checkout() -> None:
    assert overlay_names() == sorted(path.stem for path in (ROOT / "config" / "dialects").glob("*.toml"))
    for name in overlay_names():
        tomllib.loads(read_overlay(name))


def test_the_wheel_carries_them_to_where_they_are_looked_for() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    target = build["force-include"]["config/dialects"]
    assert ROOT / target == overlays.SHIPPED_DIRECTORIES[0]
    assert overlays.SHIPPED_DIRECTORIES[1] == ROOT / "config" / "dialects"


def test_the_banks_own_hides_one_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "dialects").mkdir()
    (tmp_path / "dialects" / "1987-bcd.toml").write_text("# ours")
    read = overlay_reader(str(tmp_path / "relay.toml"))
    assert read("1987-bcd") == "# ours"
    assert read("1987-ascii") == read_overlay("1987-ascii")


@pytest.mark.parametrize("name", ["", "../relay.example", "a/b", "/etc/passwd", ".hidden", "UPPER", "x" * 64, "a\n", "a\0"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(LocalMisuse, match="cannot be the name"):
        read_overlay(name, tmp_path)


def test_a_missing_one_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "our-bank.toml").write_text("")
    with pytest.raises(LocalMisuse, match=r"no overlay \"no-such\".*1987-ascii.*our-bank") as caught:
        read_overlay("no-such", tmp_path)
    assert caught.value.path == "overlays"


def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "latin.toml").write_bytes(b"# Z\xfcrich")
    (tmp_path / "folder.toml").mkdir()
    for name in ("latin", "folder"):
        with pytest.raises(LocalMisuse, match="cannot be read"):
            read_overlay(name, tmp_path)
    (tmp_path / "big.toml").write_text("#" * 10)
    monkeypatch.setattr(overlays, "OVERLAY_BYTES_MAX", 10)
    assert read_overlay("big", tmp_path) == "#" * 10
    monkeypatch.setattr(overlays, "OVERLAY_BYTES_MAX", 9)
    with pytest.raises(LocalMisuse, match="larger"):
        read_overlay("big", tmp_path)


def test_secrets_come_by_the_same_way_where_they_are_held(tmp_path: Path) -> None:
    config = str(tmp_path / "relay.toml")
    assert overlay_reader(config)("credential:any") == ""
    assert overlay_reader(config, lambda name: Secret(f"<{name}>"))("credential:any") == "<any>"


def test_tables_are_read_beside_the_configuration_and_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "tables" / "2026-11-25"
    folder.mkdir(parents=True)
    (folder / "fees.tsv").write_bytes(b"#table fees\r\n")
    read = overlay_reader(str(tmp_path / "relay.toml"))
    assert read("tables/2026-11-25/fees.tsv") == "#table fees\r\n", "line ends as they are"
    for name in ("tables/2026-11-25/banks.tsv", "tables/../relay.tsv", "tables/a/../../etc/passwd", "tables/x/y.toml"):
        with pytest.raises(LocalMisuse):
            read(name)
    (folder / "banks.tsv").write_bytes(b"\xff")
    with pytest.raises(LocalMisuse, match="cannot be read"):
        read("tables/2026-11-25/banks.tsv")
    with (folder / "branches.tsv").open("wb") as file:
        file.truncate(TABLE_BYTES_MAX + 1)
    with pytest.raises(LocalMisuse, match="larger than"):
        read("tables/2026-11-25/branches.tsv")
