"""What a store says of itself."""

from __future__ import annotations

import pytest
import redis
from casting import Contest

from voting.store.client import StoreDown, open_client
from voting.store.pulse import pulse


def test_a_law_store_says_that_it_writes(contest: Contest):
    found = pulse(contest.store.law)
    assert found.writes is True
    assert found.used > 0
    assert found.file > 0
    assert found.latency_ms > 0
    assert found.version


def test_a_throttle_store_writes_nothing_and_has_a_limit(contest: Contest):
    found = pulse(contest.store.throttle)
    assert found.writes is None
    assert found.most == 64 * 1024 * 1024


def test_a_hosted_store_may_keep_it_to_itself(contest: Contest, law_url: str):
    with redis.Redis.from_url(law_url) as store:
        store.execute_command("ACL", "SETUSER", "quiet", "on", ">secret", "~*", "+@all", "-info")
        try:
            url = law_url.replace("unix://", "unix://quiet:secret@")
            found = pulse(open_client(url, timeout_s=1.0, retries=0))
        finally:
            store.execute_command("ACL", "DELUSER", "quiet")
    assert (found.used, found.writes, found.version) == (0, None, "")


def test_a_store_that_is_away_has_no_pulse():
    with pytest.raises(StoreDown):
        pulse(open_client("unix:///tmp/nobody-listens-here.sock", timeout_s=0.5, retries=0))
