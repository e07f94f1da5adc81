"""The catalogue: every entry and its state. Approval and withdrawal reach each shard's rules, so
that voting.lua knows which entries take votes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

from voting.contest import Entry, EntryState
from voting.store import keys
from voting.store.client import Client, reachable
from voting.store.decisions import Decisions, Kind

#: An entry's number takes two bytes in the ledger.
LAST_NUMBER = 0xFFFF


class NoSuchEntry(Exception):  # noqa: N818 the plain word
    """There is no entry with this number."""


class Entries:
    def __init__(self, client: Client, shards: int, decisions: Decisions) -> None:
        self.client, self.shards, self.decisions = client, shards, decisions

    def all(self) -> dict[int, Entry]:
        """Every entry in every state, by number."""
        with reachable():
            found = self.client.hgetall(keys.ENTRIES())
        entries = (read_entry(text) for text in found.values())
        return {entry.number: entry for entry in sorted(entries, key=lambda e: e.number)}

    def add(self, entry: Entry) -> Entry:
        """Store a submission as pending under the next free number, whatever number it carries."""
        with self._changing():
            number = int(self.client.hincrby(keys.CONTEST(), "last_number", 1))
            if number > LAST_NUMBER:
                raise ValueError(f"no more than {LAST_NUMBER} entries")
            entry = replace(entry, number=number, state=EntryState.PENDING)
            self._put(entry)
        return entry

    def approve(self, number: int, reason: str) -> Entry:
        """Make it public and votable."""
        with self._changing():
            entry = self._change(number, EntryState.APPROVED)
            for shard in range(self.shards):
                self.client.hset(keys.RULES(shard=shard), str(number), 1)
            self.decisions.append(Kind.APPROVE, number, reason)
        return entry

    def withdraw(self, number: int, reason: str) -> Entry:
        """Take it from the public; once this returns no vote for it is accepted anywhere."""
        with self._changing():
            for shard in range(self.shards):
                self.client.hdel(keys.RULES(shard=shard), str(number))
            entry = self._change(number, EntryState.WITHDRAWN)
            self.decisions.append(Kind.WITHDRAW, number, reason)
        return entry

    @contextmanager
    def _changing(self) -> Iterator[None]:
        # One change at a time: else an approval could finish after a withdrawal has returned.
        with reachable(), self.client.lock(keys.ENTRIES_LOCK(), timeout=30, blocking_timeout=20):
            yield

    def _change(self, number: int, state: EntryState) -> Entry:
        text = self.client.hget(keys.ENTRIES(), number)
        if text is None:
            raise NoSuchEntry(number)
        entry = replace(read_entry(text), state=state)
        self._put(entry)
        return entry

    def _put(self, entry: Entry) -> None:
        self.client.hset(keys.ENTRIES(), entry.number, write_entry(entry))
        self.client.hincrby(keys.CONTEST(), "catalogue", 1)


def write_entry(entry: Entry) -> str:
    return json.dumps(asdict(entry), ensure_ascii=False)


def read_entry(text: bytes | str) -> Entry:
    fields = json.loads(text)
    return Entry(**(fields | {"state": EntryState(fields["state"])}))
