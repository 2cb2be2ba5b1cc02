"""What a configuration needs of its host, on a host that a test makes: certificates, keys, credentials, directories."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import trustme

from relay.configuration import environment
from relay.configuration.environment import SOCKET_PATH_BYTES_MAX, machine_check
from relay.configuration.relations import Finding
from relay.settings import Settings

DAY_MS = 86_400_000
LONG_AGO_MS = 915_148_800_000  # 1999-01-01, before every certificate of these tests
KEY = "00112233445566778899aabbccddeeff" * 2


class Host:
    """A host where everything is in place, until a test changes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "credentials").mkdir()
        self.credential("journal-key", KEY)
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        self.certificate("relay", self.authority.issue_cert("relay.test"))
        self.expires_ms = int(self.read_certificate("relay").not_valid_after_utc.timestamp() * 1_000)

    def credential(self, name: str, text: str) -> None:
        path = self.folder / "credentials" / name
        path.write_text(text)
        path.chmod(0o600)

    def certificate(self, name: str, issued: trustme.LeafCert) -> None:
        issued.cert_chain_pems[0].write_to_path(str(self.folder / f"{name}.pem"))
        issued.private_key_pem.write_to_path(str(self.folder / f"{name}.key"))
        (self.folder / f"{name}.key").chmod(0o600)

    def read_certificate(self, name: str) -> Any:
        return environment.x509.load_pem_x509_certificate((self.folder / f"{name}.pem").read_bytes())

    def look(self, wall_ms: int | None = None, environ: dict[str, str] | None = None, **tables: Any) -> list[Finding]:
        base: dict[str, Any] = {
            "relay": {"credentials_directory": str(self.folder / "credentials")},
            "journal": {"path": str(self.folder / "journal.sqlite")},
            "control": {"path": str(self.folder / "control.sock")},
        }
        settings = Settings.model_validate({**base, **tables})
        now_ms = self.expires_ms - 60 * DAY_MS if wall_ms is None else wall_ms
        return list(machine_check(now_ms, environ or {})(settings))

    def tls(self, **more: str | bool) -> dict[str, Any]:
        names = {"certificate": "relay.pem", "key": "relay.key", "authorities": "ca.pem"}
        return {**{name: str(self.folder / file) for name, file in names.items()}, **more}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def only(findings: list[Finding]) -> Finding:
    [finding] = findings
    return finding


def with_tls(**tls: Any) -> dict[str, Any]:
    return {"listener": ({"name": "atm", "tls": tls},)}


def test_a_host_where_everything_is_in_place(host: Host) -> None:
    assert host.look(**with_tls(**host.tls()), core={"tls": host.tls()}) == []


# ---- TLS ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["certificate", "key", "authorities"])
def test_a_file_that_is_not_there(host: Host, name: str) -> None:
    finding = only(host.look(**with_tls(**host.tls(**{name: "/no/such/file.pem"}))))
    assert finding.path == ("listener", 0, "tls", name)
    assert "No such file" in finding.problem
    assert not finding.is_warning


@pytest.mark.parametrize("name", ["certificate", "key", "authorities"])
def test_a_file_that_is_something_else(host: Host, name: str) -> None:
    (host.folder / "notes.txt").write_text("not PEM")
    (host.folder / "notes.txt").chmod(0o600)
    finding = only(host.look(**with_tls(**host.tls(**{name: str(host.folder / "notes.txt")}))))
    assert finding.path == ("listener", 0, "tls", name)
    assert "BEGIN" in finding.suggestion


@pytest.mark.parametrize(
    ("left_ms", "says", "is_warning"),
    [
        (30 * DAY_MS, None, False),
        (30 * DAY_MS - 1, "expires in 29 days", True),
        (1, "expires in 0 days", True),
        (0, "expired on", False),
        (-DAY_MS, "expired on", False),
    ],
)
def test_certificates_expire(host: Host, left_ms: int, says: str | None, is_warning: bool) -> None:
    tls = {name: value for name, value in host.tls().items() if name != "authorities"}
    findings = host.look(wall_ms=host.expires_ms - left_ms, **with_tls(**tls))
    if says is None:
        assert findings == []
    else:
        finding = only(findings)
        assert says in finding.problem
        assert finding.is_warning is is_warning


def test_a_certificate_from_the_future_is_a_wrong_clock(host: Host) -> None:
    findings = host.look(wall_ms=LONG_AGO_MS, **with_tls(**host.tls()))
    assert {finding.path[-1] for finding in findings} == {"certificate", "authorities"}
    assert all("clock" in finding.suggestion for finding in findings)


def test_a_key_of_another_certificate(host: Host) -> None:
    host.certificate("other", host.authority.issue_cert("other.test"))
    finding = only(host.look(**with_tls(**host.tls(key=str(host.folder / "other.key")))))
    assert "does not belong" in finding.problem


def test_a_key_that_needs_a_password(host: Host) -> None:
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"x"))
    (host.folder / "relay.key").write_bytes(pem)
    assert "password" in only(host.look(**with_tls(**host.tls()))).problem


def test_a_key_for_everybody_is_a_warning(host: Host) -> None:
    (host.folder / "relay.key").chmod(0o644)
    assert only(host.look(**with_tls(**host.tls()))).is_warning


def test_a_key_as_a_credential(host: Host) -> None:
    host.credential("tls-key", (host.folder / "relay.key").read_text())
    assert host.look(**with_tls(**host.tls(key="credential:tls-key"))) == []
    finding = only(host.look(**with_tls(**host.tls(key="credential:missing"))))
    assert (finding.path, "missing" in finding.problem) == (("listener", 0, "tls", "key"), True)


def test_a_listener_with_tls_needs_a_certificate_and_the_core_does_not(host: Host) -> None:
    authorities = {"authorities": str(host.folder / "ca.pem")}
    assert only(host.look(**with_tls(**authorities))).path == ("listener", 0, "tls")
    assert host.look(core={"tls": authorities}) == []


# ---- credentials --------------------------------------------------------------------------------------------------------
def test_every_credential_is_tried_and_none_is_shown(host: Host) -> None:
    host.credential("journal-key", KEY[:-1])
    findings = host.look(core={"bearer_credential": "token"})
    assert [finding.path for finding in findings] == [("journal", "key_credential"), ("core", "bearer_credential")]
    assert KEY[:-1] not in " ".join(finding.problem + finding.suggestion for finding in findings)


def test_what_only_the_service_sees_is_a_warning(host: Host) -> None:
    finding = only(host.look(relay={}))
    assert finding.is_warning
    assert "RELAY_CREDENTIALS" in finding.suggestion
    assert host.look(relay={}, environ={"RELAY_CREDENTIALS": str(host.folder / "credentials")}) == []


# ---- directories --------------------------------------------------------------------------------------------------------
def test_a_journal_in_no_directory(host: Host) -> None:
    finding = only(host.look(journal={"path": str(host.folder / "no" / "journal.sqlite")}))
    assert (finding.path, finding.is_warning) == (("journal", "path"), False)
    assert "install -d" in finding.suggestion
    before_the_first_start = only(host.look(journal={"path": "/var/lib/relay-of-nobody/journal.sqlite"}))
    assert before_the_first_start.is_warning  # systemd makes it


def test_a_directory_for_a_journal(host: Host) -> None:
    assert "is a directory" in only(host.look(journal={"path": str(host.folder)})).problem


def test_a_journal_that_this_user_cannot_write(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The super-user may write everywhere, so the kernel's answer is given."""
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "cannot be written" in only(host.look()).problem


def test_a_relative_journal_depends_on_the_day(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(host.folder)
    assert only(host.look(journal={"path": "journal.sqlite"})).is_warning


def test_a_journal_on_a_network_file_system(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = host.folder / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nfiler:/x {host.folder.parent} nfs4 rw 0 0\n")
    real = environment.file_system
    monkeypatch.setattr(environment, "file_system", lambda directory: real(directory, mounts))
    assert "nfs4" in only(host.look()).problem
    mounts.write_text(f"filer:/x {host.folder.parent} nfs4 rw 0 0\n/dev/sdb {host.folder} xfs rw 0 0\n")
    assert host.look() == []
    mounts.unlink()
    assert host.look() == []  # a kernel that does not say


def test_little_room_is_a_warning(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "DISK_FREE_BYTES_MIN", 2**62)
    assert only(host.look()).is_warning


def test_a_socket_path_at_its_limit(host: Host) -> None:
    room = SOCKET_PATH_BYTES_MAX - len(str(host.folder)) - 1
    assert host.look(control={"path": f"{host.folder}/{'x' * room}"}) == []
    assert "107" in only(host.look(control={"path": f"{host.folder}/{'x' * (room + 1)}"})).problem


def test_a_socket_in_no_directory(host: Host) -> None:
    assert not only(host.look(control={"path": "/no/such/directory/control.sock"})).is_warning
    assert only(host.look(control={"path": "/run/relay-of-nobody/control.sock"})).is_warning  # systemd makes it


def test_the_files_of_the_outbound_endpoint_are_looked_at(host: Host) -> None:
    assert host.look(outbound={"tls": host.tls()}) == []
    finding = only(host.look(outbound={"tls": host.tls(certificate="/no/such/file.pem")}))
    assert finding.path == ("outbound", "tls", "certificate")
    authorities = {"authorities": host.tls()["authorities"]}
    assert only(host.look(outbound={"tls": authorities})).path == ("outbound", "tls")


def of_archive(host: Host, directory: Path) -> list[Finding]:
    journal = {"path": str(host.folder / "journal.sqlite"), "archive_directory": str(directory)}
    return [finding for finding in host.look(journal=journal) if finding.path == ("journal", "archive_directory")]


def test_an_archive_directory_is_there_or_can_be_made(host: Host) -> None:
    assert of_archive(host, host.folder) == []
    assert of_archive(host, host.folder / "archive") == [], "made at the first run"
    assert "no directory" in of_archive(host, host.folder / "missing" / "archive")[0].problem
    assert "no directory" in of_archive(host, host.folder / "relay.pem")[0].problem
    assert "whole path" in of_archive(host, Path("archive"))[0].suggestion


def test_a_journal_of_an_older_relay_is_told_how_it_learns_to_give_pages_back(host: Host) -> None:
    path = host.folder / "journal.sqlite"
    for mode, warned in (("NONE", True), ("FULL", True), ("INCREMENTAL", False)):
        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute(f"PRAGMA auto_vacuum = {mode}")
        connection.execute("CREATE TABLE t (x)")
        connection.close()
        said = [finding for finding in host.look() if "empty pages" in finding.problem]
        assert bool(said) == warned, mode
        assert all(finding.is_warning and "VACUUM" in finding.suggestion for finding in said)
