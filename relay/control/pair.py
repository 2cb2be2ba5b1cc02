"""What is told of the other relay center: the answers behind `relay pair status`, and what in them an operator acts on.

Owns shapes and sentences. It must never gather. The trap: a finding is told of two centers, and half of them are the other
center's business: each sentence says whose.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from relay.control.acks import AcksReport, ack_words

WORDS = {
    "starting": "not looked for long enough",
    "normal": "both centers reach the region, and each other",
    "path-lost": "one path to the other center is lost",
    "peer-lost": "the other center is heard on no path: it is down, or both paths are cut",
    "cross-connect-lost": "we cannot reach the active region, and the other center can: our cross-connect",
    "peer-cross-connect-lost": "the other center cannot reach the active region, and we can: its cross-connect",
    "region-lost": "neither center can reach the active region",
    "region-unreachable": "we cannot reach the active region, and the other center does not say whether it can",
    "cut-off": "we reach no region, no name server and not the other center: it is us",
}
RUNBOOK = {
    "path-lost": "RelayPairPathLost",
    "peer-lost": "RelayPairPeerLost",
    "cross-connect-lost": "RelayPairCrossConnectLost",
    "peer-cross-connect-lost": "RelayPairCrossConnectLost",
    "region-lost": "RelayPairRegionLost",
    "region-unreachable": "RelayPairRegionLost",
    "cut-off": "RelayPairCutOff",
}


class PairPathRow(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is unknown, up, one-way or lost; `trouble` is what the system says against our socket."""

    name: str
    own: str = ""
    peer: str = ""
    state: str = ""
    trouble: str = ""


class PairSightRow(msgspec.Struct, frozen=True, kw_only=True):
    """A region or a name server as both see it: ok, failing or unknown. `is_active`: the region that money goes to."""

    name: str
    kind: str = "region"
    ours: str = "unknown"
    peers: str = "unknown"
    is_active: bool = False


class PairPeer(msgspec.Struct, frozen=True, kw_only=True):
    """The other center as of its last fresh heartbeat; `age_ms` None: never heard."""

    age_ms: int | None = None
    version: int = 0
    software: str = ""
    incarnation: int = 0
    role: str = ""
    epoch: int = 0
    region: str = ""
    sealed_epoch: int = 0
    has_permit: bool = False
    serves_peer: bool = False
    is_through_peer: bool = False
    standby: str = "unknown"
    skew_ms: int = 0


class PairReport(msgspec.Struct, frozen=True, kw_only=True):
    """`peer` empty: there is no pair. `way` is direct or through-peer; `disagreement` a sentence, empty for none.
    `is_durable_possible`: the link between the centers is up, so that a copy at the other center could be made."""

    peer: str = ""
    finding: str = "starting"
    since_ms: int = 0
    way: str = "direct"
    uses_peer: bool = False
    serves_peer: bool = False
    return_after_ms: int = 0
    tunnels: int = 0
    forwarded: int = 0
    paths: tuple[PairPathRow, ...] = ()
    sights: tuple[PairSightRow, ...] = ()
    other: PairPeer = PairPeer()
    disagreement: str = ""
    has_twin: bool = False
    has_namesake: bool = False
    is_other_version: bool = False
    skew_ms_max: int = 0
    is_durable_possible: bool = False
    acks: AcksReport = AcksReport()


def pair_words(report: PairReport) -> Iterator[tuple[str, str]]:
    """What is wrong with the pair, worst first, each with the page of the runbook."""
    yield from ack_words(report.acks)
    if not report.peer:
        return
    page = RUNBOOK.get(report.finding)
    if page is not None:
        yield f"pair: {WORDS[report.finding]}", f"relay pair status; runbook: {page}"
    if report.way == "through-peer":
        yield f"core calls go through {report.peer}", "runbook: RelayPairCrossConnectLost"
    if report.disagreement:
        yield f"pair: {report.disagreement}", "runbook: RelayPairDisagrees"
    if report.has_twin:
        yield f"two processes say that they are {report.peer}", "runbook: RelayPairTwin"
    if report.has_namesake:
        yield "another process with our key goes by our own name", "runbook: RelayPairTwin"
    if report.is_other_version:
        yield (
            f"{report.peer} speaks version {report.other.version} of the heartbeat, and is not understood",
            "runbook: RelayPairOtherVersion",
        )
    if report.other.age_ms is not None and abs(report.other.skew_ms) > report.skew_ms_max:
        yield f"the clocks differ by {report.other.skew_ms / 1_000:.1f} s", "runbook: RelayPairClockSkew"
