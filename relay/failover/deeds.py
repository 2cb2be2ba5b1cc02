"""What a step may do, as the plan writes it: one frozen value per kind of action, told apart by `action`.

Owns the words of `[step.do]` and `[step.undo]`, and what can be said of each without doing it: does it change anything,
does it move the record, can it take itself back. It must never do anything. The trap: only four names are filled in at run
time (`{run}`, `{epoch}`, `{region}`, `{center}`), each inside one word of an argv or one header, so that nothing a plan
holds is ever read by a shell.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from relay.failover.awsdeeds import EcsDeed, Elbv2Deed, RdsDeed, Route53Deed

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
Words = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=40)]

RelayVerb: TypeAlias = Literal["block", "seal", "new-epoch", "tail", "release", "serving", "standby"]
# block, release: classes of messages. seal: the old epoch. The others only look: the relay has the new epoch; what the old
# region lost is replayed; the relay may ask the core and suspends nothing; the region that takes over answers.
LOOKING: Final = frozenset({"new-epoch", "tail", "serving", "standby"})
CLASSES: Final = ("atm", "branch", "zengin", "inquiry")


class RelayDeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="relay"):
    """Said to the relay of one center through its control socket."""

    verb: RelayVerb
    center: Name
    classes: tuple[Literal["all", "atm", "branch", "zengin", "inquiry"], ...] = ()


class ManualDeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="manual"):
    """Done by people who tick each line and say what they saw. `undo` is a checklist, too, where it must be taken back."""

    checklist: Words
    moves_dns: bool = False
    changes: bool = True


class CommandDeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="command"):
    """A program without a shell. `look` is run to observe: exit code 0 is there, 1 is not there, 2 is under way, 3 has
    failed for good, anything else is no answer. `environment` names the variables that it may see."""

    look: Words
    argv: tuple[Text, ...] = ()  # empty: it only looks
    environment: tuple[Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")], ...] = ()
    moves_dns: bool = False


class WebhookDeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="webhook"):
    """A signed POST that says it, a signed GET that asks. `secret` names a credential."""

    url: Annotated[str, msgspec.Meta(pattern=r"^https://[A-Za-z0-9.\-\[\]:]+(/[!-~]*)?$", max_length=400)]
    secret: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$")]
    verb: Name
    moves_dns: bool = False
    changes: bool = True


class Rfc2136Deed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="rfc2136"):
    """The region record changed by DNS UPDATE, compare-and-swap. `servers` are all that must show it; the first is the
    primary."""

    zone: Text
    record_name: Text
    alias_name: Text
    alias_target: Text
    servers: Words
    mac: Text  # credential: signs the record
    tsig_name: Text
    tsig: Text  # credential, base64 inside
    tsig_algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    ttl_s: Annotated[int, msgspec.Meta(ge=1, le=300)] = 5


class BirdDeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="bird"):
    """A protocol of BIRD on this host, enabled or disabled."""

    socket: Text
    protocol: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
    wanted: Literal["enabled", "disabled"]


Deed: TypeAlias = (
    RelayDeed | ManualDeed | CommandDeed | WebhookDeed | Rfc2136Deed | BirdDeed | Route53Deed | RdsDeed | Elbv2Deed | EcsDeed
)
ACTIONS: Final = ("relay", "manual", "command", "webhook", "rfc2136", "bird", "route53", "rds", "elbv2", "ecs")


def kind_of(deed: Deed) -> str:
    return str(deed.__struct_config__.tag)


def changes_something(deed: Deed) -> bool:
    """False where it only looks."""
    match deed:
        case RelayDeed():
            return deed.verb not in LOOKING
        case ManualDeed() | WebhookDeed():
            return deed.changes
        case CommandDeed():
            return bool(deed.argv)
        case RdsDeed():
            return deed.verb != "standby"
        case _:
            return True


def moves_dns(deed: Deed) -> bool:
    """Does it change the record of the active region?"""
    match deed:
        case Rfc2136Deed() | Route53Deed():
            return True
        case ManualDeed() | CommandDeed() | WebhookDeed():
            return deed.moves_dns
        case _:
            return False


def compares_and_swaps(deed: Deed) -> bool:
    """Is a second one, at the same time or later, sure to change nothing that another has made?"""
    return isinstance(deed, Rfc2136Deed | Route53Deed)


def takes_itself_back(deed: Deed) -> bool:
    """Does the kind know its own opposite? A seal is unsealed, a block released, a protocol enabled again."""
    return isinstance(deed, BirdDeed) or (isinstance(deed, RelayDeed) and deed.verb in ("seal", "block"))


def filled(word: str, names: dict[str, str]) -> str:
    """`word` with the four names put in. Anything else in braces stays as it is."""
    for name, value in names.items():
        word = word.replace("{" + name + "}", value)
    return word
