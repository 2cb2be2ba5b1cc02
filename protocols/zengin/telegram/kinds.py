"""Which 種目コード means what: kinds that the core is told, and control telegrams. Data only.

Owns the default tables; both are settings of the line. The trap: the codes are not public, all of these are ours [P].
"""

from __future__ import annotations

KINDS = frozenset(
    {
        "interbank-transfer",
        "interbank-salary",
        "interbank-remittance",
        "interbank-collection",
        "interbank-settlement",
        "interbank-miscellaneous",
    }
)
# 種目 of 為替通知 -> kind for the core.
SUBJECTS: dict[str, str] = {
    "1000": "interbank-transfer",  # 振込
    "1100": "interbank-salary",  # 給与振込
    "2000": "interbank-remittance",  # 送金
    "3000": "interbank-collection",  # 代金取立
    "4000": "interbank-settlement",  # 付替
    "5000": "interbank-miscellaneous",  # 雑為替
}
ENQUIRY_KIND, ANSWER_KIND, INSTRUCTION_KIND = "interbank-enquiry", "interbank-answer", "interbank-request"
# Control telegrams.
SUBJECTS_OF_CONTROL: dict[str, str] = {
    "open": "9001",  # 開局
    "pre-close": "9002",  # 予備閉局
    "close": "9003",  # 閉局
    "forced-close": "9004",  # 強制閉局
    "match": "9005",  # 照合
}
ENQUIRY_SUBJECT = "9100"  # 照会 for one telegram, named by 取組日 and 発信通番
ENQUIRY_BY_RECEIPT = "9101"  # 照会 for a telegram that never came, named by its 受信通番
ENQUIRY_BY_SEQUENCE = "9102"  # 照会 for a gap in the sequence numbers: from-to in 備考
ANSWER_SUBJECT = "9200"
