"""The tables of NDC: message classes, descriptors, devices, reject words, functions. Flat on purpose, to be read beside a
trace.

Owns what a single character or position means. It must never parse a message. The trap: a table here names what is known
from samples; a character that is not in it is unknown, never wrong, because sites and later releases add their own.

Sources: facts of two open implementations (softwaregroup-bg/ut-codec-ndc, jokoroukwu/jndc; both Apache-2.0) and a vendor's
public page on its emulation; protocols/ndc/README.md has the list.
"""

from __future__ import annotations

FS, GS, RS = "\x1c", "\x1d", "\x1e"  # between fields, parts of a field, parts of key status
ETX = 0x03  # one trailing byte that some senders write

# ---- terminal to host: two class characters ------------------------------------------------------------------------------
TRANSACTION_REQUEST, UNSOLICITED, SOLICITED, ENCRYPTOR, JOURNAL_UPLOAD = "11", "12", "22", "23", "61"
OPAQUE_CLASSES = frozenset({"41", "51"})  # known to exist, contents are a site's own
TERMINAL_CLASSES = frozenset({TRANSACTION_REQUEST, UNSOLICITED, SOLICITED, ENCRYPTOR, JOURNAL_UPLOAD, *OPAQUE_CLASSES})

# ---- host to terminal: one class character, an optional response flag ----------------------------------------------------
TERMINAL_COMMAND, DATA_COMMAND, REPLY, JOURNAL_COMMAND, TO_EXIT, EMV = "1", "3", "4", "6", "7", "8"
HOST_CLASSES = frozenset({TERMINAL_COMMAND, DATA_COMMAND, REPLY, JOURNAL_COMMAND, TO_EXIT, EMV})
RESPONSE_FLAGS = frozenset({"", "0"})

# ---- solicited status: descriptors ---------------------------------------------------------------------------------------
DEVICE_FAULT, READY, COMMAND_REJECT, REPLY_READY, SPECIFIC_REJECT, TERMINAL_STATE = "8", "9", "A", "B", "C", "F"
DESCRIPTORS: dict[str, str] = {
    DEVICE_FAULT: "device fault",
    READY: "ready",
    COMMAND_REJECT: "command reject",
    REPLY_READY: "ready for a reply",
    SPECIFIC_REJECT: "specific command reject",
    TERMINAL_STATE: "terminal state",
}
STATE_IDS: dict[str, str] = {
    "1": "configuration",
    "2": "supply counters, basic",
    "3": "tallies",
    "4": "error log",
    "5": "date and time",
    "6": "configuration id",
    "7": "supply counters, extended",
    "H": "hardware",
    "I": "supplies",
    "J": "fitness",
    "K": "sensors and tamper",
    "L": "release and software id",
    "M": "option digits",
    "N": "cash deposit definition",
}
REJECTS: dict[str, str] = {
    "1": "MAC failure",
    "2": "time variant number mismatch",
    "3": "machine number mismatch",
    "A01": "message length",
    "A02": "field separator",
    "A04": "group separator",
    "B01": "message class",
    "B02": "message sub-class",
    "B04": "command code or modifier",
    "B05": "command code or modifier",
    "B06": "function id",
    "B08": "value out of range",
    "B09": "message coordination number",
    "B10": "FIT missing",
    "B11": "dispense mix",
    "B22": "key size",
    "C01": "reply not expected",
    "C02": "in diagnostics",
    "C03": "out of service or in supply mode",
    "C04": "not while in service",
    "C10": "another reply is being processed",
    "C15": "key change in a transaction",
    "D01": "key load failed",
    "D02": "clock",
    "E01": "not supported",
}
KEY_REJECTS = frozenset({"1", "2", "3"})  # somebody's keys, counters or numbers are out of step
NOT_IN_SERVICE_REJECT = "C04"

# ---- devices -------------------------------------------------------------------------------------------------------------
POWER, CARD_READER, SENSORS, SUPERVISOR_KEYS = "B", "D", "P", "R"
CASH_HANDLERS = frozenset("Ede")
DEVICES: dict[str, str] = {
    "A": "clock",
    "B": "power-up and communications",
    "C": "disk",
    "D": "card reader",
    "E": "cash handler",
    "F": "depository",
    "G": "receipt printer",
    "H": "journal printer",
    "K": "night safe",
    "L": "encryptor",
    "M": "camera",
    "N": "door",
    "P": "sensors",
    "Q": "keyboard",
    "R": "supervisor keys",
    "S": "display",
    "V": "statement printer",
    "X": "passbook printer",
    "Y": "coin dispenser",
    "Z": "system display",
    "[": "media",
    "\\": "envelope dispenser",
    "a": "voice",
    "d": "cash handler 0",
    "e": "cash handler 1",
    "f": "barcode reader",
    "j": "uninterruptible power supply",
    "q": "cheque processor",
    "w": "note acceptor",
    "y": "second card reader",
}
SEVERITIES: dict[str, str] = {"0": "none", "1": "routine", "2": "warning", "3": "suspend", "4": "fatal"}
SUPPLIES: dict[str, str] = {"0": "unchanged", "1": "good", "2": "low", "3": "out", "4": "overfill"}
SUPPLY_OUT = "3"

# Positions in the fitness and supplies strings of terminal state 1.
FITNESS_OFFSETS: dict[str, int] = {
    "clock": 0, "comms": 1, "disk": 2, "card reader": 3, "cash handler": 4, "depository": 5, "receipt": 6, "journal": 7,
    "night safe": 10, "encryptor": 11, "camera": 12, "door": 13,
    "cassette 1": 15, "cassette 2": 16, "cassette 3": 17, "cassette 4": 18, "statement": 21,
}  # fmt: skip
SUPPLY_OFFSETS: dict[str, int] = {
    "card bin": 3, "reject bin": 4, "deposit bin": 5, "receipt": 6, "journal": 7, "night safe": 10,
    "cassette 1": 15, "cassette 2": 16, "cassette 3": 17, "cassette 4": 18,
}  # fmt: skip
# The twelve digits of the sensors string. The first is the supervisor's switch.
SENSOR_NAMES = (
    "supervisor mode", "vibration", "door", "silent signal", "electronics enclosure", "deposit bin", "card bin", "reject bin",
    "cassette 1", "cassette 2", "cassette 3", "cassette 4",
)  # fmt: skip
# Unsolicited P: "1" changed sensors, "2" the supervisor's switch, "3" the tamper sensors.
SUPERVISOR_ENTERED, SUPERVISOR_LEFT = "21", "20"

# ---- cash handler status: T-codes ----------------------------------------------------------------------------------------
CASH_DONE, CASH_SHORT, CASH_NONE, CASH_UNKNOWN, CASH_BEFORE_EJECT, CASH_RETRACTED = "0", "1", "2", "3", "4", "5"
CASH_STATUS: dict[str, str] = {
    CASH_DONE: "done, with an exception in later fields",
    CASH_SHORT: "short dispense",
    CASH_NONE: "nothing dispensed",
    CASH_UNKNOWN: "unknown: the customer may have had access",
    CASH_BEFORE_EJECT: "nothing dispensed, or card not ejected",
    CASH_RETRACTED: "notes retracted after the present time-out, number unknown",
}

# ---- transaction reply: functions ----------------------------------------------------------------------------------------
FUNCTIONS: dict[str, str] = {
    "1": "deposit and print",
    "7": "deposit and print",
    "2": "dispense and print",
    "8": "dispense and print",
    "3": "display and print",
    "9": "display and print",
    "4": "print now",
    "5": "next state and print",
    "6": "night safe and print",
    "A": "card before cash",
    "B": "parallel dispense, print, eject",
    "C": "parallel dispense, print, eject",
    "F": "card before parallel dispense",
    "P": "statement",
    "Q": "statement",
    "*": "refund notes",
    "-": "deposit notes and print",
    "'": "deposit notes and wait",
    ":": "process cheque",
}
DISPENSING = frozenset("28ABCF")
REFUND = "*"
CARD_FIRST = frozenset("AF")  # the card leaves before the notes do
PRINTERS = frozenset("01234578=>wab")
CARD_FLAGS: dict[str, str] = {"return": "0", "retain": "1", "return-now": "4"}

# ---- commands a host gives: name -> code and modifier --------------------------------------------------------------------
COMMANDS: dict[str, str] = {
    "go-in-service": "1",
    "go-out-of-service": "2",
    "go-out-of-service-for-now": "21",
    "send-configuration-id": "3",
    "send-supply-counters": "4",
    "send-supply-counters-extended": "42",
    "send-tallies": "5",
    "send-error-log": "6",
    "send-configuration": "7",
    "send-hardware": "71",
    "send-supplies": "72",
    "send-fitness": "73",
    "send-sensors": "74",
    "send-release": "75",
    "send-option-digits": "77",
    "send-date-time": "8",
}
# Data commands, sub-class 1: customisation ids.
SCREENS_LOAD, STATES_LOAD, PARAMETERS_LOAD, FIT_LOAD, CONFIG_ID_LOAD = "1", "2", "3", "5", "6"
ENHANCED_LOAD, CLOCK_LOAD, CURRENCY_LOAD = "A", "C", "E"
CUSTOMISATIONS: dict[str, str] = {
    "1": "screens and keyboard",
    "2": "states",
    "3": "configuration parameters",
    "5": "FIT",
    "6": "configuration id",
    "A": "enhanced parameters",
    "C": "date and time",
    "E": "dispenser currency mapping",
}
KEY_CHECK_VALUE = "3"  # info id of class 23: the check value of the key just loaded
