"""Every foreign frame parses to what its source says and comes out again byte for byte, or is refused where the source
refuses it.

The sources name things in their own words; the tables say which of our fields each of their keys is. `EXCEPTIONS` are
deliberate, and the last test prints them with their reasons.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from protocols.errors import FieldError
from protocols.ndc import fields as f
from protocols.ndc.codec import decode, decode_terminal, encode
from protocols.ndc.message import (
    DataCommand,
    EmvConfiguration,
    EncryptorData,
    JournalCommand,
    JournalUpload,
    NdcMessage,
    SolicitedStatus,
    TerminalCommand,
    TransactionReply,
    UnsolicitedStatus,
)
from protocols.ndc.status import (
    cash_report,
    config_id,
    configuration,
    devices,
    fault_of,
    parts,
    positions,
    reject_code,
    state_id,
    supply_counters,
)

VECTORS: dict[str, dict[str, Any]] = {
    vector["id"]: vector for vector in json.loads((Path(__file__).parent / "vectors" / "ndc.json").read_text("utf-8"))
}
REFUSED = {"ndc-053": "class"}
REJECTS = {"ndc-055": ("A", "A01"), "ndc-057": ("C", "B09")}  # the source raises; to a host a reject is evidence, not an error

# What is not taken as the source has it: vector -> (its key, reason).
EXCEPTIONS = {
    "ndc-004": ("release", "the source takes the MAC, which is the last field, for the release number as well"),
    "ndc-078": ("captured", "a counter that nothing of ours reads"),
}

DESCRIPTORS = {"fault": "8", "transactionReady": "B", "state": "F"}
STATES = {"configuration": "1", "supplyCounters": "2", "configurationId": "6", "supplies": "I", "sensor": "K"}
SEVERITY = {"noError": "0", "routine": "1", "warning": "2", "suspend": "3", "fatal": "4"}
SUPPLY = {"notConfigured": "0", "unchanged": "0", "good": "1", "mediaLow": "2", "mediaOut": "3", "overfill": "4"}
DEVICES = {
    "cardReader": "D", "cashHandler": "E", "receiptPrinter": "G", "journalPrinter": "H", "power": "B", "supervisorKeys": "R",
}  # fmt: skip
COMMANDS = {
    "sendConfigurationHardware": "71", "sendConfigurationFitness": "73", "sendConfigurationOptionDigits": "77",
    "goOutOfServiceTemp": "21", "goInService": "1",
}  # fmt: skip
LOADS = {"currencyMappingLoad": "1E", "configIdLoad": "16", "screenDataLoad": "11", "keyReadKvv": "4H"}
EMV_TABLES = {"emvCurrency": "1", "emvLanguage": "3", "emvApplication": "5"}
PLACES = {
    "clock": "clock", "comms": "comms", "disk": "disk", "cardReader": "card reader", "cashHandler": "cash handler",
    "depository": "depository", "receiptPrinter": "receipt", "journalPrinter": "journal", "nightDepository": "night safe",
    "encryptor": "encryptor", "camera": "camera", "doorAccess": "door", "cassette1": "cassette 1", "cassette2": "cassette 2",
    "cassette3": "cassette 3", "cassette4": "cassette 4", "statementPrinter": "statement",
}  # fmt: skip
SUPPLY_PLACES = {**PLACES, "cardReader": "card bin", "depository": "deposit bin", "rejectBin": "reject bin"}
SENSORS = {
    "supervisorMode": 0, "vibration": 1, "door": 2, "silentSignal": 3, "electronicsEnclosure": 4, "depositBin": 5, "cardBin": 6,
    "rejectBin": 7, "cassette1": 8, "cassette2": 9, "cassette3": 10, "cassette4": 11,
}  # fmt: skip


def body(name: str) -> bytes:
    return bytes.fromhex(VECTORS[name]["hex"])


@pytest.mark.parametrize("name", sorted(set(VECTORS) - set(REFUSED)))
def test_comes_out_again_byte_for_byte(name: str) -> None:
    assert encode(decode(body(name))) == body(name)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_its_source_refuses_is_refused_by_name(name: str) -> None:
    with pytest.raises(FieldError) as caught:
        decode(body(name))
    assert caught.value.field == REFUSED[name]


@pytest.mark.parametrize("name", sorted(REJECTS))
def test_a_reject_is_read_as_one(name: str) -> None:
    message = decode(body(name))
    assert isinstance(message, SolicitedStatus)
    assert (message.descriptor, reject_code(message)) == REJECTS[name]


@pytest.mark.parametrize("name", sorted(n for n in VECTORS if VECTORS[n]["expected"] and n not in {*REFUSED, *REJECTS}))
def test_parses_to_what_its_source_says(name: str) -> None:
    message, expected = decode(body(name)), dict(VECTORS[name]["expected"])
    expected.pop(EXCEPTIONS.get(name, ("",))[0], None)
    for plain in ("luno", "mac"):
        if expected.get(plain) is not None:
            assert getattr(message, plain, "") == expected[plain] or isinstance(message, JournalUpload)
    checks = {
        SolicitedStatus: solicited,
        UnsolicitedStatus: unsolicited,
        TransactionReply: reply,
        TerminalCommand: command,
        DataCommand: data,
        EmvConfiguration: emv,
        JournalCommand: journal,
        JournalUpload: upload,
        EncryptorData: encryptor,
    }
    checks[type(message)](message, expected)  # type: ignore[operator]  # each checks its own kind


def solicited(message: SolicitedStatus, expected: dict[str, Any]) -> None:
    if "timeVariantNumber" in expected:
        assert (message.tvn or "") == expected["timeVariantNumber"]
    if "descriptor" in expected:
        assert message.descriptor == DESCRIPTORS[expected["descriptor"]]
    if "statusType" in expected:
        assert state_id(message) == STATES[expected["statusType"]]
    if "configId" in expected:
        assert config_id(message) == expected["configId"]
    whole = configuration(message)
    if expected.get("statusType") == "configuration":
        assert whole is not None
        assert whole.config_id == expected["cofigId"]
        assert whole.hardware == expected["hwConfig"]
        fitness, supplies = positions(whole.fitness, f.FITNESS_OFFSETS), positions(whole.supplies, f.SUPPLY_OFFSETS)
        for key, word in expected["fitness"].items():
            assert key not in PLACES or fitness[PLACES[key]] == SEVERITY[word], key
        for key, word in expected["supplyStatus"].items():
            assert supplies[SUPPLY_PLACES[key]] == SUPPLY[word], key
    if expected.get("statusType") in ("configuration", "sensor"):
        text = whole.sensors if whole is not None else parts(message)["A"] + parts(message)["B"]
        for key, index in SENSORS.items():
            if expected.get("sensors", expected).get(key) is not None:
                assert (text[index] == "1") is expected.get("sensors", expected)[key], key
    if "suppliesStatus" in expected:
        said = devices(message)
        for key, words in expected["suppliesStatus"].items():
            assert said[DEVICES[key]][: len(words)] == "".join(SUPPLY[word] for word in words)
    if "transactionSerialNumber" in expected:
        counters = supply_counters(message)
        assert counters is not None
        assert (counters.tsn, counters.transactions) == (expected["transactionSerialNumber"], expected["transactionCount"])
        for group, key in (
            ("in_cassette", "notes"),
            ("rejected", "rejected"),
            ("dispensed", "dispensed"),
            ("last_dispensed", "last"),
        ):
            assert getattr(counters, group) == tuple(expected[f"{key}{n}"] for n in range(1, 5))
    device = fault_of(message)
    if "device" in expected:
        assert device is not None
        assert (device.device, device.status) == (DEVICES[expected["device"]], expected["deviceStatus"])
        assert list(device.severities) == [SEVERITY[word] for word in expected["severities"]][: len(device.severities)]
        assert list(device.supplies) == [SUPPLY[word] for word in expected["supplies"]]
        assert device.diagnostic == expected["diagnosticStatus"]
        if "dispensed1" in expected:
            report = cash_report(device)
            assert report is not None
            assert report.counts == tuple(int(expected[f"dispensed{n}"]) for n in range(1, 5))


def unsolicited(message: UnsolicitedStatus, expected: dict[str, Any]) -> None:
    device = message.device
    assert (device.device, device.status) == (DEVICES[expected["device"]], expected["deviceStatus"])
    if expected.get("supplies"):
        assert list(device.supplies) == [SUPPLY[word] for word in expected["supplies"]]
    if expected.get("diagnosticStatus"):
        assert device.diagnostic == expected["diagnosticStatus"]


def reply(message: TransactionReply, expected: dict[str, Any]) -> None:
    assert message.mcn == expected["coordination"]
    assert message.sequence == expected["timeVariantNumber"]
    assert message.next_state == expected["nextState"]
    assert message.notes == "".join(expected[f"type{n}Notes"] for n in range(1, 5))
    assert (message.tsn, message.function) == (expected["sernum"], expected["function"])
    assert message.screen == expected.get("screen", "")
    assert message.screen_update == expected["screenUpdate"]
    assert message.card_flag == expected["cardReturn"]
    assert [{"printer": one.printer, "printerData": one.text} for one in message.prints] == expected["printers"]
    tags = "".join(one.data.reveal() for one in message.buffers if one.id == "5")
    for tag in expected.get("emvTags", {}).values():
        assert tag["val"] in tags


def command(message: TerminalCommand, expected: dict[str, Any]) -> None:
    assert message.code == COMMANDS[expected["opcode"]]


def data(message: DataCommand, expected: dict[str, Any]) -> None:
    assert message.subclass + message.identifier == LOADS[expected["opcode"]]
    content = f.FS.join(message.data)
    for key in ("currencyMappingData", "configId", "screenData"):
        assert key not in expected or content == expected[key]


def emv(message: EmvConfiguration, expected: dict[str, Any]) -> None:
    assert message.table == EMV_TABLES[expected["opcode"]]
    assert f.FS.join(message.data) == expected["data"]


def journal(message: JournalCommand, expected: dict[str, Any]) -> None:
    assert (expected["opcode"], message.code, message.data) == ("ejAck", "1", expected["lastChar"])


def upload(message: JournalUpload, expected: dict[str, Any]) -> None:
    head = f"{message.machine}{message.date}{message.time}{message.previous}{message.last}{message.length}"
    assert head + message.text.reveal() == expected["journalData"]


def encryptor(message: EncryptorData, expected: dict[str, Any]) -> None:
    assert (message.info, message.data) == ("3", (expected["newKvv"],))


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_cut_short_anywhere_it_is_a_message_or_a_named_refusal(name: str) -> None:
    whole = body(name)
    for count in range(len(whole)):
        with contextlib.suppress(FieldError):
            message: NdcMessage = decode(whole[:count])
            assert encode(message) in (whole[:count], whole[:count].rstrip(b"\x1c"))


@pytest.mark.parametrize("name", sorted(n for n in VECTORS if VECTORS[n]["direction"] == "host->terminal"))
def test_what_a_host_says_is_malformed_from_a_terminal(name: str) -> None:
    with pytest.raises(FieldError):
        decode_terminal(body(name))


def test_nothing_is_left_out_and_the_exceptions_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    raising = {name for name, vector in VECTORS.items() if vector["expected"] and "raises" in vector["expected"]}
    assert raising == {*REFUSED, *REJECTS}
    for name, (key, _) in EXCEPTIONS.items():
        assert key in VECTORS[name]["expected"]
    with capsys.disabled():
        print(f"\nNDC vectors: {len(VECTORS) - len(REFUSED)} parsed and rebuilt, {len(REFUSED)} refused")
        for name, (descriptor, code) in sorted(REJECTS.items()):
            print(f"  {name} read as reject {descriptor} {code}: its source raises an error")
        for name, (key, reason) in sorted(EXCEPTIONS.items()):
            print(f"  {name} {key}: {reason}")
