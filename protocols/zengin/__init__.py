"""Zengin: the interbank session (session, telegram) and the file transfer (file, format). Strangers but for the characters."""
