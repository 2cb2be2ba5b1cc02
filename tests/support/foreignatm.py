"""An ATM driver written with pyiso8583 and plain sockets: a stranger's codec, specification and framing.

Owns three wire forms described by hand. It imports nothing of the product, on purpose.
"""

from __future__ import annotations

import copy
import socket
import struct
import time
from typing import Any

import iso8583
from iso8583.specs import default_ascii

PAN = "4000001234567899"
NUMERIC = ("2", "3", "4", "7", "11", "12", "13", "22", "32", "70", "90")
PATIENCE_S = 60.0
DIALECTS = ("1987-ascii", "1987-bcd", "1987-ebcdic")
FRAMINGS = ("ascii4", "nac", "binary2")
TODAY = time.strftime("%m%d", time.gmtime())  # read once: what a test writes again after midnight has the key that it had


def spec_of(dialect: str) -> dict[str, dict[str, Any]]:
    """pyiso8583's ASCII specification, changed by hand to packed or EBCDIC."""
    spec: dict[str, dict[str, Any]] = copy.deepcopy(default_ascii)
    if dialect == "1987-bcd":
        spec["t"].update(data_enc="b", max_len=2)
        for number in ("p", "1"):
            spec[number].update(data_enc="b", max_len=8)
        for number in map(str, range(2, 129)):
            if spec[number]["len_type"]:
                spec[number].update(len_enc="bcd", len_type=1 if spec[number]["len_type"] == 2 else 2)
        for number in NUMERIC:
            spec[number].update(data_enc="b", len_count="nibbles")
            spec[number]["right_pad" if spec[number]["len_type"] else "left_pad"] = "0"
    elif dialect == "1987-ebcdic":
        for entry in spec.values():
            entry.update(data_enc="cp037", len_enc="cp037")
        for number in ("p", "1"):
            spec[number].update(data_enc="b", max_len=8)
    return spec


class ForeignAtm:
    """One blocking connection. `ask` sends a message and returns the answer."""

    def __init__(self, port: int, dialect: str = "1987-ascii", framing: str = "ascii4", terminal: str = "ATM00001") -> None:
        self._spec = spec_of(dialect)
        self._framing = framing
        self.terminal = terminal
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)

    @classmethod
    def on(cls, connected: socket.socket) -> ForeignAtm:
        """An ATM on a connection that somebody else has made."""
        atm = cls.__new__(cls)
        atm._spec, atm._framing, atm.terminal, atm.socket = spec_of("1987-ascii"), "ascii4", "ATM00001", connected
        return atm

    def close(self) -> None:
        self.socket.close()

    def ask(self, message: dict[str, str]) -> dict[str, str]:
        self.say(message)
        return self.hear()

    def say(self, message: dict[str, str]) -> None:
        raw, _ = iso8583.encode(message, self._spec)
        self.send(bytes(raw))

    def send(self, body: bytes) -> None:
        match self._framing:
            case "ascii4":
                framed = b"%04d" % len(body) + body
            case "nac":  # length, then a TPDU that the answer carries with its addresses swapped
                framed = struct.pack(">H", len(body) + 5) + bytes.fromhex("6000010002") + body
            case _:
                framed = struct.pack(">H", len(body)) + body
        self.socket.sendall(framed)

    def hear(self) -> dict[str, str]:
        size = int(self._read(4)) if self._framing == "ascii4" else struct.unpack(">H", self._read(2))[0]
        body = self._read(size)
        if self._framing == "nac":
            if body[0] != 0x60 or len(body) < 5:
                raise AssertionError(f"no TPDU before the answer: {body[:5].hex()}")
            body = body[5:]
        decoded, _ = iso8583.decode(body, self._spec)
        return {key: value for key, value in decoded.items() if key not in ("p", "h", "1")}

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionError("the relay closed the link")
            data += piece
        return data

    def is_closed(self) -> bool:
        """True when the relay closed or reset the link without another word."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    # ---- messages ------------------------------------------------------------------------------------------------------
    def stamps(self) -> dict[str, str]:
        now = time.gmtime()
        return {"7": time.strftime("%m%d%H%M%S", now), "12": time.strftime("%H%M%S", now), "13": TODAY}

    def sign_on(self) -> dict[str, str]:
        return self.ask({"t": "0800", "7": self.stamps()["7"], "11": "000001", "41": self.terminal, "70": "001"})

    def withdrawal(self, trace: str, minor: int = 10_000) -> dict[str, str]:
        return {
            "t": "0200",
            "2": PAN,
            "3": "010000",
            "4": f"{minor:012d}",
            "11": trace,
            "22": "051",
            "32": "440011",
            "37": f"000000{trace}",
            "41": self.terminal,
            "42": "BRANCH 00000001",
            "49": "392",
            **self.stamps(),
        }

    def reversal(self, original: dict[str, str], trace: str) -> dict[str, str]:
        kept = {key: original[key] for key in ("2", "3", "4", "12", "13", "32", "37", "41", "42", "49")}
        data = f"0200{original['11']}{original['7']}{original['32']:0>11}{'0' * 11}"
        return kept | {"t": "0420", "7": self.stamps()["7"], "11": trace, "90": data}
