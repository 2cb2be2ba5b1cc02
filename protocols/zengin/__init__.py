"""Zengin: the interbank lines, the bank's file transfer, the record formats, and the characters they share."""
