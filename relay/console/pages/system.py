"""The relay itself: reload, drain, what is announced, what is suspended, the core's addresses, the journal.

Owns its look. Pure. It must never do anything. The trap: most of these deeds stop money for somebody, so they stand beside
what they change, and each leads to a form that says what will happen.
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.console.html import Child, Html, h, join
from relay.console.pages.layout import Frame, deed_link, facts, page, section, table, tag
from relay.console.pages.signatures import signatures
from relay.control.announce import AnnounceReport
from relay.control.drain import DrainReport
from relay.control.report import StatusReport

SIGNED_BY_TWO = ("region-pin", "lease-take", "takeover-begin", "takeover-finish")


def system(frame: Frame, status: StatusReport, drain: DrainReport, refresh_ms: int) -> Html:
    t = frame.words
    return page(
        frame,
        t("nav.system"),
        signatures(frame, status.signatures, "" if frame.person is None else frame.person.name, t("failover.lone")),
        section(t("system.process"), facts(_process(frame, status)), tools=_deeds(frame, "reload", "stop")),
        section(t("system.drain"), *_drain(frame, drain), tools=_deeds(frame, "drain-start", "drain-abort")),
        section(t("system.region"), facts(_region(frame, status)), tools=_deeds(frame, "region-block", "region-release")),
        *_announce(frame, status.announce),
        section(t("system.two"), h("p", t("system.two.what"), class_="quiet"), _deeds(frame, *SIGNED_BY_TWO, "region-unpin")),
        section(t("system.core"), *_core(frame, status)),
        section(t("system.journal"), facts(_journal(frame, status))),
        refresh_ms=refresh_ms,
    )


def _deeds(frame: Frame, *names: str) -> Html:
    return h("p", [deed_link(frame, name) for name in names], class_="deeds")


def _process(frame: Frame, status: StatusReport) -> list[tuple[str, Child]]:
    t = frame.words
    return [
        (t("col.state"), tag(t(f"state.{status.state}"), "" if status.state == "serving" else "warn")),
        (t("system.version"), status.version),
        (t("system.center"), f"{status.center} · {status.realm}"),
        (t("system.up"), t("system.life", up=t.duration(status.uptime_ms), n=status.incarnation)),
        (t("system.config"), status.config_path),
        (t("system.workers"), f"{status.workers_live} / {status.workers}"),
    ]


def _drain(frame: Frame, drain: DrainReport) -> list[Child]:
    t = frame.words
    told: list[tuple[str, Child]] = [
        (t("system.stage"), tag(t.maybe(f"stage.{drain.stage}", drain.stage), "" if drain.stage == "serving" else "warn"))
    ]
    if drain.who:
        told.append((t("audit.who"), f"{drain.who}: {drain.why}"))
        told.append((t("system.left"), t.duration(drain.left_ms)))
    heads = [(t("system.class"), ""), (t("col.state"), ""), (t("system.open"), "n"), (t("system.busy"), "n")]
    rows: list[list[Child]] = [
        [
            t.maybe(f"channel.{row.name}", row.name),
            tag(t("stage.drained") if row.is_drained else t("stage.serving"), "warn" if row.is_drained else ""),
            t.number(row.open),
            t.number(row.busy),
        ]
        for row in drain.rows
    ]
    return [facts(told), table(heads, rows, t("system.drain"), t("system.no-classes"))]


def _region(frame: Frame, status: StatusReport) -> list[tuple[str, Child]]:
    t, region = frame.words, status.region
    told: list[tuple[str, Child]] = [
        (t("picture.active"), region.region or "–"),
        (t("picture.epoch"), str(region.epoch)),
        (t("system.permit"), tag(t("yes")) if region.has_permit else tag(t("no"), "bad")),
        (t("system.blocked"), tag(", ".join(region.blocked), "warn") if region.blocked else "–"),
        (t("system.sealed"), str(region.sealed_epoch) if region.sealed_epoch else "–"),
    ]
    if status.hours:
        told.append((t("system.hours"), join(*_hours(frame, status))))
    said = [each for each in (region.detail, region.pinned, region.frozen) if each]
    if said:
        told.append((t("col.detail"), h("span", "; ".join(said), lang="en")))
    return told


def _hours(frame: Frame, status: StatusReport) -> Iterator[Child]:
    """Of each class and line with hours of service: open or closed, and until when on the bank's own clock."""
    t = frame.words
    for row in status.hours:
        name = row.name if row.is_line else t.maybe(f"channel.{row.name}", row.name)
        state = tag(t("hours.open"), "good") if row.is_open else tag(t("hours.closed"), "warn")
        until = t("hours.until", at=row.changes_at) if row.changes_at else ""
        yield h("div", f"{name} ", state, f" {until}".rstrip())


def _announce(frame: Frame, announce: AnnounceReport) -> list[Child]:
    t = frame.words
    if not announce.is_used:
        return []
    told: list[tuple[str, Child]] = [
        (t("system.role"), t.maybe(f"role-of.{announce.role}", announce.role)),
        (t("col.because"), h("span", announce.why or "–", lang="en")),
        (t("system.address"), ", ".join(announce.addresses) or "–"),
        (t("system.seen"), announce.seen or "–"),
    ]
    deeds = _deeds(frame, "announce-withdraw", "announce-resume", "announce-hand-back")
    return [section(t("system.announce"), facts(told), tools=deeds)]


def _core(frame: Frame, status: StatusReport) -> list[Child]:
    t, core = frame.words, status.core
    told: list[tuple[str, Child]] = [
        (t("system.name"), core.name),
        (t("system.inflight"), f"{t.number(core.inflight)} / {t.number(core.inflight_target)}"),
        (t("traffic.queue"), f"{t.number(core.queue)} / {t.number(core.queue_max)}"),
        (t("system.dns"), "–" if core.dns_answer_age_ms is None else t.duration(core.dns_answer_age_ms)),
    ]
    heads = [(t("system.address"), ""), (t("col.state"), ""), (t("system.inflight"), "n"), (t("system.failures"), "n")]
    rows: list[list[Child]] = [
        [
            each.address,
            tag(t.maybe(f"health.{each.health}", each.health), "" if each.health == "healthy" else "bad"),
            t.number(each.inflight),
            t.number(each.failures),
        ]
        for each in core.addresses
    ]
    return [facts(told), table(heads, rows, t("system.core"), t("system.no-addresses"))]


def _journal(frame: Frame, status: StatusReport) -> list[tuple[str, Child]]:
    t, journal = frame.words, status.journal
    states = ", ".join(f"{name} {t.number(count)}" for name, count in sorted(status.exchanges.items()) if count)
    return [
        (t("col.state"), tag(t(f"journal-is.{journal.state}"), "" if journal.state == "writable" else "bad")),
        (t("system.place"), journal.path),
        (t("system.size"), t.size(journal.size_bytes)),
        (t("system.records"), f"{t.number(journal.waiting)} / {t.number(journal.waiting_max)}"),
        (t("system.exchanges"), states or "–"),
    ]
