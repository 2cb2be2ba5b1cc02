"""One deposit of a branch terminal: read with every check, and written, microseconds; also in EBCDIC-kana, and its answer."""

from __future__ import annotations

from collections.abc import Callable

from protocols.branch.replies import answer_of
from protocols.framing import FrameCutter
from protocols.vocabulary import Approved
from tests.bench.codec import per_call_us
from tests.support.branchlink import BRANCH_P1, WALL_MS, deposit, make_branch, request_of


def measure(rounds: int, count: int = 2_000) -> list[dict[str, float]]:
    """Per round: microseconds per telegram cut and read, built, turned into a request, and answered."""
    plain, host = BRANCH_P1.codec, make_branch(characters={"charset": "ebcdic-kana"}).codec
    message = deposit(1)
    raw, raw_host = plain.write(message), host.write(message)
    (frame,), (frame_host,) = FrameCutter(plain.framing).feed(raw), FrameCutter(host.framing).feed(raw_host)
    if plain.read(frame) != message or host.read(frame_host) != message:
        raise RuntimeError("what is measured does not read as it was written")
    reply = BRANCH_P1.to_reply(message, Approved(authorisation_id="000123"), WALL_MS)
    calls: dict[str, Callable[[], object]] = {
        "parse_us": lambda: plain.read(frame),
        "parse_ebcdic_us": lambda: host.read(frame_host),
        "build_us": lambda: plain.write(message),
        "request_us": lambda: request_of(message),
        "answer_us": lambda: plain.write(answer_of(message, reply, 1)),
    }
    for call in calls.values():
        per_call_us(call, count // 10)
    return [{name: per_call_us(call, count) for name, call in calls.items()} for _ in range(rounds)]
