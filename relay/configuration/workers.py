"""Several workers of one relay: what each of them is configured to, out of the one file, and what does not go together. Pure.

Owns which worker does what, as settings: a worker beyond the first has fewer listeners, and nothing that is done once. It must
never read the environment. The traps: a dialect is spread only where nothing of its terminals is kept in a process beyond one
link; and every worker needs a control socket and a metrics port of its own, which tools derive in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from relay.configuration.acks import needs_of, setting_of
from relay.configuration.lines import Path
from relay.needs import ALONE
from relay.settings import Settings

WORKER_VARIABLE: Final = "RELAY_WORKER"  # in the environment of a worker: its number, from 1
RUN_VARIABLE: Final = "RELAY_BEGINS_RUN"  # set for the first life of the first worker of a start
SUPERVISOR_VARIABLE: Final = "RELAY_SUPERVISOR"  # process id of whoever starts the workers
SPREAD_DIALECTS: Final = frozenset({"iso8583"})  # whose links any worker may serve
_PORT_MAX: Final = 65_535


def worker_number(environment: Mapping[str, str]) -> int:
    """Of this process: 0 where it is the only one, or the one that starts the others."""
    text = environment.get(WORKER_VARIABLE, "")
    return int(text) if text.isdecimal() else 0


def is_spread(settings: Settings, listener: str) -> bool:
    """Whether links of this listener may be on any worker, where no other worker sees them."""
    return settings.relay.workers > 1 and any(
        each.name == listener and each.dialect in SPREAD_DIALECTS for each in settings.listener
    )


def narrowed(settings: Settings, worker: int) -> Settings:
    """What worker number `worker` is to do; the whole where there is one only, and for the first."""
    if settings.relay.workers == 1 or worker <= 1:
        return settings
    port = settings.telemetry.metrics_port
    return settings.model_copy(
        update={
            "listener": tuple(each for each in settings.listener if each.dialect in SPREAD_DIALECTS),
            "dialer": (),
            "outbound": settings.outbound.model_copy(update={"endpoint": None}),
            "reconcile": settings.reconcile.model_copy(update={"enabled": False}),
            "telemetry": settings.telemetry.model_copy(update={"metrics_port": port and port + worker - 1}),
            "control": settings.control.model_copy(update={"path": control_path(settings.control.path, worker)}),
        }
    )


def control_path(path: str, worker: int) -> str:
    """Of the worker's control socket: control.sock, control-2.sock, ..."""
    if worker <= 1:
        return path
    stem, dot, ending = path.rpartition(".")
    return f"{stem}-{worker}.{ending}" if dot and "/" not in ending else f"{path}-{worker}"


def check_workers(settings: Settings) -> Iterator[tuple[Path, str, str]]:
    """What does not go together with several workers: setting, problem, suggestion."""
    if settings.relay.workers == 1:
        return
    if settings.journal.engine == "sqlite":
        yield (
            ("journal", "engine"),
            "several workers share a journal, and a SQLite file has one writer",
            'engine = "postgresql", or relay.workers = 1',
        )
    if settings.region.source == "dns":
        yield (
            ("region", "source"),
            "a seal is believed when nothing speaks any more, and only one worker's calls are counted",
            'source = "core", or relay.workers = 1',
        )
    if settings.journal.archive_directory is not None:
        yield (
            ("journal", "archive_directory"),
            "archives are made of one worker's exchanges in the order of their numbers",
            "no archive_directory, or relay.workers = 1",
        )
    if settings.reconcile.enabled and settings.reconcile.mending == "mend":
        yield (
            ("reconcile", "mending"),
            "what another worker has closed is not opened again by this version",
            'mending = "list", or relay.workers = 1',
        )
    yield from _check_center(settings)
    if settings.telemetry.metrics_port + settings.relay.workers - 1 > _PORT_MAX:
        yield (("telemetry", "metrics_port"), "each worker has the next port, and there are no more", "a lower port")
    if settings.relay.worker_lease_ms <= settings.journal.commit_timeout_ms:
        yield (
            ("relay", "worker_lease_ms"),
            "a worker that waits for one slow commit would be taken over",
            f"above journal.commit_timeout_ms, {settings.journal.commit_timeout_ms}",
        )


def _first_need(settings: Settings) -> str:
    """The setting of the first class for which this disk is not enough."""
    needs = needs_of(settings.pair)
    return next(setting_of(each) for each in needs if needs[each] != ALONE[each])


def _check_center(settings: Settings) -> Iterator[tuple[Path, str, str]]:
    """What one process does for a whole center, and would do once in each worker."""
    announce = settings.announce
    if announce.adapter != "none" or announce.addresses or announce.text_port is not None:
        yield (
            ("announce", "adapter" if announce.adapter != "none" else "addresses" if announce.addresses else "text_port"),
            "the role opens and shuts the listeners of one process, and other workers would go on without it",
            "no [announce], or relay.workers = 1",
        )
    if settings.pair.peer is not None:
        yield (
            ("pair", "peer"),
            "heartbeats and the way through the other center are those of one process",
            "no pair.peer, or relay.workers = 1",
        )
    if settings.pair.journal_standby is not None or needs_of(settings.pair) != ALONE:
        yield (
            ("pair", "journal_standby" if settings.pair.journal_standby is not None else _first_need(settings)),
            "what an acknowledgement needs is looked at by one process, for what it took itself",
            "no pair.journal_standby and no pair.ack_needs_..., or relay.workers = 1",
        )
    for number, link in enumerate(settings.listener):
        if link.exclusive and link.dialect in SPREAD_DIALECTS:
            yield (
                ("listener", number, "exclusive"),
                f"each worker would take the lease of {link.name} for itself",
                "exclusive = false, or relay.workers = 1",
            )
