"""ISO 8583: framed binary messages of terminals and switches, in the versions 1987, 1993 and 2003."""
