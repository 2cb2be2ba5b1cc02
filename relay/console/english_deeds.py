"""What the console says in English about the system and about deeds: what each does, how it went, what cannot be shown, and
times.

Owns sentences; english.py adds those of the pages. The trap: a sentence about a deed says what it does to money.
"""

from __future__ import annotations

from typing import Final

ENGLISH_DEEDS: Final[dict[str, str]] = {
    # ---- system
    "system.process": "This relay",
    "system.version": "Version",
    "system.center": "Center · realm",
    "system.up": "Up",
    "system.life": "{up}, life {n} of its journal",
    "system.config": "Configuration",
    "system.workers": "Workers",
    "system.drain": "Out of service by stages",
    "system.stage": "Stage",
    "system.left": "What is left is reset in",
    "system.class": "Class",
    "system.open": "Open",
    "system.busy": "Busy",
    "system.no-classes": "Nothing is drained.",
    "system.region": "Active region",
    "system.permit": "The core may be asked",
    "system.hours": "Hours of service",
    "hours.open": "open",
    "hours.closed": "closed",
    "hours.until": "until {at}",
    "system.blocked": "Suspended by people",
    "system.sealed": "Sealed epoch",
    "system.announce": "Which center serves",
    "system.role": "Role",
    "system.address": "Address",
    "system.seen": "The speaker shows",
    "system.two": "Signed by two",
    "system.two.what": (
        "The first signs and names the second, who sends the same form under their own login within five minutes."
    ),
    "system.core": "The core",
    "system.name": "Name",
    "system.inflight": "In flight",
    "system.dns": "DNS answer, age",
    "system.failures": "Failures in a row",
    "system.no-addresses": "No address is known.",
    "system.journal": "Journal",
    "system.place": "Place",
    "system.size": "Size",
    "system.records": "Records waiting",
    "system.exchanges": "Open exchanges",
    "stage.serving": "in service",
    "stage.depreferring": "showing terminals the other way",
    "stage.closing": "letting nobody in any more",
    "stage.shedding": "letting sessions go, one after the other",
    "stage.finishing": "finishing what is under way",
    "stage.signing-off": "signing off",
    "stage.resetting": "resetting what is left",
    "stage.drained": "out of service",
    "health.healthy": "healthy",
    "health.failing": "failing",
    "health.ejected": "set aside",
    "health.trying": "being tried",
    "journal-is.writable": "writable",
    "journal-is.full": "cannot be written",
    "journal-is.failed": "failed",
    # ---- audit
    "audit.what": "Written into the journal before the deed, and again when it has ended.",
    "audit.none": "Nobody has done anything here yet.",
    "audit.who": "Who",
    "audit.deed": "Deed",
    "audit.target": "About",
    "audit.why": "Why",
    "audit.result": "Result",
    "result.done": "done",
    "result.refused": "refused",
    "result.unknown": "end not known",
    # ---- deeds
    "deed.why": "Why, for the record",
    "deed.why.note": "Signed as {who}.",
    "deed.sure": "I mean it: {deed}",
    "deed.leave": "Do nothing",
    "deed.again": (
        "This form was used or is too old. Nothing was done; look at the list, then fill it in again if it is still wanted."
    ),
    "deed.no-why": "Say why, in a few words at least.",
    "deed.not-sure": "Tick that you mean it.",
    "deed.unfit": "This does not do:",
    "deed.sign-in": "Sign in",
    "deed.sign-out": "Sign out",
    "deed.saf-retry": "Ask the core again",
    "deed.saf-retry.what": "The core is asked now, under the same key, so that nothing can be posted twice.",
    "deed.resolve": "Take it off the list",
    "deed.resolve.what": "Says that it was settled by other means. No money moves by this.",
    "deed.outbound-cancel": "Cancel the message",
    "deed.outbound-cancel.what": "The message will not be sent. The core is told so.",
    "deed.outbound-settle": "Settle the delivery",
    "deed.outbound-settle.what": "Says what became of a delivery that nobody knew about. The core is told so.",
    "deed.reconcile-now": "Sweep a business date",
    "deed.reconcile-now.what": "Journal and core are compared for a whole business date. No date: the one that runs.",
    "deed.reconcile-sign": "Sign the report",
    "deed.reconcile-sign.what": "You went through this report. It never changes afterwards.",
    "deed.drain-start": "Take out of service",
    "deed.drain-start.what": (
        "Sessions of these classes are finished and signed off. No class ticked: all of them. Customers there are not served."
    ),
    "deed.drain-abort": "Back into service",
    "deed.drain-abort.what": "Everything is put back into service.",
    "deed.region-block": "Suspend classes",
    "deed.region-block.what": (
        'New messages of these classes are answered "service suspended". Advices and reversals are still taken.'
    ),
    "deed.region-release": "Release classes",
    "deed.region-release.what": "Messages of these classes are taken again.",
    "deed.announce-withdraw": "Withdraw this center",
    "deed.announce-withdraw.what": (
        "No route leads here, and every session is reset. It lasts over restarts, until somebody resumes it."
    ),
    "deed.announce-resume": "Let this center be announced",
    "deed.announce-resume.what": "This center is announced again, as standby.",
    "deed.announce-hand-back": "Give the role to the other center",
    "deed.announce-hand-back.what": "Terminals go to the other center; sessions here are reset when the route has moved.",
    "deed.region-pin": "Pin the region",
    "deed.region-pin.what": (
        "The relay is held at this region under this epoch, whatever the name servers say, and its region has to confirm it. "
        "Two sign: the second sends the same form under their own login within five minutes, and names you."
    ),
    "deed.region-unpin": "End the pin",
    "deed.region-unpin.what": "The name servers decide again.",
    "deed.lease-take": "Take a line",
    "deed.lease-take.what": (
        "An exclusive line is taken here. Two sign: the second sends the same form under their own login within five minutes. "
        "By hand, where no lease database answers, they say by it that the other center has stopped."
    ),
    "deed.takeover-begin": "Take the other center over",
    "deed.takeover-begin.what": (
        "The other center is lost, and its business is answered here. Two sign: the second sends the same form under their own "
        "login within five minutes."
    ),
    "deed.takeover-finish": "Give the journal back",
    "deed.takeover-finish.what": (
        "The other center's journal goes back to it. Two sign: the second sends the same form under their own login within "
        "five minutes."
    ),
    "deed.reload": "Reload the configuration",
    "deed.reload.what": "The file is read again: all of it is taken over, or nothing.",
    "deed.stop": "Stop the relay",
    "deed.stop.what": (
        "What is in flight is finished, then the process ends. Whether it starts again is decided by its supervisor."
    ),
    "field.key": "Key",
    "field.number": "Report",
    "field.although_resolved": "also where a person resolved another message of its chain",
    "field.although_owed": "also where another message of its chain is owed: that goes to the list",
    "field.state": "What became of it",
    "field.business_date": "Business date",
    "field.region": "Region",
    "field.minutes": "For how many minutes",
    "field.line": "Line",
    "field.by_hand": "by hand: no lease database answers, and the other center has stopped",
    "field.center": "The other center",
    "field.classes": "Classes",
    # ---- trouble
    "trouble.home": "To the overview",
    "trouble.not-found": "Not found",
    "trouble.not-found.what": "There is no such page, or no longer.",
    "trouble.forbidden": "Not for this role",
    "trouble.forbidden.what": "Somebody with another role can do it.",
    "trouble.refused": "The relay says no",
    "trouble.refused.what": "It could not be shown.",
    "trouble.busy": "One moment",
    "trouble.busy.what": "Others search at this moment, and nobody's message waits for a search. Try again in a few seconds.",
    "trouble.failed": "A fault of ours",
    "trouble.failed.what": "The page could not be made. The log has the reason; messages are not touched by it.",
    "trouble.bad-request": "Not understood",
    "trouble.bad-request.what": "The browser asked in a way that this page does not take.",
    # ---- times
    "time.ms": "{n} ms",
    "time.s": "{n} s",
    "time.m": "{m} min {s} s",
    "time.h": "{h} h {m} min",
    "time.d": "{d} d {h} h",
}
