"""The session between a bank's host and the RC (zrc): one logical line per link. Start reading at README.md."""
