"""The record layouts of the Zengin formats, as tables to read.

Owns which item stands where, what it may hold, and the names of the formats; `protocols/zengin/format/layout.py` compiles it.
It must never hold a bank's own variant: that is a setting. The columns: name, type, bytes, what it may hold.

N digits, right-aligned, zero-filled        ? after the type: may be blank or zero
C characters, left-aligned, space-filled
1,2,9 a list of codes; >0 an amount above zero; class of characters for C: bank, name, payroll, edi, space

Source: the format descriptions of the banks as collected in the notes on Zengin (docs/protocol-zengin-files.md names them);
the layouts are checked against tests/protocols/zengin/vectors item by item.
"""

from __future__ import annotations

from collections.abc import Mapping

_HEADER_120 = """
data_kubun       N  1 1
type_code        N  2
code_kubun       N  1 0,1
originator_code  N  10
originator_name  C  40 name
date_mmdd        N  4 mmdd
bank_code        N  4
bank_name        C  15 bank
branch_code      N  3
branch_name      C  15 bank
account_type     N? 1 1,2,9
account_no       N? 7
dummy            C  17 space
"""

_TRAILER_120 = """
data_kubun       N  1 8
count            N  6
total            N  12
dummy            C  101 space
"""

_END_120 = """
data_kubun       N  1 9
dummy            C  119 space
"""

_TRANSFER = """
data_kubun       N  1 2
bank_code        N  4
bank_name        C  15 bank
branch_code      N  3
branch_name      C  15 bank
clearing_house   N? 4
account_type     N  1 1,2,4,9
account_no       N  7
payee_name       C  30 name
amount           N  10 >0
new_code         N? 1 0,1,2
customer_code1   C  10 edi
customer_code2   C  10 edi
transfer_kubun   N? 1 7,8
id_mark          C  1 Y
dummy            C  7 space
"""

_PAYROLL = """
data_kubun       N  1 2
bank_code        N  4
bank_name        C  15 bank
branch_code      N  3
branch_name      C  15 bank
clearing_house   N? 4
account_type     N  1 1,2
account_no       N  7
payee_name       C  30 payroll
amount           N  10 >0
new_code         N? 1 0,1,2
employee_no      C  10 edi
department_code  C  10 edi
dummy            C  9 space
"""

_DEBIT = """
data_kubun       N  1 2
bank_code        N  4
bank_name        C  15 bank
branch_code      N  3
branch_name      C  15 bank
dummy1           C  4 space
account_type     N  1 1,2,3,9
account_no       N  7
payer_name       C  30 name
amount           N  10 >0
new_code         N? 1 0,1,2
customer_no      C  20 edi
result_code      N? 1 0,1,2,3,4,8,9
dummy            C  8 space
"""

_DEBIT_TRAILER = """
data_kubun       N  1 8
count            N  6
total            N  12
ok_count         N? 6
ok_total         N? 12
ng_count         N? 6
ng_total         N? 12
dummy            C  65 space
"""

_NOTICE_HEADER = """
data_kubun       N  1 1
type_code        N  2
code_kubun       N  1 0,1
made_on          N  6 wareki
from_date        N  6 wareki
to_date          N  6 wareki
bank_code        N  4
bank_name        C  15 bank
branch_code      N  3
branch_name      C  15 bank
account_type     N  1 1,2,3,4,5,6,7,8,9
account_no       N  7
account_name     C  40 name
dummy            C  93 space
"""

_NOTICE = """
data_kubun       N  1 2
inquiry_no       N? 6
account_date     N  6 wareki
value_date       N? 6 wareki
amount           N  10
other_bank_cheque_amount N? 10
originator_code  N? 10
originator_name  C  48 name
origin_bank_name C  15 bank
origin_branch_name C 15 bank
cancel_kubun     N? 1 0,1
edi              C  20 edi
dummy            C  52 space
"""

_NOTICE_TRAILER = """
data_kubun       N  1 8
count            N  6
total            N  12
cancel_count     N? 6
cancel_total     N? 12
dummy            C  163 space
"""

_END_200 = """
data_kubun       N  1 9
dummy            C  199 space
"""

_STATEMENT_HEADER = """
data_kubun       N  1 1
type_code        N  2
code_kubun       N  1 0,1
made_on          N  6 wareki
from_date        N  6 wareki
to_date          N  6 wareki
bank_code        N  4
bank_name        C  15 bank
branch_code      N  3
branch_name      C  15 bank
dummy1           N  3
account_type     N  1 1,2,3,4,5,6,7,8,9
account_no       N  10
account_name     C  40 name
overdraft_kubun  N? 1 0,1,2
book_kubun       N? 1
balance_before   N? 14
dummy            C  71 space
"""

_STATEMENT = """
data_kubun       N  1 2
inquiry_no       N? 8
account_date     N  6 wareki
value_date       N? 6 wareki
inout_kubun      N  1 1,2
txn_kubun        N? 2
amount           N  12
other_bank_cheque_amount N? 12
presentation_date N? 6 wareki
dishonour_date   N? 6 wareki
bill_kubun       N? 1
bill_no          N? 7
sister_branch    N? 3
originator_code  N? 10
originator_name_or_contract C 48 name
origin_bank_name C  15 bank
origin_branch_name C 15 bank
summary          C  20 edi
edi              C  20 edi
dummy            C  1 space
"""

_STATEMENT_TRAILER = """
data_kubun       N  1 8
in_count         N  6
in_total         N  13
out_count        N  6
out_total        N  13
overdraft_kubun  N? 1 0,1,2
balance_after    N? 14
data_records     N  7
dummy            C  139 space
"""

_STATEMENT_END = """
data_kubun       N  1 9
record_total     N  10
accounts         N  5
dummy            C  184 space
"""

_TRANSFER_FILE = {"1": _HEADER_120, "2": _TRANSFER, "8": _TRAILER_120, "9": _END_120}
_PAYROLL_FILE = {"1": _HEADER_120, "2": _PAYROLL, "8": _TRAILER_120, "9": _END_120}

# 種別コード -> record kind (データ区分) -> rows. 71 and 72 are the salary and bonus of public servants.
LAYOUTS: Mapping[str, Mapping[str, str]] = {
    "21": _TRANSFER_FILE,
    "11": _PAYROLL_FILE,
    "12": _PAYROLL_FILE,
    "71": _PAYROLL_FILE,
    "72": _PAYROLL_FILE,
    "91": {"1": _HEADER_120, "2": _DEBIT, "8": _DEBIT_TRAILER, "9": _END_120},
    "01": {"1": _NOTICE_HEADER, "2": _NOTICE, "8": _NOTICE_TRAILER, "9": _END_200},
    "03": {"1": _STATEMENT_HEADER, "2": _STATEMENT, "8": _STATEMENT_TRAILER, "9": _STATEMENT_END},
}

NAMES: Mapping[str, str] = {
    "21": "総合振込 bulk transfer",
    "11": "給与振込 salary",
    "12": "賞与振込 bonus",
    "71": "給与振込 salary, public servants",
    "72": "賞与振込 bonus, public servants",
    "91": "預金口座振替 direct debit",
    "01": "振込入金通知 notice of credits",
    "03": "入出金取引明細 account statement",
}

# What characters a class allows beside digits, space, ｱ to ﾝ, ﾞ and ﾟ.
CLASSES: Mapping[str, str] = {
    "bank": "ABCDEFGHIJKLMNOPQRSTUVWXYZ-",
    "name": "ABCDEFGHIJKLMNOPQRSTUVWXYZ()-.",
    "payroll": "",
    "edi": "ABCDEFGHIJKLMNOPQRSTUVWXYZｦ\\¥｢｣()-/.",
}
EVERYWHERE = "0123456789 ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝﾞﾟ"
