"""`[aws]` and the credential file: bounds, forms, and no word of a key in any error."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.credentials import Credentials, CredentialUnusable
from relay.failover.awsdeeds import Route53Deed
from relay.orchestrator.cloud import AwsSettings, cloud_of, parse_key

FILE = b"[default]\naws_access_key_id = AKIA1\naws_secret_access_key = se%cret-canary\naws_session_token = token-canary\n"


def test_a_file_in_aws_own_form_is_a_key() -> None:
    key = parse_key("aws", FILE)
    assert key.id == "AKIA1"
    assert key.secret.reveal() == "se%cret-canary"
    assert key.token is not None
    assert "canary" not in repr(key)
    assert parse_key("aws", b"\n".join(FILE.splitlines()[:3])).token is None


@pytest.mark.parametrize("content", [FILE[10:], FILE.replace(b"secret_access", b"x"), b"\xff", b"canary", b"[default]\ncanary"])
def test_what_is_none_is_refused_without_its_words(content: bytes) -> None:
    with pytest.raises(CredentialUnusable) as caught:
        parse_key("aws", content)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("endpoints", {"rds": "http://rds.example"}),
        ("endpoints", {"s3": "https://s3.example"}),
        ("connect_timeout_s", 0.4),
        ("connect_timeout_s", 10.1),
        ("read_timeout_s", 30.1),
        ("principal", "relay-failover"),
        ("key", "AKIA1"),
    ],
)
def test_settings_that_are_none_are_refused(member: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({member: value}, AwsSettings)


def test_the_bounds_themselves_are_taken() -> None:
    told = {"connect_timeout_s": 10, "read_timeout_s": 30, "endpoints": {"rds": "https://vpce-1.rds.example:443"}}
    assert msgspec.convert(told, AwsSettings).read_timeout_s == 30


async def test_a_door_is_made_of_it_and_a_credential_is_read_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "aws"
    file.write_bytes(FILE)
    file.chmod(0o600)
    credentials = Credentials(str(tmp_path), {})
    cloud = cloud_of(AwsSettings(credential="aws"), credentials)
    deed = Route53Deed(
        zone_id="Z1", record_name="_a.x", alias_name="a.x", alias_target="o.x", mac="m", servers=("127.0.0.1:9",)
    )
    assert (await cloud.look(deed)("127.0.0.1:9")).trouble
    assert cloud_of(None, credentials).changes == {}
    with pytest.raises(CredentialUnusable):
        cloud_of(AwsSettings(credential="other"), credentials)
