"""What the console says in English where somebody decides in the failover room; japanese_room.py has the same keys.

Owns sentences. The trap: what cannot be taken back is said as that, and not in softer words.
"""

from __future__ import annotations

from typing import Final

ENGLISH_ROOM: Final[dict[str, str]] = {
    # ---- the room
    "failover.me": "In a failover you are {who}: {roles}.",
    "failover.looks": "You look on: your login has no part in a failover.",
    "failover.no-authenticator": (
        "No authenticator of yours is known to the orchestrator: from here you can only hold the run and call people. "
        "The rest goes by relay failover from your own account."
    ),
    "failover.keep.html": "Report (page)",
    "failover.keep.json": "Report and log (JSON)",
    "failover.keep.status": "Status (JSON)",
    "failover.opens.1": (
        "When it passes, both relays are blocked and sealed and the copy is stopped. "
        "It can be taken back, under the same epoch."
    ),
    "failover.opens.2": (
        "When it passes, the database of {to} is promoted. From the first byte of that THERE IS NO WAY BACK; "
        "then the record moves."
    ),
    "failover.opens.3": "When it passes, classes of messages are released at {to}: customers are served again.",
    "failover.hash": "Hash of the evidence",
    "failover.age": "{age} old, good until {until}",
    "failover.preparation": "Preparation",
    "failover.speaks": "May ask the core",
    "failover.tail.open": "{n}, not finished",
    "failover.do": "To do",
    "failover.ticked": "done",
    "failover.lone": "Waits for a second signature",
    "failover.lone.what": "What",
    "failover.lone.second": "Who signs second",
    "failover.lone.relay": "Waits for a second signature at the relay",
    "failover.lone.until": "Holds until",
    "failover.lone.host": "(on the host)",
    "failover.lone.console": "(at the console)",
    # ---- a decision
    "failover.approves": "Who approves",
    "failover.version": "Hash of the plan",
    "failover.plans": "Plans",
    "failover.plans.none": "No plan is in the orchestrator's folder.",
    "failover.denied": "When you deny it",
    "failover.denied.back": "the run goes back: what was done is taken back, and the old region serves",
    "failover.denied.hold": "the run is held; there is no way back any more",
    "failover.taken-back": "Taken back, newest first",
    "failover.no-way-back": "cannot be taken back",
    "deed.saw": "What you saw or did, as evidence",
    "deed.text": "What is so",
    "deed.type": "To say that you mean it, type the name of the run: {run}",
    "deed.proof.note": "Six digits of your own authenticator. The console does not keep them; each counts once.",
    "deed.code.note": "Out of the envelope in the safe. Each code opens once, in whatever run.",
    "deed.not-typed": "Type the name of the run, to the last character.",
    "deed.no-proof": "Your own code is missing.",
    "deed.no-lines": "Say of one line at least what you saw.",
    "result.half": "signed by one of two",
    "deed.failover-declare": "Declare a failure",
    "deed.failover-declare.what": (
        "A run begins: preparation starts at once, people are called, gate 1 opens. Nothing is taken from customers yet. "
        "Who declares approves none of its gates."
    ),
    "deed.failover-approve": "Approve the gate",
    "deed.failover-approve.what": (
        "You approve this gate, on the plan and the evidence that stand on this page and on nothing else. Two people with two "
        "roles do, neither of whom declared the run."
    ),
    "deed.failover-deny": "Deny the gate",
    "deed.failover-deny.what": "You say no to this gate. One no is enough.",
    "deed.failover-withdraw": "Withdraw my approval",
    "deed.failover-withdraw.what": "Your approval of this gate does not count any more. A gate that is passed stays passed.",
    "deed.failover-break-glass": "Break the glass",
    "deed.failover-break-glass.what": (
        "YOU ALONE PASS THIS GATE, in place of two people. Everybody is called at once, the code is spent, and the log says "
        "so for ever. Only where nobody else can be reached."
    ),
    "deed.failover-hold": "Hold",
    "deed.failover-hold.what": "Nothing new begins; what is under way comes to its end. It asks for no code, because it stops.",
    "deed.failover-escalate": "Call people",
    "deed.failover-escalate.what": "People are called now, by the program that the orchestrator has for it. Once a minute.",
    "deed.failover-resume": "Go on",
    "deed.failover-resume.what": "The hold ends. What may begin begins.",
    "deed.failover-abort": "Call it off",
    "deed.failover-abort.what": "What was done is taken back, and the old region serves under the same epoch.",
    "deed.failover-adopt": "Go on from this center",
    "deed.failover-adopt.what": (
        "This center's orchestrator carries the run on. Alone where the other one still answers; where it is silent two sign, "
        "and say by it that they have seen it stopped."
    ),
    "deed.failover-tick": "Tick the checklist",
    "deed.failover-tick.what": "Lines with something seen are ticked, in your name. An empty one stays open.",
    "deed.failover-again": "Try again",
    "deed.failover-again.what": "The step is tried anew. It looks first, so that nothing is done twice.",
    "deed.failover-by-hand": "Done by hand",
    "deed.failover-by-hand.what": (
        "You say that people have done this step. Two sign: the second says the same under their own login within five minutes."
    ),
    "deed.failover-waive": "Waive",
    "deed.failover-waive.what": (
        "The step counts without being done. Two sign: the second says the same under their own login within five minutes."
    ),
    "deed.failover-say": "Say what is so",
    "deed.failover-say.what": (
        "It is written into the log and into the next evidence. That a loss is accepted, and that the run goes on alone, is "
        "said by two within five minutes."
    ),
    "field.run": "Run",
    "field.gate": "Gate",
    "field.seen": "What you sign: run, gate, plan and evidence as one hash",
    "field.role": "In which role",
    "field.second": "Who signs second",
    "field.step": "Step",
    "field.undo": "Of what is taken back",
    "field.version": "Plan",
    "field.epoch": "Epoch (empty: the one that the relays know)",
    "field.topic": "About",
    "field.lines": "What you saw, line by line",
    "field.alone": "Name of the run",
    "field.code": "Code of the sealed envelope",
    "field.proof": "Your code",
    "topic.batch-checkpoint": "the batch's last checkpoint",
    "topic.accept-loss": "the loss is accepted (two sign)",
    "topic.zengin": "the Zengin window",
    "topic.alone": "the run goes on without the other center (two sign)",
    "topic.remark": "a remark",
}
