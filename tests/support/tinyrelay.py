"""The relay with one dialect more, as a process: `python -m tests.support.tinyrelay run CONFIG`.

Owns the one entry that a new dialect needs in `protocols/dialects.py`, added here by a program, because the example is not
part of the product. It must never change anything else of the relay.
"""

import sys

from protocols import dialects
from relay.main import main
from tests.support.tinydialect import TINY

dialects.DIALECTS = {**dialects.DIALECTS, "tiny": TINY}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
