"""TLS contexts from settings; who is let in by a certificate, and who is not."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from relay.errors import ConfigurationError
from relay.settings import TlsSettings
from relay.wire.tls import client_context, handshake_cause, name_of, server_context
from tests.support.certificates import Certificates
from tests.support.wireworld import WireWorld


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def settings(certificates: Certificates, **changes: object) -> TlsSettings:
    certificate, key = certificates.relay
    return TlsSettings(**({"certificate": certificate, "key": key} | changes))  # type: ignore[arg-type]  # by name


async def test_a_session_over_tls(world: WireWorld, certificates: Certificates) -> None:
    listener = await world.listen(tls=settings(certificates))
    peer = await world.dial(listener, ssl=certificates.client_context())
    assert await peer.ask("HELLO ATM1") == "OK ATM1"
    peer.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    assert world.desk.answer()
    assert await peer.hear() == "ANS cash 00"
    assert await peer.ask("BYE") == "BYE"
    assert await peer.is_gone()


async def test_mutual_tls_shows_the_name(world: WireWorld, certificates: Certificates) -> None:
    mutual = settings(certificates, authorities=certificates.authorities, require_peer_certificate=True)
    listener = await world.listen(tls=mutual)
    peer = await world.dial(listener, ssl=certificates.client_context(certificates.terminal))
    assert await peer.hear() == "OPEN atm1.test"


def causes(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(record.__dict__["fields"]["cause"]) for record in caplog.records if record.getMessage() == "link refused"]


async def test_without_a_client_certificate_no_link_opens(
    world: WireWorld, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    mutual = settings(certificates, authorities=certificates.authorities, require_peer_certificate=True)
    listener = await world.listen(tls=mutual)
    good = await world.dial(listener, ssl=certificates.client_context(certificates.terminal))
    assert await good.hear() == "OPEN atm1.test"
    for own in (None, certificates.impostor):
        try:
            bad = await world.dial(listener, ssl=certificates.client_context(own))
        except OSError:
            continue  # refused inside the handshake already
        assert await bad.is_gone()
    await world.until(lambda: listener._gate.admission.open_count == 1)
    assert world.count("relay_links_refused_total", listener="atm", reason="tls-handshake") == 2
    none, impostor = causes(caplog)
    assert none == "peer did not return a certificate"
    assert impostor in {"self-signed certificate in certificate chain", "unable to get local issuer certificate"}
    assert world.count("relay_links_opened_total", listener="atm") == 1
    assert await good.ask("PING") == "PONG"


async def test_optional_client_certificate(world: WireWorld, certificates: Certificates) -> None:
    listener = await world.listen(tls=settings(certificates, authorities=certificates.authorities))
    plain = await world.dial(listener, ssl=certificates.client_context())
    assert await plain.ask("PING") == "PONG"
    named = await world.dial(listener, ssl=certificates.client_context(certificates.terminal))
    assert await named.hear() == "OPEN atm1.test"


async def test_plain_bytes_to_a_tls_listener(
    world: WireWorld, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    listener = await world.listen(tls=settings(certificates))
    peer = await world.dial(listener)
    peer.say("HELLO ATM1")
    assert "OK" not in await peer.hear()
    await world.until(lambda: listener._gate.admission.open_count == 0)
    assert world.count("relay_links_refused_total", listener="atm", reason="tls-handshake") == 1
    assert causes(caplog) == ["wrong version number"]


async def test_an_old_version_is_refused(world: WireWorld, certificates: Certificates) -> None:
    listener = await world.listen(tls=settings(certificates, minimum_version="1.3"))
    old = certificates.client_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await world.dial(listener, ssl=old)
    assert await (await world.dial(listener, ssl=certificates.client_context())).ask("PING") == "PONG"


async def test_a_slow_reader_over_tls_is_reset(world: WireWorld, certificates: Certificates) -> None:
    listener = await world.listen(tls=settings(certificates), write_buffer_bytes_max=65_536)
    peer = await world.dial(listener, ssl=certificates.client_context())
    assert await peer.ask("PING") == "PONG"
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream transport has it
    for _ in range(200):
        peer.say("BIG 100000")
    await world.until(lambda: world.roster.link_count == 0)
    assert world.count("relay_links_closed_total", listener="atm", reason="slow-reader") == 1


def test_a_key_by_credential(certificates: Certificates) -> None:
    certificate, key = certificates.relay
    asked: list[str] = []

    def path_of(name: str) -> str:
        asked.append(name)
        return key

    server_context(TlsSettings(certificate=certificate, key="credential:atm-key"), path_of)
    assert asked == ["atm-key"]


@pytest.mark.parametrize(
    "changes",
    [{"certificate": "/nowhere.pem"}, {"key": "/nowhere.key"}, {"authorities": "/nowhere.pem"}],
)
def test_a_file_that_cannot_be_used_is_named(certificates: Certificates, changes: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        server_context(settings(certificates, **changes), str)


def test_a_certificate_and_the_key_of_another(certificates: Certificates) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        server_context(settings(certificates, key=certificates.terminal[1]), str)


def test_an_encrypted_key_is_an_error_and_asks_nobody(certificates: Certificates, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as s

    loaded = s.load_pem_private_key(Path(certificates.relay[1]).read_bytes(), None)
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(loaded.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"secret")))
    with pytest.raises(ConfigurationError, match="cannot be used"):
        server_context(settings(certificates, key=str(encrypted)), str)


def test_a_listener_needs_a_certificate() -> None:
    with pytest.raises(ConfigurationError, match="needs certificate and key"):
        server_context(TlsSettings(), str)


def test_a_dialer_always_checks_the_name(certificates: Certificates) -> None:
    context = client_context(TlsSettings(authorities=certificates.authorities), str)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert client_context(TlsSettings(), str).verify_mode is ssl.CERT_REQUIRED


def test_the_name_in_a_certificate(certificates: Certificates) -> None:
    assert name_of(x509.load_pem_x509_certificate(Path(certificates.relay[0]).read_bytes())) == "relay.test"
    assert name_of(x509.load_pem_x509_certificate(Path(certificates.terminal[0]).read_bytes())) == "atm1.test"
    authority = x509.load_pem_x509_certificate(Path(certificates.authorities).read_bytes())
    assert name_of(authority) == ""


def test_a_handshake_that_fails_without_openssl_has_a_cause_too() -> None:
    assert handshake_cause(ConnectionAbortedError("took longer than 10 seconds")) == "took longer than 10 seconds"
    assert handshake_cause(ConnectionResetError()) == "ConnectionResetError"
