"""AWS as the orchestrator's file has it: which key, which endpoints, how long it waits; and the door made of that.

Owns `[aws]` and the credential file. It must never show a key. The traps: the file is AWS's own form, and a value out of it
is never part of an error; an endpoint is https, or requests could be read and the answers made up on the way (a loopback
address is this host itself); and everything may be left out, for the usual case is a role that the instance has.
"""

from __future__ import annotations

import configparser
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from protocols.vocabulary import Secret
from relay.core.dns import parse_name_server
from relay.core.zone import ZoneAnswer, ZoneDoor
from relay.credentials import Credentials, CredentialUnusable
from relay.failover.actions.aws import AwsCall
from relay.failover.actions.awsdoor import AwsAccess, AwsDoor, AwsKey
from relay.failover.awscheck import AwsExaminer
from relay.failover.awsdeeds import Route53Deed

LOOK_MS: Final = 2_000  # one name server's answer
SECTION: Final = "default"
Service: TypeAlias = Literal["route53", "rds", "elbv2", "ecs", "iam", "sts"]
Url = Annotated[
    str, msgspec.Meta(pattern=r"^(https://[A-Za-z0-9.\-]+(:[0-9]{1,5})?|http://127\.0\.0\.1:[0-9]{1,5})/?$", max_length=200)
]
RoleArn = Annotated[str, msgspec.Meta(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[!-~]{1,500}$")]


class AwsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`credential`: a credential in the form of AWS's own file; without it the environment, a `profile`, or the instance's
    role. `endpoints`: addresses of our own (VPC endpoints). `principal`, `simulate`: see AwsExaminer."""

    credential: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$")] | None = None
    profile: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None
    endpoints: dict[Service, Url] = {}
    ca: Annotated[str, msgspec.Meta(min_length=1, max_length=400)] | None = None
    principal: RoleArn | None = None
    simulate: bool = True
    connect_timeout_s: Annotated[float, msgspec.Meta(ge=0.5, le=10)] = 3.0
    read_timeout_s: Annotated[float, msgspec.Meta(ge=0.5, le=30)] = 10.0


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """`call`: AWS. `look`: what one name server of a zone shows. `changes`: ids of changes of records, by a step's token."""

    call: AwsCall
    look: Callable[[Route53Deed], Callable[[str], Awaitable[ZoneAnswer]]]
    changes: MutableMapping[str, str]
    examiner: AwsExaminer


def cloud_of(settings: AwsSettings | None, credentials: Credentials) -> Cloud:
    """Nothing is read or imported before AWS is first needed, but for the credential. Raises CredentialUnusable."""
    known = settings or AwsSettings()
    key = None if known.credential is None else parse_key(known.credential, credentials.read(known.credential))
    access = AwsAccess(
        key=key,
        profile=known.profile,
        endpoints={str(service): url for service, url in known.endpoints.items()},
        ca=known.ca,
        connect_s=known.connect_timeout_s,
        read_s=known.read_timeout_s,
    )
    door = AwsDoor(access)
    return Cloud(call=door, look=_look_of, changes={}, examiner=AwsExaminer(door, known.principal, known.simulate))


def parse_key(name: str, content: bytes) -> AwsKey:
    """The key of a credential file: `[default]`, aws_access_key_id, aws_secret_access_key and, for a session,
    aws_session_token. Raises CredentialUnusable, never with anything out of it."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(content.decode("ascii"))
        section = parser[SECTION]
        token = section.get("aws_session_token")
        return AwsKey(
            id=section["aws_access_key_id"],
            secret=Secret(section["aws_secret_access_key"]),
            token=None if token is None else Secret(token),
        )
    except (configparser.Error, KeyError, UnicodeDecodeError):
        raise CredentialUnusable(
            f"credential {name} is not a file of AWS credentials.",
            f"[{SECTION}], then aws_access_key_id = ..., aws_secret_access_key = ... on lines of their own.",
        ) from None


def _look_of(deed: Route53Deed) -> Callable[[str], Awaitable[ZoneAnswer]]:
    servers = tuple(parse_name_server(server) for server in deed.servers)
    door = ZoneDoor(servers, deed.record_name, deed.alias_name, LOOK_MS)

    async def look(server: str) -> ZoneAnswer:
        return await door.look(deed.servers.index(server))

    return look
