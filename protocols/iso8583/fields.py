"""The data elements of ISO 8583 in its three versions, as tables to read.

Owns what the standard says of DE 2 to 128: kind of content, greatest size, kind of length, name. It must never hold what one
network does differently: that is an overlay in `config/dialects/`. The columns: number, kind, max, length, name.

kind    n digits; an, ans, anp, ns text; z track data; x+n the letter C or D and digits; b binary
max     digits, characters (the letter of x+n counted) or, for b, bytes
length  fixed, or the number of digits of the length in front: LL, LLL, LLLL

The 1993 table lists what differs from 1987, the 2003 table what differs from 1993. The trap: DE 1 and the bitmaps are no
rows; they are the encoder's business. One row departs from the text of 1987 on purpose: DE 55, "reserved" there, is the binary
ICC data that every network since puts into it (an overlay can turn it back into text).
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One data element as the standard has it."""

    number: int
    kind: str
    max: int
    length: str
    name: str


_1987 = """
  2 n     19 LL    primary account number (PAN)
  3 n      6 fixed processing code (txn type 2, from acct 2, to acct 2)
  4 n     12 fixed amount, transaction (minor units)
  5 n     12 fixed amount, settlement
  6 n     12 fixed amount, cardholder billing
  7 n     10 fixed transmission date+time MMDDhhmmss (UTC)
  8 n      8 fixed amount, cardholder billing fee
  9 n      8 fixed conversion rate, settlement
 10 n      8 fixed conversion rate, cardholder billing
 11 n      6 fixed STAN (system trace audit number)
 12 n      6 fixed local time hhmmss
 13 n      4 fixed local date MMDD
 14 n      4 fixed expiry date YYMM
 15 n      4 fixed settlement date MMDD
 16 n      4 fixed conversion date MMDD
 17 n      4 fixed capture date MMDD
 18 n      4 fixed merchant category code
 19 n      3 fixed acquirer country
 20 n      3 fixed PAN extended country
 21 n      3 fixed forwarder country
 22 n      3 fixed POS entry mode
 23 n      3 fixed card sequence number
 24 n      3 fixed network international id (NII)
 25 n      2 fixed POS condition code
 26 n      2 fixed PIN capture code
 27 n      1 fixed authorization id response length
 28 x+n    9 fixed transaction fee
 29 x+n    9 fixed settlement fee
 30 x+n    9 fixed transaction processing fee
 31 x+n    9 fixed settlement processing fee
 32 n     11 LL    acquirer institution id
 33 n     11 LL    forwarder institution id
 34 ns    28 LL    PAN extended
 35 z     37 LL    track 2
 36 z    104 LLL   track 3
 37 an    12 fixed retrieval reference number (RRN)
 38 an     6 fixed authorization id response
 39 an     2 fixed response code
 40 an     3 fixed service restriction code
 41 ans    8 fixed terminal id
 42 ans   15 fixed card acceptor id
 43 ans   40 fixed card acceptor name/location
 44 ans   25 LL    additional response data
 45 ans   76 LL    track 1
 46 ans  999 LLL   additional data ISO
 47 ans  999 LLL   additional data national
 48 ans  999 LLL   additional data private
 49 an     3 fixed currency, transaction
 50 an     3 fixed currency, settlement
 51 an     3 fixed currency, cardholder billing
 52 b      8 fixed PIN data (64 bit block)
 53 n     16 fixed security control information
 54 an   120 LLL   additional amounts (6 x 20)
 55 b    999 LLL   ICC data (BER-TLV)
 56 ans  999 LLL   reserved ISO
 57 ans  999 LLL   reserved national
 58 ans  999 LLL   reserved national
 59 ans  999 LLL   reserved national
 60 ans  999 LLL   reserved private
 61 ans  999 LLL   reserved private
 62 ans  999 LLL   reserved private
 63 ans  999 LLL   reserved private
 64 b      8 fixed MAC (when no DE above 64)
 65 b      1 fixed extended bitmap indicator
 66 n      1 fixed settlement code
 67 n      2 fixed extended payment code
 68 n      3 fixed receiver country
 69 n      3 fixed settlement institution country
 70 n      3 fixed network management information code
 71 n      4 fixed message number
 72 n      4 fixed last message number
 73 n      6 fixed action date YYMMDD
 74 n     10 fixed credits, count
 75 n     10 fixed credit reversals, count
 76 n     10 fixed debits, count
 77 n     10 fixed debit reversals, count
 78 n     10 fixed transfers, count
 79 n     10 fixed transfer reversals, count
 80 n     10 fixed inquiries, count
 81 n     10 fixed authorizations, count
 82 n     12 fixed credit processing fee amount
 83 n     12 fixed credit transaction fee amount
 84 n     12 fixed debit processing fee amount
 85 n     12 fixed debit transaction fee amount
 86 n     16 fixed credits, amount
 87 n     16 fixed credit reversals, amount
 88 n     16 fixed debits, amount
 89 n     16 fixed debit reversals, amount
 90 n     42 fixed original data elements
 91 an     1 fixed file update code
 92 an     2 fixed file security code
 93 an     5 fixed response indicator
 94 an     7 fixed service indicator
 95 an    42 fixed replacement amounts
 96 b      8 fixed message security code
 97 x+n   17 fixed net settlement amount
 98 ans   25 fixed payee
 99 n     11 LL    settlement institution id
100 n     11 LL    receiver institution id
101 ans   17 LL    file name
102 ans   28 LL    account 1
103 ans   28 LL    account 2
104 ans  100 LLL   transaction description
105 ans  999 LLL   reserved ISO
106 ans  999 LLL   reserved ISO
107 ans  999 LLL   reserved ISO
108 ans  999 LLL   reserved ISO
109 ans  999 LLL   reserved ISO
110 ans  999 LLL   reserved ISO
111 ans  999 LLL   reserved ISO
112 ans  999 LLL   reserved national
113 ans  999 LLL   reserved national
114 ans  999 LLL   reserved national
115 ans  999 LLL   reserved national
116 ans  999 LLL   reserved national
117 ans  999 LLL   reserved national
118 ans  999 LLL   reserved national
119 ans  999 LLL   reserved national
120 ans  999 LLL   reserved private
121 ans  999 LLL   reserved private
122 ans  999 LLL   reserved private
123 ans  999 LLL   reserved private
124 ans  999 LLL   reserved private
125 ans  999 LLL   reserved private
126 ans  999 LLL   reserved private
127 ans  999 LLL   reserved private
128 b      8 fixed MAC (when a DE above 64 is present)
"""

_1993 = """
  5 n     12 fixed amount, reconciliation
  9 n      8 fixed conversion rate, reconciliation
 12 n     12 fixed local date+time YYMMDDhhmmss
 13 n      4 fixed effective date YYMM
 15 n      6 fixed settlement date YYMMDD
 22 an    12 fixed POS data code
 24 n      3 fixed function code
 25 n      4 fixed message reason code
 26 n      4 fixed card acceptor business code
 27 n      1 fixed approval code length
 28 n      6 fixed reconciliation date
 29 n      3 fixed reconciliation indicator
 30 n     24 fixed original amounts (2 x 12)
 31 ans   99 LL    acquirer reference data
 37 anp   12 fixed retrieval reference number
 38 anp    6 fixed approval code
 39 n      3 fixed action code
 40 n      3 fixed service code
 43 ans   99 LL    card acceptor name/location
 44 ans   99 LL    additional response data
 46 ans  204 LLL   fee amounts
 53 b     48 LL    security control information
 55 b    255 LLL   ICC data (BER-TLV)
 56 n     35 LL    original data elements (MTI 4 + STAN 6 + DE12 12 + LL acquirer id 11)
 57 n      3 fixed authorization life cycle
 58 n     11 LL    authorizing agent institution
 59 ans  999 LLL   transport data (echoed unchanged)
 60 ans  999 LLL   reserved national
 61 ans  999 LLL   reserved national
 65 b      8 fixed reserved ISO
 66 ans  204 LLL   original fee amounts
 70 n      3 fixed authorizing agent country
 71 n      8 fixed message number
 72 ans  999 LLL   data record
 82 n     10 fixed inquiry reversals count
 83 n     10 fixed payments count
 84 n     10 fixed payment reversals count
 85 n     10 fixed fee collections count
 90 n     10 fixed authorization reversals count
 91 n      3 fixed destination country
 92 n      3 fixed originator country
 93 n     11 LL    destination institution
 94 n     11 LL    originator institution
 95 ans   99 LL    issuer reference data
 96 b    999 LLL   key management data
 99 an    11 LL    settlement institution
105 n     16 fixed credit chargeback amount
106 n     16 fixed debit chargeback amount
107 n     10 fixed credit chargeback count
108 n     10 fixed debit chargeback count
109 ans   84 LL    credit fee amounts
110 ans   84 LL    debit fee amounts
112 ans  999 LLL   reserved ISO
113 ans  999 LLL   reserved ISO
114 ans  999 LLL   reserved ISO
115 ans  999 LLL   reserved ISO
120 ans  999 LLL   reserved national
121 ans  999 LLL   reserved national
122 ans  999 LLL   reserved national
"""

_2003 = """
  3 an     6 fixed processing code
  4 n     16 fixed amount, transaction (currency 3 + exponent 1 + amount 12)
  5 n     16 fixed amount, reconciliation (same build)
  6 n     16 fixed amount, cardholder billing (same build)
  8 n     12 fixed billing fee (currency 3 + exponent 1 + amount 8)
 11 n     12 fixed STAN
 12 n     14 fixed local date+time CCYYMMDDhhmmss
 13 n      6 fixed effective date CCYYMM
 15 n      8 fixed settlement date CCYYMMDD
 18 b    140 LLL   message error indicator
 21 ans   22 fixed transaction life cycle id
 22 b     16 fixed POS data code (128 bit)
 26 n      4 fixed merchant category code
 27 b     27 fixed POS capability
 28 n      8 fixed reconciliation date CCYYMMDD
 30 n     32 fixed original amounts
 31 n     23 fixed acquirer reference number
 34 b   9999 LLLL  electronic commerce data (datasets)
 39 n      4 fixed action code
 41 ans   16 fixed terminal id
 42 ans   35 LL    card acceptor id
 43 b   9999 LLLL  card acceptor name/location (datasets)
 44 b   9999 LLLL  additional response data
 46 ans  216 LLL   fee amounts
 49 b   9999 LLLL  verification data (datasets)
 50 b   9999 LLLL  reserved ISO
 51 b   9999 LLLL  reserved ISO
 54 ans  126 LLL   additional amounts
 55 b   9999 LLLL  ICC data
 56 n     41 LL    original data elements (MTI 4 + STAN 12 + DE12 14 + acquirer id 11)
 64 b      8 fixed MAC
 66 ans  216 LLL   original fee amounts
 68 an     9 fixed batch/file message control
 69 an    40 fixed batch/file control data
 70 n     18 fixed file transfer description
 71 b   9999 LLLL  reserved ISO
 72 b    999 LLL   data record
 73 n      8 fixed action date
 74 b     78 fixed reconciliation data primary
 75 n     90 fixed reconciliation data secondary
 76 b   9999 LLLL  reserved ISO
 77 b   9999 LLLL  reserved ISO
 78 b   9999 LLLL  reserved ISO
 79 b   9999 LLLL  reserved ISO
 80 b   9999 LLLL  reserved ISO
 81 b   9999 LLLL  reserved ISO
 82 b   9999 LLLL  reserved ISO
 83 b   9999 LLLL  reserved ISO
 84 b   9999 LLLL  reserved ISO
 85 b   9999 LLLL  reserved ISO
 86 b   9999 LLLL  reserved ISO
 87 b   9999 LLLL  reserved ISO
 88 b   9999 LLLL  reserved ISO
 89 b   9999 LLLL  reserved ISO
 90 b   9999 LLLL  reserved ISO
 91 b   9999 LLLL  reserved ISO
 92 b   9999 LLLL  reserved ISO
 97 x+n   21 fixed net reconciliation amount
101 ans   99 LL    file name
104 b   9999 LLLL  transaction specific data (datasets)
105 b   9999 LLLL  reserved ISO
106 b   9999 LLLL  reserved ISO
107 b   9999 LLLL  reserved ISO
108 b   9999 LLLL  reserved ISO
109 ans  144 LLL   credit reconciliation fees
110 ans  144 LLL   debit reconciliation fees
111 b   9999 LLLL  reserved private (ISO 2003 allows 9999)
112 b   9999 LLLL  reserved private (ISO 2003 allows 9999)
113 b   9999 LLLL  reserved private (ISO 2003 allows 9999)
114 b   9999 LLLL  reserved private (ISO 2003 allows 9999)
115 b   9999 LLLL  reserved private (ISO 2003 allows 9999)
116 b   9999 LLLL  reserved national
117 b   9999 LLLL  reserved national
118 b   9999 LLLL  reserved national
119 b   9999 LLLL  reserved national
120 b   9999 LLLL  reserved national
121 b   9999 LLLL  reserved national
122 b   9999 LLLL  reserved national
124 b   9999 LLLL  reserved private
125 b   9999 LLLL  reserved private
126 b   9999 LLLL  reserved private
127 b   9999 LLLL  reserved private
128 b      8 fixed MAC
"""


def _read(text: str) -> dict[int, Row]:
    rows = (line.split(maxsplit=4) for line in text.strip().splitlines())
    return {int(number): Row(int(number), kind, int(most), length, name) for number, kind, most, length, name in rows}


TABLES: dict[str, dict[int, Row]] = {"1987": _read(_1987)}
TABLES["1993"] = TABLES["1987"] | _read(_1993)
TABLES["2003"] = TABLES["1993"] | _read(_2003)

# Never shown by a tool, whatever the version: PAN, expiry, extended PAN, tracks, PIN block, security control, ICC data.
SENSITIVE = frozenset({2, 14, 34, 35, 36, 45, 52, 53, 55})
SENSITIVE_2003 = frozenset({49})  # verification data: holds the card verification value
