"""What one of two people has signed, and who signs second: a table of the failover room and of the relay's own page.

Owns its look. Pure. It must never sign: the second is led to the form of the same deed, with the same words in it. The
traps: what was signed on the host is signed second there, so nobody is led to a form that would be refused; and a reason is a
person's text, which may hold a card number.
"""

from __future__ import annotations

from collections.abc import Sequence

from relay.console.html import Child, Html
from relay.console.pages.failover_facts import said
from relay.console.pages.layout import Frame, deed_link, section, table
from relay.failover.approvals import same_person
from relay.failover.cosign import LoneRow


def signatures(frame: Frame, rows: Sequence[LoneRow], me: str, title: str) -> Html | None:
    """`me`: as the signatures name whoever looks; nothing where none waits."""
    if not rows:
        return None
    t = frame.words
    heads = [
        (t("failover.log.who"), ""),
        (t("failover.lone.what"), "w"),
        (t("col.at"), "n"),
        (t("failover.lone.until"), "n"),
        (t("failover.lone.second"), ""),
    ]
    made: list[list[Child]] = [
        [
            [one.who, " ", t(f"failover.lone.{one.place}")] if one.place else one.who,
            said(f"{_words_of(one)}: {one.text}"),
            t.clock(one.at_ms),
            f"{t.clock(one.until_ms)} ({t.duration(one.left_ms)})",
            [one.second, " ", _second(frame, one) if same_person(me, one.second) else None],
        ]
        for one in rows
    ]
    return section(title, table(heads, made, title, t("failover.nobody")))


def _words_of(one: LoneRow) -> str:
    """Without the run's name, which the page has."""
    match one.what:
        case ("step", _, step, how, is_undo):
            return f"{how} {step}" + (" (undo)" if is_undo == "True" else "")
        case ("say" | "adopt" as kind, _, *rest):
            return " ".join((kind, *rest))
        case ("pin", region, epoch, minutes):
            return f"pin {region}, epoch {epoch}, {minutes} min"
        case ("take", line, is_by_hand):
            return f"take {line}" + (" by hand" if is_by_hand == "True" else "")
        case _:
            return " ".join(one.what)


def _second(frame: Frame, one: LoneRow) -> Html | None:
    """The link by which the second signs the same, and names the first."""
    if one.place == "host":
        return None
    match one.what:
        case ("step", run, step, how, undo):
            deed = "failover-waive" if how == "waived" else "failover-by-hand"
            return deed_link(
                frame, deed, is_main=True, run=run, step=step, undo="yes" if undo == "True" else None, second=one.who
            )
        case ("say", run, topic):
            return deed_link(frame, "failover-say", is_main=True, run=run, topic=topic, second=one.who)
        case ("adopt", run):
            return deed_link(frame, "failover-adopt", is_main=True, run=run, second=one.who)
        case ("pin", region, epoch, minutes):
            here = {"region": region, "epoch": epoch, "minutes": minutes}
            return deed_link(frame, "region-pin", is_main=True, **here, second=one.who)
        case ("take", line, by_hand):
            flag = "yes" if by_hand == "True" else None
            return deed_link(frame, "lease-take", is_main=True, line=line, by_hand=flag, second=one.who)
        case ("takeover", center):
            return deed_link(frame, "takeover-begin", is_main=True, center=center, second=one.who)
        case ("give-back", *_):
            return deed_link(frame, "takeover-finish", is_main=True, second=one.who)
        case _:
            return None
