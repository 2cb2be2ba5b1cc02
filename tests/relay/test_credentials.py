"""Credentials: found in three places, refused when anybody may read them, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay import credentials
from relay.credentials import CREDENTIAL_BYTES_MAX, Credentials, CredentialUnusable

KEY = "00112233445566778899aabbccddeeff" * 2


def put(folder: Path, name: str, content: bytes, mode: int = 0o600) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    (folder / name).chmod(mode)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "credentials"


def test_systemd_comes_first_then_the_environment_then_the_configuration(tmp_path: Path) -> None:
    for place in ("systemd", "environment", "configured"):
        put(tmp_path / place, "token", place.encode())
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "systemd"), "RELAY_CREDENTIALS": str(tmp_path / "environment")}
    configured = str(tmp_path / "configured")
    assert Credentials(configured, environ).read("token") == b"systemd"
    (tmp_path / "systemd" / "token").unlink()
    assert Credentials(configured, environ).read("token") == b"environment"
    assert Credentials(configured, {}).read("token") == b"configured"
    assert Credentials(configured, environ).path("token") == str(tmp_path / "environment" / "token")


@pytest.mark.parametrize(
    ("content", "value"), [(b"abc", b"abc"), (b"abc\n", b"abc"), (b"abc\r\n", b"abc"), (b"abc\n\n", b"abc\n"), (b" a ", b" a ")]
)
def test_one_line_end_is_no_part_of_a_secret(folder: Path, content: bytes, value: bytes) -> None:
    assert Credentials(str(put(folder, "token", content)), {}).read("token") == value


def test_a_credential_that_is_nowhere(folder: Path) -> None:
    with pytest.raises(CredentialUnusable, match="no directory is configured") as caught:
        Credentials(None, {}).read("token")
    assert caught.value.exit_code == 2
    assert "LoadCredential=token:FILE" in caught.value.next_step
    with pytest.raises(CredentialUnusable, match="there is no credential other"):
        Credentials(str(put(folder, "token", b"x")), {}).read("other")


@pytest.mark.parametrize("name", ["", "../token", "/etc/passwd", "a/b", ".hidden", "x" * 256, "a\nb", "token\n"])
def test_a_name_is_no_path(folder: Path, name: str) -> None:
    with pytest.raises(CredentialUnusable, match="character"):
        Credentials(str(put(folder, "token", b"x")), {}).read(name)


def test_what_everybody_may_read_is_no_secret(folder: Path) -> None:
    put(folder, "token", b"x", mode=0o644)
    with pytest.raises(CredentialUnusable, match="by everybody") as caught:
        Credentials(str(folder), {}).read("token")
    assert caught.value.next_step == f"Try: chmod o= {folder / 'token'}"
    put(folder, "token", b"x", mode=0o640)
    assert Credentials(str(folder), {}).read("token") == b"x"


def test_sizes_at_the_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CREDENTIAL_BYTES_MAX == 2**20
    monkeypatch.setattr(credentials, "CREDENTIAL_BYTES_MAX", 8)
    assert Credentials(str(put(folder, "token", b"12345678")), {}).read("token") == b"12345678"
    with pytest.raises(CredentialUnusable, match="larger"):
        Credentials(str(put(folder, "token", b"123456789")), {}).read("token")
    with pytest.raises(CredentialUnusable, match="empty"):
        Credentials(str(put(folder, "token", b"\n")), {}).read("token")


def test_a_directory_in_the_place_of_a_file(folder: Path) -> None:
    (folder / "token").mkdir(parents=True)
    with pytest.raises(CredentialUnusable, match="cannot be read"):
        Credentials(str(folder), {}).read("token")


def test_a_secret_prints_as_stars(folder: Path) -> None:
    secret = Credentials(str(put(folder, "token", b"bearer-1")), {}).secret("token")
    assert "bearer" not in f"{secret} {secret!r}"
    assert secret.reveal() == "bearer-1"
    with pytest.raises(CredentialUnusable, match="plain text") as caught:
        Credentials(str(put(folder, "token", b"\xe3\x81\x82")), {}).secret("token")
    assert caught.value.__cause__ is None  # the decoding error holds the bytes


def test_a_journal_key(folder: Path) -> None:
    put(folder, "journal-key", KEY.encode() + b"\n")
    assert Credentials(str(folder), {}).journal_key("journal-key") == bytes.fromhex(KEY)
    put(folder, "journal-key", KEY.upper().encode())
    assert Credentials(str(folder), {}).journal_key("journal-key") == bytes.fromhex(KEY)


@pytest.mark.parametrize(
    "text",
    [KEY[:-1], KEY + "0", KEY[:-1] + "g", " " + KEY[:-1], KEY[:32] + "\n" + KEY[33:], "0x" + KEY[2:], "00" * 32, KEY + "\n\n"],
)
def test_what_is_no_journal_key_is_refused_and_not_shown(folder: Path, text: str) -> None:
    put(folder, "journal-key", text.encode())
    with pytest.raises(CredentialUnusable) as caught:
        Credentials(str(folder), {}).journal_key("journal-key")
    assert KEY[:16] not in str(caught.value)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_key_or_an_operators_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = put(tmp_path_factory.getbasetemp() / "any-credential", "journal-key", content)
    try:
        assert len(Credentials(str(folder), {}).journal_key("journal-key")) == 32
    except CredentialUnusable:
        return


def test_a_journal_key_by_name_or_by_file(folder: Path, tmp_path: Path) -> None:
    put(folder, "named", KEY.encode())
    put(tmp_path, "filed", KEY.encode())
    found = Credentials(str(folder), {})
    assert found.journal_key_at("named") == found.journal_key_at(str(tmp_path / "filed")) == bytes.fromhex(KEY)
    with pytest.raises(CredentialUnusable, match="no credential filed"):
        found.journal_key_at("filed")
    (tmp_path / "filed").chmod(0o604)
    with pytest.raises(CredentialUnusable, match="everybody"):
        found.journal_key_at(str(tmp_path / "filed"))
