"""The telegrams of profile zfile-p1 as tables to read, and its codes.

Owns the default places, types and codes. All of it is our own profile [P]: the procedure's true bytes are in the text of the
bankers' association, which is not used here; so every row and every code can be replaced in a link's settings, name by name.
The columns: name, type, bytes.

N digits in the control charset · C characters, space-filled · P packed digits · B big-endian number · R reserved (NUL)
"""

from __future__ import annotations

from collections.abc import Mapping

# After the two bytes of length (電文長), which count what follows them.
HEADER = """
ttc      B 1
reserve  R 1
serial   B 2
"""

STATION = """
kind            N 2
result          N 2
peer_code       P 7
own_code        P 7
password        C 6
at              P 7
mode            N 1
send_count      B 1
text_bytes_max  B 2
reserve         R 29
"""

FILE = """
kind            N 2
result          N 2
file            C 12
access_key      C 12
cycle           N 2
record_bytes    B 2
record_count    B 4
resume          B 4
compression     N 1
code            N 1
reserve         R 22
"""

# データ電文; the text follows. The serial is the number of the text's first record, from 1: so a re-send needs no memory of
# how many records a telegram held.
DATA = """
kind     N 2
serial   B 4
"""

# TTC区分
TTC: Mapping[str, int] = {"ack-wanted": 0x00, "no-ack": 0x01, "ack": 0x10, "nak": 0x11, "watch": 0x20}

# 電文種別
KINDS: Mapping[str, str] = {
    "open": "00",
    "open-answer": "01",
    "close": "02",
    "close-answer": "03",
    "mode": "04",
    "mode-answer": "05",
    "file-start": "10",
    "file-start-answer": "11",
    "file-end": "12",
    "file-end-answer": "13",
    "file-resend": "14",
    "data": "50",
}
STATION_KINDS = ("open", "open-answer", "close", "close-answer", "mode", "mode-answer")
FILE_KINDS = ("file-start", "file-start-answer", "file-end", "file-end-answer", "file-resend")

# 処理結果
RESULTS: Mapping[str, str] = {
    "ok": "00",
    "wrong-centre": "01",
    "wrong-password": "02",
    "outside-hours": "03",
    "no-file": "04",
    "wrong-access-key": "05",
    "duplicate-cycle": "06",
    "wrong-record-length": "07",
    "count-differs": "08",
    "serial-fault": "09",
    "closed": "10",
    "other": "99",
}

SEND, RECEIVE = "1", "2"  # モード: 連絡 (the caller sends), 照会 (the caller asks for a file)
TEXT_BYTES_MAX = (256, 2048, 32767)
SEND_COUNT_MAX = 15
