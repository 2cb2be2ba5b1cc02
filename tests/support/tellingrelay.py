"""The relay, which at its end says what it has imported: `python -m tests.support.tellingrelay run CONFIG`.

Owns the list, a name a line, in the file that RELAY_TELLS names. It must never change anything of the relay.
"""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path

from relay.main import main


def _tell() -> None:
    Path(os.environ["RELAY_TELLS"]).write_text("\n".join(sorted(sys.modules)))


if __name__ == "__main__":
    atexit.register(_tell)
    sys.exit(main(sys.argv[1:]))
