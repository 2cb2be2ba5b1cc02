"""The context for calls to the core: what it trusts, what it shows, and errors that name the file."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from relay.core.tls import client_context
from relay.errors import ConfigurationError
from relay.settings import TlsSettings

AUTHORITY = trustme.CA()
OURS = AUTHORITY.issue_cert("relay.test")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    AUTHORITY.cert_pem.write_to_path(tmp_path / "authorities.pem")
    OURS.private_key_pem.write_to_path(tmp_path / "relay.key")
    for blob in OURS.cert_chain_pems:
        blob.write_to_path(tmp_path / "relay.pem", append=True)
    return tmp_path


def settings(files: Path, **more: str) -> TlsSettings:
    paths = {name: str(files / value) if not value.startswith("credential:") else value for name, value in more.items()}
    return TlsSettings(**{"authorities": str(files / "authorities.pem"), **paths})  # type: ignore[arg-type]  # all text


def path_of(name: str) -> str:
    raise AssertionError(f"nobody asked for {name}")


def test_the_core_is_always_verified(files: Path) -> None:
    context = client_context(settings(files), path_of)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) == 1  # ours alone, not also the system's


def test_without_authorities_the_systems_own_are_trusted() -> None:
    context = client_context(TlsSettings(), path_of)
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_the_lowest_version(files: Path) -> None:
    made = client_context(TlsSettings(authorities=str(files / "authorities.pem"), minimum_version="1.3"), path_of)
    assert made.minimum_version is ssl.TLSVersion.TLSv1_3


def test_our_certificate_with_its_key_from_a_file_or_a_credential(files: Path) -> None:
    client_context(settings(files, certificate="relay.pem", key="relay.key"), path_of)
    asked: list[str] = []

    def credential(name: str) -> str:
        asked.append(name)
        return str(files / "relay.key")

    client_context(settings(files, certificate="relay.pem", key="credential:core-key"), credential)
    assert asked == ["core-key"]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"authorities": "missing.pem"}, "missing.pem"),
        ({"authorities": "relay.key"}, "relay.key"),
        ({"certificate": "relay.pem", "key": "missing.key"}, "relay.pem"),
        ({"certificate": "missing.pem", "key": "relay.key"}, "missing.pem"),
        ({"certificate": "authorities.pem", "key": "relay.key"}, "authorities.pem"),
    ],
)
def test_what_cannot_be_used_is_named(more: dict[str, str], named: str, files: Path) -> None:
    with pytest.raises(ConfigurationError, match=named):
        client_context(settings(files, **more), path_of)


def test_an_encrypted_key_is_an_error_and_not_a_question(files: Path) -> None:
    key = serialization.load_pem_private_key(OURS.private_key_pem.bytes(), None)
    (files / "locked.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
        )
    )
    with pytest.raises(ConfigurationError, match="encrypted"):
        client_context(settings(files, certificate="relay.pem", key="locked.key"), path_of)
