"""Zengin file transfer (zfile, 全銀手順 over TCP), by our profile zfile-p1."""
