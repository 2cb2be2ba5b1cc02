"""What a person may say to a line: open, close, match, sign a day, change tables, decide about a parked telegram.

Owns the names and what each one needs. It must never do more than a person asked for. The traps: `data` comes from a
command line; whatever it holds is checked here, and what cannot be done is noted, never guessed; and nobody is told that a
decision was taken before it is durable.
"""

from __future__ import annotations

from protocols import parked as p
from protocols.dialect import Action, CommandRequested, Note
from protocols.zengin.session.closing import Closing
from protocols.zengin.session.inward import Receiving
from protocols.zengin.session.line import Line
from protocols.zengin.session.opening import Opening
from protocols.zengin.session.outward import Sending

WORDS_MAX = 3
TEXT_BYTES_MAX = 200
# Name -> what `data` holds, words in order.
COMMANDS: dict[str, str] = {
    "open": "",
    "pre-close": "",
    "close": "",
    "force-close": "WHO",
    "sign": "DAY WHO",
    "tables-previous": "",
    "tables-current": "",
    "resubmit": "NAME",
    "answer-parked": "NAME RESULT WHO",
    "drop-parked": "NAME WHO",
}


def command(
    event: CommandRequested,
    line: Line,
    opening: Opening,
    closing: Closing,
    receiving: Receiving,
    sending: Sending,
    now_ms: int,
    actions: list[Action],
) -> None:
    wanted = COMMANDS.get(event.name)
    text = event.data[:TEXT_BYTES_MAX].decode("utf-8", "replace")
    words = text.split(maxsplit=WORDS_MAX - 1)
    if wanted is None or len(words) < len(wanted.split()):
        actions.append(Note("command-impossible", f"{event.name:.32}: needs {wanted or 'another line'}"))
        return
    name = event.name
    if name == "open":
        opening.look(now_ms, actions, by_hand=True)
    elif name == "pre-close":
        closing.pre_close(now_ms, actions)
    elif name == "close":
        closing.close(now_ms, actions)
    elif name == "force-close":
        closing.force(f"closed by force: {text}", now_ms, actions)
    elif name == "sign":
        _sign(line, words[0], " ".join(words[1:]), actions)
    elif name in ("tables-previous", "tables-current"):
        _use_tables(line, opening, name == "tables-previous", now_ms, actions)
        opening.look(now_ms, actions)
    elif name == "resubmit":
        receiving.resubmit(words[0], actions)
    elif name == "answer-parked":
        _answer_parked(line, receiving, sending, words, now_ms, actions)
    else:
        receiving.unpark(words[0], p.DROPPED, " ".join(words[1:]), actions)


def _sign(line: Line, day: str, who: str, actions: list[Action]) -> None:
    signed = line.day.sign(day, who)
    if signed is None:
        actions.append(Note("command-impossible", f"sign: {day[:16]} waits for nobody"))
        return

    def say(now_ms: int, actions: list[Action]) -> None:
        actions.append(Note("day-signed", f"{day} by {who}"))

    line.keep_day(signed, actions, say)


def _use_tables(line: Line, opening: Opening, previous: bool, now_ms: int, actions: list[Action]) -> None:
    if previous and not line.rules.profile.tables.previous:
        actions.append(Note("command-impossible", "tables-previous: the profile names no previous version"))
        return
    opening.use_tables(previous, now_ms, actions)


def _answer_parked(
    line: Line, receiving: Receiving, sending: Sending, words: list[str], now_ms: int, actions: list[Action]
) -> None:
    """回答 to the sender with a result code, and once that has left, the telegram leaves the list: what a crash comes between
    is answered twice rather than never."""
    name, result = words[0], words[1]
    kept = receiving.parked(name)
    head = None if kept is None else line.rules.telegrams.head_of(kept.body)
    if head is None or not line.carries or not (len(result) == 4 and result.isascii() and result.isdigit()):
        actions.append(Note("command-impossible", f"answer-parked: {name[:64]} cannot be answered now"))
        return
    answer = line.rules.answer_to(head, line.day.day, result)
    if sending.is_to_say(answer):
        actions.append(Note("command-impossible", f"answer-parked: {name[:64]} is being answered"))
        return

    def leave(now_ms: int, actions: list[Action]) -> None:
        receiving.unpark(name, p.ANSWERED, " ".join(words[2:]), actions)

    sending.say(answer, now_ms, actions, then=leave)
