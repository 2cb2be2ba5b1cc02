"""The scenarios of docs/lab.md: each strikes once and says what was seen.

Owns the blows and what counts as detected. It must never mend (Play.until_normal does). The trap: a scenario says which time
is judged by its goal; all other times are shown beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from relay.loopback.lab.cuts import Cut, read
from relay.loopback.lab.door import LabError
from relay.loopback.lab.relays import Relay
from relay.loopback.lab.switching import copy_again, set_lag, switch, tell_tail
from relay.loopback.lab.takeovers import ENDED_S, lose, take_over
from relay.loopback.lab.topology import CENTERS, peer_of
from tests.live.lab.play import DENSE, Play, Result, Stage, look_until, now_ms

LAG_MS = 300  # of the copy in calm times
CUT_OFF_MS = 3_600_000  # nothing reaches it any more
WATCHDOG_MS = 5_000  # WatchdogSec= of systemd/relay-announce.conf
ADOPTION_MS = 2_000  # from people's word: five looks at the core, a promotion, a journal opened
SUPERSEDED_MS = 15_000  # a call through the other center, as in 4
UNDER_WAY = 5  # calls that nobody has answered
CALM_ANSWERS = 30


def zone_lost(play: Play) -> Result:
    """1: normal, and one zone of the active region gone without a word."""
    _calm(play)
    region = play.active()
    stage = play.stage()
    play.lab.fail(_cut(play, "zone", f"{region}-region:1"))
    holder = play.who_holds()
    address = play.lab.topology.node(f"{region}-region").addresses[0]
    stage.detect(
        "zone ejected",
        lambda: any(
            row.address.startswith(address) and row.health != "healthy" for row in play.relay(holder).status().core.addresses
        ),
    )
    stage.served(CALM_ANSWERS)
    failed = sum(row.refused + row.timed_out for row in play.sight())
    stage.notes["failed beyond those in flight"] = str(max(0, failed - stage.in_flight))
    return stage.result("1 zone lost", "longest pause at the ATMs", round(play.seen().pause_ms), 3_000)


def region_lost(play: Play) -> Result:
    """2: the active region gone; seal, promotion without the tail, DNS."""
    return _region(play, "2 region lost", lambda: None, CENTERS)


def relay_killed(play: Play) -> Result:
    """3: the relay process of the holder is killed."""
    _calm(play)
    holder = play.who_holds()
    stage = play.stage()
    play.lab.kill(f"relay-{holder}")
    _other_holds(play, stage, holder)
    return stage.result("3 relay killed", "longest pause at the ATMs", round(play.seen().pause_ms), 1_000)


def center_silent(play: Play) -> Result:
    """3: the holder's center is cut off from everybody, and no link goes down."""
    _calm(play)
    holder = play.who_holds()
    stage = play.stage()
    play.lab.fail(_cut(play, "node", f"{holder}-center"))
    _other_holds(play, stage, holder)
    return stage.result("3 center silent", "longest pause at the ATMs", round(play.seen().pause_ms), 3_000)


def cross_connect_lost(play: Play) -> Result:
    """4: the holder reaches no region any more, the other center does; both live."""
    _calm(play)
    holder = play.who_holds()
    stage = play.stage()
    play.lab.fail(*(_cut(play, "link", f"{holder}-center:{city}-region") for city in CENTERS))
    stage.detect(
        "other way",
        lambda: play.relay(holder).status().pair.way == "through-peer" or play.announced(peer_of(holder)).role == "holding",
    )
    stage.served()
    stage.notes["way"] = play.relay(holder).status().pair.way
    stage.notes["holds"] = play.holder()
    return stage.result("4 cross-connect lost", "longest pause at the ATMs", round(play.seen().pause_ms), 15_000)


def center_and_region_lost(play: Play) -> Result:
    """5: 2 and 3 together; the seal of the lost center cannot be had."""
    holder = play.who_holds()

    def cut() -> None:
        play.lab.fail(_cut(play, "node", f"{holder}-center"), _cut(play, "node", f"{play.active()}-region"))

    return _region(play, "5 center and region lost", cut, [peer_of(holder)])


def old_relay_wakes(play: Play) -> Result:
    """A center's host stands still (relay and BIRD), everything moves away from it, and it goes on as if nothing had been."""
    _calm(play)
    holder = play.who_holds()
    other = peer_of(holder)
    old = play.active()
    stage = play.stage()
    stopped = (f"relay-{holder}", f"bird-{holder}-center")
    for note in stopped:
        play.lab.stop(note)
    _other_holds(play, stage, holder)
    set_lag(play.lab, 0)
    done = switch(play.lab, peer_of(old), [other])
    copy_again(play.lab)  # a planned switch: the old region is a standby from now on, and says so
    look_until(lambda: play.relay(other).region().epoch == done.epoch, play.words)
    stage.served()
    before, begun_ms = play.posted_by(holder), now_ms()
    for note in stopped:
        play.lab.wake(note)
    look_until(lambda: _is_rid(play, holder), play.words)
    gone_ms = now_ms() - begun_ms
    for region, after in play.posted_by(holder).items():
        posted, undone, refused = (end - begin for end, begin in zip(after, before.get(region, (0, 0, 0)), strict=True))
        what = f"{posted} posted, {undone} reversals, {refused} refused"
        stage.notes[f"the old relay at {region}, until its sessions were gone"] = what
        if posted:  # what it has to undo it may undo, by key and in the new epoch
            raise LabError(f"the old relay posted at {region}: {what}")
    return stage.result("old relay wakes", "sessions of the old relay gone", gone_ms, WATCHDOG_MS)


def center_fenced(play: Play) -> Result:
    """6: the holder is cut off with calls under way, and taken for lost. Its first way back leads through its heir, and the
    core lets none of its words in."""
    _calm(play)
    holder = play.who_holds()
    heir, node = peer_of(holder), f"{holder}-center"
    whole, between = _cut(play, "node", node), _cut(play, "link", ":".join(f"{city}-center" for city in CENTERS))
    stage = play.stage()
    play.lab.fail(between, *(_cut(play, "link", f"{node}:{city}-region") for city in CENTERS))
    look_until(lambda: sum(play.relay(holder).status().exchanges.values()) >= UNDER_WAY, play.words)
    play.lab.fail(whole)
    _other_holds(play, stage, holder)
    _take_over(play, stage, holder)
    play.lab.heal(whole, between)  # and not its regions
    back_ms = stage.since_ms()
    look_until(lambda: play.relay(holder).takeover().own == "superseded", play.words)
    superseded_ms = stage.since_ms() - back_ms
    stage.served(CALM_ANSWERS)
    stage.notes["the fenced center"] = f"by {play.relay(holder).takeover().own_superseded_by}"
    stage.notes["what it posted, reversed, was refused, with its heir's words"] = str(play.posted_by(holder))
    stage.notes["its heir"] = play.relay(heir).takeover().state
    return stage.result("6 center cut off and taken over", "way back to superseded", superseded_ms, SUPERSEDED_MS)


def center_lost(play: Play) -> Result:
    """The holder's center is lost for good, with its journal; the other one takes it over. Nobody starts it again."""
    return _lost(play, "6 center lost for good")


def center_back(play: Play) -> Result:
    """The same; and it comes back with empty disks under traffic, and gets its journal."""
    result = _lost(play, "6 center lost, and back")
    back = play.give_back()
    result.figures["copies built anew"] = back.copied_ms
    result.figures["`finish` to `returned`"] = back.finish_ms
    result.figures["primary moved, relay clear"] = back.moved_ms
    return result


def _lost(play: Play, name: str) -> Result:
    _calm(play)
    holder = play.who_holds()
    heir = peer_of(holder)
    stage = play.stage()
    lose(play.lab, holder)
    stage.detect("other center holds", lambda: play.announced(heir).role == "holding")
    stage.detect("peer lost", lambda: play.finding(heir) == "peer-lost")
    adopted_ms = _take_over(play, stage, holder)
    return stage.result(name, "`begin` to `adopted`", adopted_ms, ADOPTION_MS)


def _take_over(play: Play, stage: Stage, lost: str) -> int:
    """Until everything of it has come to its end. `begin` to `adopted`, milliseconds."""
    heir = play.relay(peer_of(lost))
    done = take_over(play.lab, lost)
    stage.detected["its journal at work"] = stage.since_ms()
    stage.served(CALM_ANSWERS)
    stage.detect("all of it at its end", partial(_is_at_its_end, heir), ENDED_S)
    stage.figures["open at the adoption"] = done.open_count
    stage.figures["listed for a person"] = heir.takeover().listed_count
    stage.ends |= play.adopted_ends(done.began_ms)
    return done.adopted_ms


def _is_at_its_end(heir: Relay) -> bool:
    try:
        report = heir.takeover()
    except LabError:  # a busy machine
        return False
    return report.is_at_work and report.open_count == 0


def _is_rid(play: Play, city: str) -> bool:
    try:
        status = play.relay(city).status(0.5)
    except LabError:  # it is waking
        return False
    return sum(each.links for each in status.listeners if not each.is_dialer) == 0


def _region(play: Play, name: str, more: Callable[[], None], centers: Sequence[str]) -> Result:
    set_lag(play.lab, LAG_MS)
    _calm(play)
    old, holder = play.active(), play.who_holds()
    new = peer_of(old)
    watcher = centers[-1]
    stage = play.stage()
    set_lag(play.lab, CUT_OFF_MS)
    more()
    play.lab.fail(_cut(play, "node", f"{old}-region"))
    if holder not in centers:
        stage.detect("other center holds", lambda: play.announced(watcher).role == "holding")
    stage.detect("region lost", lambda: play.finding(watcher) in ("region-lost", "region-unreachable"))
    begun = play.posted(new)
    done = switch(play.lab, new, centers)
    look_until(lambda: play.posted(new) > begun, play.words)
    first_ms = now_ms() - done.dns_ms
    stage.detected["first call in the new region"] = stage.since_ms()
    for city in centers:
        tell_tail(play.lab, city, done.epoch, LAG_MS)
    stage.served()
    stage.notes |= {
        "seals": "; ".join(f"{city}: {said}" for city, said in done.seals.items()),
        "seal_ms": str(done.seal_ms),
        "promote_ms": str(done.promote_ms),
        "dns": str(done.servers),
        "commits lost by the promotion": str(done.lost),
    }
    result = stage.result(name, "DNS change to first accepted call", first_ms, 2_500)
    play.lab.heal()
    copy_again(play.lab)
    set_lag(play.lab, 0)
    for city in CENTERS:
        if city not in centers:
            tell_tail(play.lab, city, done.epoch, LAG_MS)
    play.until_normal()
    for city in CENTERS:
        look_until(partial(_has_replayed, play, city), play.words)
        tail = play.relay(city).region().tail
        result.notes[f"tail at {city}"] = (
            f"{tail.asked} asked, {tail.missing} missing, {tail.mended} mended, {tail.listed} listed"
        )
    return result


def _has_replayed(play: Play, city: str) -> bool:
    try:
        return play.relay(city).region().tail.is_finished
    except LabError:  # a busy machine
        return False


def _calm(play: Play) -> None:
    """Everybody is answered a few times, so that a blow falls into running traffic."""
    first = play.seen(DENSE).answers
    look_until(lambda: play.seen(DENSE).answers >= first + CALM_ANSWERS, play.words)


def _other_holds(play: Play, stage: Stage, holder: str) -> None:
    stage.detect("other center holds", lambda: play.announced(peer_of(holder)).role == "holding")
    stage.served()


def _cut(play: Play, what: str, name: str) -> Cut:
    return read(play.lab.topology, what, name)


SCENARIOS: dict[str, Callable[[Play], Result]] = {
    "zone": zone_lost,
    "killed": relay_killed,
    "silent": center_silent,
    "cross-connect": cross_connect_lost,
    "region": region_lost,
    "both": center_and_region_lost,
    "wakes": old_relay_wakes,
    "fenced": center_fenced,
    "back": center_back,
    "lost": center_lost,  # the last one: the books are closed without the center
}
