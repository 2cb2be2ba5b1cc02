"""What is wrong with the disk of the run logs, in the failover room: logs that are damaged, and copies that are not kept.

Owns its look. Pure. It must never decide whether a run is over. The trap: what two people sign for is the bank's other
runs, so the line to type stands here and no form: they sit at the host, where the log is, and have looked at it.
"""

from __future__ import annotations

from relay.console.html import Child, Html, h, join
from relay.console.pages.failover_facts import said
from relay.console.pages.layout import Frame, section, table, tag
from relay.failover.damage import Damaged
from relay.failover.view import RunView

SEEN_CHARS = 16


def damage_of(frame: Frame, view: RunView) -> Html | None:
    """Nothing where nothing is wrong."""
    t = frame.words
    if not view.damaged and not view.copy_trouble:
        return None
    heads = [(t("failover.run"), "k"), (t("col.detail"), "w"), (t("failover.damaged.is-over"), "w")]
    rows: list[list[Child]] = [
        [one.run, said(f"{one.why} {one.next_step}".rstrip()), _standing(frame, one)] for one in view.damaged
    ]
    return section(
        t("failover.damaged"),
        h("p", said(t("failover.copy-trouble", why=view.copy_trouble)), class_="wrong") if view.copy_trouble else None,
        table(heads, rows, t("failover.damaged"), t("failover.nobody")) if rows else None,
        *(_to_type(frame, view, one) for one in view.damaged if one.standing == "unknown"),
    )


def _standing(frame: Frame, one: Damaged) -> Child:
    t = frame.words
    if one.standing != "unknown":
        return said(t(f"failover.damaged.{one.standing}", proof=one.proof))
    told = one.state or t("failover.nobody")
    return [
        h("p", tag(t("failover.damaged.unknown"), "bad")),
        h("p", said(t("failover.damaged.told", lines=one.lines, told=told, peer=one.peer or t("failover.damaged.unheard")))),
    ]


def _to_type(frame: Frame, view: RunView, one: Damaged) -> Html:
    signed = "--second NAME --who NAME --why REASON"
    line = f"relay failover lay-aside {one.run} --seen {one.digest[:SEEN_CHARS]} {signed}"
    return join(
        h("p", frame.words("failover.damaged.cli", center=view.center), class_="quiet"),
        h("pre", line, class_="paper", lang="en", tabindex="0"),
    )
