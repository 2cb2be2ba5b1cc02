"""The configuration of the lab's relays: the relay reads it without a complaint, and the two differ where they must."""

from __future__ import annotations

import tomllib
from pathlib import Path

from relay.configfile import check
from relay.loopback.lab.cast import sites
from relay.loopback.lab.centers import configuration
from relay.loopback.lab.databases import STANDBY
from relay.loopback.lab.topology import CENTERS


def test_both_are_read(tmp_path: Path) -> None:
    texts = {}
    for city in CENTERS:
        folder = tmp_path / city
        (folder / "credentials").mkdir(parents=True)
        for site, _ in sites():
            for name, text in site.files.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(text)
        texts[city] = configuration(city, str(folder), "/b.ctl", [text for _, text in sites()])
        (folder / "relay.toml").write_text(texts[city])
        assert check(str(folder / "relay.toml")).mistakes == ()
    read = {city: tomllib.loads(text) for city, text in texts.items()}
    (tokyo,), (osaka,) = ([each for each in read[city]["dialer"] if each.get("exclusive")] for city in CENTERS)
    assert tokyo["profile"]["telegram"]["serial_last"] < osaka["profile"]["telegram"]["serial_first"]
    for city, other in zip(CENTERS, CENTERS[::-1], strict=True):
        pair, takeover = read[city]["pair"], read[city]["takeover"]
        assert pair["journal_standby"] == STANDBY
        assert pair["ack_needs_advice"] == ["local+peer", "core"]
        assert "local" not in pair["ack_needs_outward"], "a mark that is lost with its center is a transfer sent twice"
        assert takeover["dsn"] not in (read[other]["journal"]["dsn"], read[city]["journal"]["dsn"])
    assert read["tokyo"]["pair"]["paths"] != read["osaka"]["pair"]["paths"]
    ranges = []
    for city in CENTERS:
        (ndc,) = (each for each in read[city]["listener"] if each["dialect"] == "ndc")
        ranges.append(ndc["profile"].pop("tsn_range"))
    assert ranges[0][1] < ranges[1][0], "the serial of one center proves nothing about the other's"
    assert read["tokyo"]["listener"] == read["osaka"]["listener"], "a terminal finds the same at both"
