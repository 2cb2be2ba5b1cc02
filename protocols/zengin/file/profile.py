"""What one file transfer link may set: stations, passwords, files, counts, timers, and every place and code of the wire.

Owns `FileProfile` and its parts. It must never open or send anything. The traps: passwords are named here (credential:NAME)
and masked whatever prints them; widths and codes are ours [P], so all of them can be replaced; and two rules for one file
name would make it a matter of chance which one holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from protocols.characters.text import CharacterSettings, Model
from protocols.errors import LocalMisuse
from protocols.vocabulary import Secret
from protocols.zengin.file import fields
from protocols.zengin.format.settings import FormatSettings

Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
MillisecondsOrOff = Annotated[int, Field(ge=0, le=86_400_000)]
CentreCode = Annotated[str, Field(pattern=r"^[0-9]{14}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9._-]{0,11}$")]
Rows = Annotated[tuple[str, ...], Field(strict=False)]
CREDENTIAL = "credential:"
StationName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,31}$")]
_EMPTY = SecretStr("")


class Timers(Model):
    """All in milliseconds."""

    open_ms: Milliseconds = Field(30_000, description="T-open: from the connection to the open request, or to its answer.")
    ack_ms: Milliseconds = Field(30_000, description="T-ack: longest wait for a logical acknowledgement.")
    file_ms: Milliseconds = Field(60_000, description="T-file: longest wait for the answer to a file request.")
    idle_ms: Milliseconds = Field(30_000, description="T-idle: no traffic in a session; a third of it between watch frames.")
    close_ms: Milliseconds = Field(30_000, description="T-close: longest wait for the answer to close, and for the hang-up.")
    linger_ms: MillisecondsOrOff = Field(
        500, description="Caller: how long an open session waits for another file before it closes; 0 = not at all."
    )
    offer_ms: MillisecondsOrOff = Field(
        2_000, description="A file that the far end asks for and that is not here: wait for the core's; 0 = not at all."
    )
    retry_ms: Milliseconds = Field(1_000, description="Pause before records that the journal refused are offered again.")


class Station(Model):
    """One far end: who it is and what it must say."""

    name: StationName = Field(description="Name in keys, logs and the roster.")
    centre_code: CentreCode = Field(description="Its センター確認コード, 14 digits.")
    open_password: SecretStr = Field(_EMPTY, description="In the open request, as credential:NAME; empty: none.")
    open_answer_password: SecretStr = Field(_EMPTY, description="In the answer to it.")
    close_password: SecretStr = Field(_EMPTY, description="In the close request.")
    close_answer_password: SecretStr = Field(_EMPTY, description="In the answer to it.")

    def secret(self, name: Literal["open", "open_answer", "close", "close_answer"]) -> Secret:
        value: SecretStr = getattr(self, f"{name}_password")
        return Secret(value.get_secret_value())


class FileRule(Model):
    """One file by name: what is in it and what becomes of it."""

    name: FileName = Field(description="File name on the wire, 12 characters at most.")
    access_key: SecretStr = Field(_EMPTY, description="ファイルアクセスキー, as credential:NAME; empty: none.")
    direction: Literal["receive", "send", "both"] = Field("receive", description="May it come in, go out, or both?")
    format: FormatSettings = Field(FormatSettings(), description="Characters and layout of its records.")
    calls: Literal["record", "batch"] = Field(
        "record", description="One call to the core per data record, or one per batch, header to trailer."
    )
    same_bytes: Literal["refuse", "take"] = Field(
        "refuse",
        description="A file with the very bytes of one that is done, under another date or cycle: most likely sent twice.",
    )
    fetch: bool = Field(False, description="Dialled links: ask for it at each connection (照会モード).")

    def secret_key(self) -> Secret:
        return Secret(self.access_key.get_secret_value())


KINDS = {
    "21": "bulk-transfer",
    "11": "salary-transfer",
    "12": "bonus-transfer",
    "71": "salary-transfer",
    "72": "bonus-transfer",
    "91": "direct-debit",
    "01": "credit-notice",
    "03": "statement-entry",
}


class FileProfile(Model):
    """One listener's or dialer's zfile."""

    centre_code: CentreCode = Field("00000000000000", description="Our own センター確認コード, 14 digits.")
    stations: Annotated[tuple[Station, ...], Field(strict=False)] = Field((), description="The far ends we know.")
    files: Annotated[tuple[FileRule, ...], Field(strict=False)] = Field((), description="The files we take or give.")
    calls_station: str = Field("", description="Dialled links: name of the station that is called; empty: the only one.")
    send_count: int = Field(
        0, ge=0, le=fields.SEND_COUNT_MAX, description="連続転送回数: data telegrams without their own ACK."
    )
    text_bytes_max: int = Field(2048, ge=120, le=32_767, description="最大テキスト長, bytes: 256, 2048 or 32767 in practice.")
    close_done: Literal["answer-sent", "answer-acknowledged"] = Field(
        "answer-sent", description="When a called session counts as closed in order: answer sent, or acknowledged."
    )
    kind_of: dict[str, str] = Field({}, description="Format (種別コード) -> kind named to the core; over the defaults.")
    timers: Timers = Field(Timers(), description="Timers.")
    asks_waiting_max: int = Field(32, ge=1, le=10_000, description="Records given to the journal at a time.")
    file_bytes_max: int = Field(16_777_216, ge=1_024, le=268_435_456, description="Largest file taken, bytes.")
    batch_bytes_max: int = Field(
        262_144, ge=1_024, le=16_777_216, description="Largest file that goes to the core in one call, bytes."
    )
    files_open_max: int = Field(16, ge=1, le=1_000, description="Files half received or half taken at a time.")
    stage_bytes: int = Field(262_144, ge=1_024, le=4_194_304, description="Received bytes after which they are made durable.")
    progress_records: int = Field(500, ge=1, le=1_000_000, description="Records taken between two durable marks of progress.")
    duplicate_days: int = Field(40, ge=35, le=400, description="How long a completed file is remembered, days.")
    control_characters: CharacterSettings = Field(
        CharacterSettings(charset="ebcdic-kana"), description="Characters of control telegrams."
    )
    length_bytes: int = Field(2, ge=2, le=4, description="Bytes of the frame's length.")
    header_rows: Rows = Field((), description='Rows of the transmission header, each "name type bytes"; empty: zfile-p1.')
    station_rows: Rows = Field((), description="Rows of 通信制御電文; empty: zfile-p1.")
    file_rows: Rows = Field((), description="Rows of ファイル制御電文; empty: zfile-p1.")
    data_rows: Rows = Field((), description="Rows before the text of データ電文; empty: zfile-p1.")
    ttc: dict[str, int] = Field({}, description="TTC区分 by word, over the defaults.")
    kinds: dict[str, str] = Field({}, description="電文種別 by word, over the defaults.")
    results: dict[str, str] = Field({}, description="処理結果 by word, over the defaults.")

    @field_validator("kind_of")
    @classmethod
    def _known_formats(cls, table: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(table) - set(KINDS))
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: expected some of {', '.join(sorted(KINDS))}")
        return table

    @model_validator(mode="after")
    def _consistent(self) -> FileProfile:
        for table, known, name in (
            (self.ttc, fields.TTC, "ttc"),
            (self.kinds, fields.KINDS, "kinds"),
            (self.results, fields.RESULTS, "results"),
        ):
            unknown = sorted(set(table) - set(known))
            if unknown:
                raise ValueError(f"{name}: {', '.join(unknown)}: expected some of {', '.join(known)}")
        for names, what in (
            ([station.name for station in self.stations], "stations: names"),
            ([station.centre_code for station in self.stations], "stations: centre codes"),
            ([rule.name for rule in self.files], "files: names"),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"{what} must differ")
        if self.calls_station and self.calls_station not in {station.name for station in self.stations}:
            raise ValueError(f"calls_station: {self.calls_station} is none of the stations")
        return self

    def called(self) -> Station | None:
        """The station that a dialled link speaks to."""
        for station in self.stations:
            if station.name == self.calls_station or (not self.calls_station and len(self.stations) == 1):
                return station
        return None

    def rule(self, file: str) -> FileRule | None:
        return next((rule for rule in self.files if rule.name == file), None)


def with_secrets(profile: FileProfile, read: Callable[[str], str]) -> FileProfile:
    """The profile with every credential read. Raises LocalMisuse for a secret that stands in the file itself."""
    stations = tuple(
        station.model_copy(
            update={
                name: _secret(getattr(station, name), f"stations.{place}.{name}", read)
                for name in ("open_password", "open_answer_password", "close_password", "close_answer_password")
            }
        )
        for place, station in enumerate(profile.stations)
    )
    files = tuple(
        rule.model_copy(update={"access_key": _secret(rule.access_key, f"files.{place}.access_key", read)})
        for place, rule in enumerate(profile.files)
    )
    return profile.model_copy(update={"stations": stations, "files": files})


def _secret(named: SecretStr, path: str, read: Callable[[str], str]) -> SecretStr:
    value = named.get_secret_value()
    if not value:
        return named
    if not value.startswith(CREDENTIAL):
        raise LocalMisuse(f"{CREDENTIAL}NAME: a secret never stands in the file", path)
    return SecretStr(read(value))
