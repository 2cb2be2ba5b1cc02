"""Text of Japanese bank wires: half-width kana in JIS X 0201, Shift_JIS and host code pages, by explicit tables and settings.

Owns the public names; `text.py` is where to begin. Shared by the dialects whose texts are kana.
"""

from protocols.characters.text import CharacterError, Characters, CharacterSettings, Charset, UnencodableError

__all__ = ["CharacterError", "CharacterSettings", "Characters", "Charset", "UnencodableError"]
