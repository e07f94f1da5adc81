"""What a vote weighs: a million votes through the real script, in a store of their own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from bench.stage import Stage, end, start_store, store_cpu_s
from bench.visitors import ENTRIES
from voting.contest import Ballot, Identity, Signals, Verdict
from voting.store import Store, open_store
from voting.supervisor.stores import law_command, runtime_dir

VOTES = 1_000_000
BLOCK = 100_000
AT_ONCE = 1_000
#: Three in ten votes bring a new voter: 300,000 voters for a million votes.
NEW_VOTERS = 0.3


def weigh(stage: Stage, votes: int, most_s: float) -> dict[str, Any]:
    """Cast `votes` ballots, or as many blocks as `most_s` allows; bytes, CPU and disk a vote.

    The store runs on the product's redis.conf, unchanged. Thousands of votes share an fsync here,
    which matters to the rate, not to memory. All ballots were issued in one half hour, so every
    one of them is still remembered against replay.
    """
    folder = stage.settings.data_dir / "memory"
    folder.mkdir()
    path = runtime_dir(stage.settings) / "memory.sock"
    processes: list[subprocess.Popen[bytes]] = []
    try:
        start_store(law_command(folder, path), processes)
        store = open_store(
            stage.contest.id,
            f"unix://{path}", stage.settings.politeness_url, 1, folder, accept_unknown=False,
            sealing=b"sealing",
        )
        _open_contest(store, stage)
        before = store.law.info(), store_cpu_s(store)
        began = time.monotonic()
        cast = _cast_all(store, votes, began + most_s)
        after = store.law.info(), store_cpu_s(store)
    finally:
        for process in processes:
            end(process)
    grown = {name: after[0][name] - before[0][name] for name in ("used_memory", "used_memory_rss")}
    return {
        "votes": cast,
        "voters": int(cast * NEW_VOTERS),
        "seconds": round(time.monotonic() - began, 1),
        "bytes_per_vote": round(grown["used_memory"] / cast, 1),
        "rss_bytes_per_vote": round(grown["used_memory_rss"] / cast, 1),
        "store_us_per_vote": round(1e6 * (after[1] - before[1]) / cast, 1),
    }


def _open_contest(store: Store, stage: Stage) -> None:
    law = replace(stage.contest.law, votes_per_voter=5, votes_per_entry=1)
    store.rules.open(stage.contest.id, law, int(time.time() * 1000))
    for entry in stage.store.entries.all().values():
        store.entries.add(entry)
        store.entries.approve(entry.number, "审核通过", ai_labelled=True)


def _cast_all(store: Store, votes: int, until: float) -> int:
    """Block by block, from two threads so that store and caller both have something to do."""
    issued_ms = int(time.time() * 1000)
    cast = 0

    def send(first: int) -> int:
        ballots = list(_ballots(range(first, min(first + AT_ONCE, votes)), issued_ms))
        outcomes = store.ballots.cast_all(ballots)
        refused = [one.verdict for one in outcomes if one.verdict is not Verdict.ACCEPTED]
        if refused:
            raise SystemExit(f"a vote was refused: {refused[0]}")
        return len(outcomes)

    with ThreadPoolExecutor(2) as threads:
        for block in range(0, votes, BLOCK):
            firsts = range(block, min(block + BLOCK, votes), AT_ONCE)
            cast += sum(threads.map(send, firsts))
            if time.monotonic() > until:
                break
    return cast


def _ballots(positions: range, issued_ms: int) -> Iterator[tuple[Ballot, Signals]]:
    """In each block its voters come once, then again, and again: three or four votes each, each
    for another entry."""
    voters = int(BLOCK * NEW_VOTERS)
    for position in positions:
        block, within = divmod(position, BLOCK)
        voter, turn = within % voters, within // voters
        entry = 1 + (voter + turn) % ENTRIES
        signals = Signals(
            Identity.DEVICE, os.urandom(6), os.urandom(6), os.urandom(4), bytes(4), 4_000, 23
        )
        pseudonym = _pseudonym(block * voters + voter)
        yield Ballot(os.urandom(8), pseudonym, entry, issued_ms), signals


def _pseudonym(number: int) -> bytes:
    """Eight bytes as mixed as an HMAC's, the same for the same number (64-bit multiplication)."""
    return ((number + 1) * 0x9E3779B97F4A7C15 % (1 << 64)).to_bytes(8, "big")
