"""Which dialects there are: a name per protocol folder, nothing discovered.

Owns the table. A new dialect is one folder and one line here; if anything in `relay/` must change for it, the port is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

from protocols.branch.dialect import BRANCH
from protocols.dialect import DialectKit
from protocols.iso8583.dialect import ISO8583
from protocols.ndc.dialect import NDC
from protocols.zengin.file.dialect import ZENGIN_FILE
from protocols.zengin.session.dialect import ZRC

DIALECTS: Mapping[str, DialectKit] = {
    "iso8583": ISO8583,
    "ndc": NDC,
    "branch-p1": BRANCH,
    "zrc": ZRC,
    "zengin-file": ZENGIN_FILE,
}
