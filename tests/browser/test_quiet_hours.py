"""A page that was open when the quiet hours began keeps no exact count, once it has heard of it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest
from conftest import Running
from hands import Hands
from states import BOARDS_TURN_S

from voting.contest import SHANGHAI, Quiet

#: What the page may say then of votes and places.
SAID = "[...document.querySelectorAll('.tally, .quiet-line')].map(one => one.innerText).join()"
CLOSES = datetime.now(SHANGHAI) + timedelta(hours=3)
VERSION = count(1)


def rule(site: Running, hours: int, quiet: Quiet) -> None:
    law = site.made.contest.law
    end = replace(law.closing, quiet_hours=hours, quiet=quiet, round_to=20)
    changed = replace(law, closes=CLOSES, closing=end)
    site.store.rules.apply(changed, f"试{next(VERSION)}", site.made.now_ms())
    time.sleep(BOARDS_TURN_S)


@pytest.mark.parametrize("phone", ["chromium-390"], indirect=True)
@pytest.mark.parametrize("quiet", Quiet)
@pytest.mark.parametrize("votes", [False, True], ids=["looks", "votes"])
def test_a_page_from_before_keeps_no_exact_count(
    hands: Hands, site: Running, quiet: Quiet, votes: bool
):
    rule(site, 0, quiet)
    hands.open("/e/1")
    hands.wait_for("document.getElementById('votes')")
    hands.wait_for("document.querySelector('.votebar [data-state=ready]')")
    rule(site, 6, quiet)
    if votes:
        hands.tap(".votebar [data-state=ready]")
        hands.wait_to_read(".say", "已计入这一票")
        hands.wait_to_read(".say", "最后 6 小时")
    else:
        hands.run("window.dispatchEvent(new Event('online'))")
    hands.wait_for("!document.getElementById('votes')")
    old = hands.run(f"return {SAID}")
    hands.reload()
    assert old == hands.wait_for(SAID)
    assert "最后 6 小时" in old
    assert ("票数（取整）" in old) == (quiet is Quiet.ROUNDED)
