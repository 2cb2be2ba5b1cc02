"""The contents of Zengin files (zfmt): fixed records of 120 or 200 bytes, as declarative layouts."""
