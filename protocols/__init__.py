"""Sans-IO protocol library: bytes to meaning and back. Knows no socket, clock, file, and never imports `relay`."""
