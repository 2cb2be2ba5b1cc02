"""The drill on paper: the plan of a failover of the lab's regions, the orchestrators' configuration, and who the people are.
Pure.

Owns these texts. It must never start anything (drill.py does). The traps: a plan names programs by their words, and the lab's
are those of drillhand.py, run by the interpreter that runs this; the record has two ways, begun at once, for either control
plane may be the dead one; and everybody has an account of their own, on the host and at the console, or the orchestrator would
take one person for two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import msgspec

from relay.loopback.lab.centers import control_path, failover_path
from relay.loopback.lab.names import ALIAS, KEY_NAME, RECORD, TTL_S, ZONE, target_of
from relay.loopback.lab.topology import CENTERS, name_server_of, path_ips, peer_of

PORT = 7790
TSIG = "failover-tsig"
LOG_KEY = "failover-log"
FIRST_UID = 42_001  # accounts that no machine has; the kernel knows numbers only


class Person(msgspec.Struct, frozen=True):
    """`uid` is the account under which this one works."""

    name: str
    role: str
    uid: int

    @property
    def login(self) -> str:
        """At a console."""
        return self.name.lower()

    @property
    def authenticator(self) -> str:
        """The credential with the secret of this one's telephone."""
        return f"code-{self.login}"


DECLARER = Person("Sato", "operations", FIRST_UID)
PEOPLE = (
    DECLARER,
    Person("Ito", "operations", FIRST_UID + 1),
    Person("Kato", "business", FIRST_UID + 2),
    Person("Ueda", "operations", FIRST_UID + 3),
    Person("Mori", "business", FIRST_UID + 4),
)


def at_gate(gate: int, role: str) -> Person:
    """Who decides: others at gate 2 than at gates 1 and 3, never the declarer."""
    others = [one for one in PEOPLE if one.role == role and one is not DECLARER]
    return others[1 if gate == 2 else 0]


def person(name: str) -> Person:
    """Raises KeyError."""
    return {one.name: one for one in PEOPLE}[name]


def socket_of(folder: str, city: str) -> str:
    return failover_path(f"{folder}/{city}")


def hand(root: str, lab: str, *words: str) -> list[str]:
    """The words of one of the lab's own programs: without a shell, and without anything of its caller's environment."""
    return ["/usr/bin/env", f"PYTHONPATH={root}", sys.executable, "-m", "relay.loopback.lab.drillhand", lab, *words]


# ---- the orchestrator's configuration ----------------------------------------------------------------------------------------
def orchestrator(root: str, lab: str, folder: str, city: str, speakers: Sequence[int] = ()) -> str:
    """The file of one center's orchestrator. `speakers`: user ids of consoles that have found out themselves who it is."""
    peer = peer_of(city)
    lines = [
        f'center = "{city}"',
        f'folder = "{folder}/{city}/failover"',
        f'plans = "{folder}/plans"',
        f'socket = "{socket_of(folder, city)}"',
        f'relay_socket = "{control_path(f"{folder}/{city}")}"',
        f'credentials_directory = "{folder}/{city}/credentials"',
        f'log_key = "{LOG_KEY}"',
        f"lag = {_words(hand(root, lab, 'database', 'lag-ms', '{region}'))}",
        f"page = {_words(hand(root, lab, 'page', city))}",
        f"speakers = [{', '.join(str(uid) for uid in speakers)}]",
        "[peer]",
        f'center = "{peer}"',
        f'listen = "{path_ips(city)[0]}:{PORT}"',
        f'address = "{path_ips(peer)[0]}:{PORT}"',
        f'certificate = "{folder}/{city}/pair.pem"',
        f'key = "{folder}/{city}/pair.key"',
        f'authorities = "{folder}/{city}/authorities.pem"',
        f'certificate_name = "{peer}.lab"',
    ]
    for one in PEOPLE:
        lines += ["[[person]]", f'name = "{one.name}"', f'roles = ["{one.role}"]', f"uids = [{one.uid}]"]
        lines += [f'logins = ["{one.login}"]', f'authenticator = "{one.authenticator}"']
    return "\n".join(lines) + "\n"


# ---- the plan ----------------------------------------------------------------------------------------------------------------
HEAD = """\
# Written by the lab: a failover of its regions with the real actions. docs/drill.md
[plan]
name = "drill-{to}"
kind = "drill"
about = "{lost} is lost, {to} takes over: in the lab, with its relays, name servers and database."
from_region = "{lost}"
to_region = "{to}"
centers = ["tokyo", "osaka"]
roles = ["operations", "business"]
prepared_for_s = 3600
"""


def plan(root: str, lab: str, folder: str, lost: str, to: str) -> str:
    """From the region `lost` to the region `to`; run by the orchestrator of the center beside `to`."""
    steps: list[Iterator[str]] = [
        _prepare(root, lab, folder, to),
        _initiate(root, lab),
        _move(root, lab, lost, to),
        _verify(root, lab, to),
        _release(root, lab),
    ]
    return HEAD.format(lost=lost, to=to) + "".join(text for some in steps for text in some)


def _prepare(root: str, lab: str, folder: str, to: str) -> Iterator[str]:
    scale = ("scale", "look", "{region}"), ("scale", "up", "{region}")
    undo = _program("undo", hand(root, lab, "scale", "look-down", "{region}"), hand(root, lab, "scale", "down", "{region}"))
    yield _step("scale-up", "prepare", _both(root, lab, *scale) + undo, timeout_s=120, p95_s=5, settle_s=1)
    yield _relay("standby-is-alive", "prepare", "standby", to)
    yield _step("copy-is-close", "prepare", _looks(root, lab, "database", "lag-is-fine", "{region}"))
    bird = f'socket = "{folder}/bird-{to}-center.ctl"\nprotocol = "isp"\nwanted = "enabled"\n'
    yield _step("announcer-is-enabled", "prepare", '[plan.step.do]\naction = "bird"\n' + bird)


def _initiate(root: str, lab: str) -> Iterator[str]:
    for city in CENTERS:
        yield _relay(f"block-{city}", "initiate", "block", city, ("all",))
        yield _relay(f"seal-{city}", "initiate", "seal", city, needs=(f"block-{city}",), timeout_s=60, p95_s=10)
    stop = ("database", "copy-is-stopped", "{region}"), ("database", "stop-copy", "{region}")
    back = hand(root, lab, "database", "copy-runs", "{region}"), hand(root, lab, "database", "start-copy", "{region}")
    seals = tuple(f"seal-{city}" for city in CENTERS)
    yield _step("stop-the-copy", "initiate", _both(root, lab, *stop) + _program("undo", *back), needs=seals, settle_s=1)


def _move(root: str, lab: str, lost: str, to: str) -> Iterator[str]:
    promote = ("database", "is-writer", "{region}", "{epoch}"), ("database", "failover", "{region}", "{epoch}")
    yield _step("promote", "promote", _both(root, lab, *promote), more="reversible = false\ntries = 1\n", settle_s=5)
    yield _record("move-the-record", to, to)
    yield _record(f"move-the-record-at-{lost}", lost, to, 'instead_of = "move-the-record"\nat_once = true\n')


def _verify(root: str, lab: str, to: str) -> Iterator[str]:
    for city in CENTERS:
        yield _relay(f"epoch-at-{city}", "verify", "new-epoch", city)
        yield _relay(f"tail-at-{city}", "verify", "tail", city, needs=(f"epoch-at-{city}",), timeout_s=300, p95_s=20)
    looks = _looks(root, lab, "synthetic", "{region}", "{epoch}", "{center}")
    yield _step("synthetic-transaction", "verify", looks, needs=(f"epoch-at-{to}",))


def _release(root: str, lab: str) -> Iterator[str]:
    """By class: the next one is let in when the one before is seen being served."""
    yield _step("open-rules", "release", _both(root, lab, ("rules", "look", "{region}"), ("rules", "open", "{region}")))
    before: tuple[str, ...] = ("open-rules",)
    for name, classes, seen in (
        ("zengin", ("zengin",), "zrc"),
        ("branch", ("branch", "inquiry"), "branch-p1"),
        ("atm", ("atm",), "iso8583"),
    ):
        for city in CENTERS:
            yield _relay(f"release-{name}-{city}", "release", "release", city, classes, needs=before)
        served = f"{name}-is-served"
        opened = tuple(f"release-{name}-{city}" for city in CENTERS)
        yield _step(served, "release", _looks(root, lab, "served", seen), needs=opened, timeout_s=120, p95_s=10)
        before = (served,)
    for city in CENTERS:
        yield _relay(f"serving-at-{city}", "release", "serving", city, needs=before, timeout_s=120, p95_s=10)


# ---- words -------------------------------------------------------------------------------------------------------------------
def _step(
    name: str,
    phase: str,
    deeds: str,
    *,
    needs: Sequence[str] = (),
    timeout_s: int = 60,
    p95_s: int = 3,
    settle_s: int = 2,
    more: str = "",
) -> str:
    head = f'\n[[plan.step]]\nname = "{name}"\nphase = "{phase}"\n{more}'
    head += f"timeout_s = {timeout_s}\np95_s = {p95_s}\nsettle_s = {settle_s}\n"
    return head + (f"needs = {_words(needs)}\n" if needs else "") + deeds


def _relay(
    name: str,
    phase: str,
    verb: str,
    city: str,
    classes: Sequence[str] = (),
    *,
    needs: Sequence[str] = (),
    timeout_s: int = 60,
    p95_s: int = 3,
) -> str:
    deed = f'[plan.step.do]\naction = "relay"\nverb = "{verb}"\ncenter = "{city}"\n'
    deed += f"classes = {_words(classes)}\n" if classes else ""
    return _step(name, phase, deed, needs=needs, timeout_s=timeout_s, p95_s=p95_s)


def _record(name: str, server: str, to: str, more: str = "") -> str:
    """By DNS UPDATE at the server of one region, which is a primary of its own (names.py)."""
    deed = f"""[plan.step.do]
action = "rfc2136"
zone = "{ZONE}"
record_name = "{RECORD}"
alias_name = "{ALIAS}"
alias_target = "{target_of(to)}"
servers = ["{name_server_of(server)}:53"]
mac = "region-mac"
tsig_name = "{KEY_NAME}"
tsig = "{TSIG}"
ttl_s = {TTL_S}
"""
    return _step(name, "dns", deed, timeout_s=15, more=more)


def _both(root: str, lab: str, look: Sequence[str], act: Sequence[str]) -> str:
    return _program("do", hand(root, lab, *look), hand(root, lab, *act))


def _looks(root: str, lab: str, *look: str) -> str:
    return _program("do", hand(root, lab, *look))


def _program(deed: str, look: Sequence[str], act: Sequence[str] = ()) -> str:
    return f'[plan.step.{deed}]\naction = "command"\nlook = {_words(look)}\n' + (f"argv = {_words(act)}\n" if act else "")


def _words(words: Sequence[str]) -> str:
    return "[" + ", ".join(f"'{word}'" for word in words) + "]"
