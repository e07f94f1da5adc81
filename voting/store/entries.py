"""The catalogue: every entry and its state. Approval and withdrawal reach each shard's rules, so
that voting.lua knows which entries take votes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from voting.contest import Entry, EntryState
from voting.store import keys
from voting.store.client import Client, changing, reachable
from voting.store.log import COMMAND_LINE, Kind, Log

#: An entry's number takes two bytes in the ledger.
LAST_NUMBER = 0xFFFF


class NoSuchEntry(Exception):  # noqa: N818 the plain word
    """There is no entry with this number."""


class LabelUnconfirmed(Exception):  # noqa: N818 the plain word
    """Nobody has confirmed that this AI entry's video carries its AI label."""


class AlreadyThere(Exception):  # noqa: N818 the plain word
    """The submission's video is that of an `entry` in the catalogue."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.number)
        self.entry = entry


class AlreadyDecided(Exception):  # noqa: N818 the plain word
    """The entry's state isn't the one it was seen in; somebody else was faster."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.number)
        self.entry = entry


class Entries:
    def __init__(self, client: Client, shards: int, log: Log) -> None:
        self.client, self.shards, self.log = client, shards, log

    def all(self) -> dict[int, Entry]:
        """Every entry in every state, by number."""
        with reachable():
            found = self.client.hgetall(keys.ENTRIES())
        entries = (read_entry(text) for text in found.values())
        return {entry.number: entry for entry in sorted(entries, key=lambda e: e.number)}

    def of(self, number: int) -> Entry:
        """One entry in whatever state. Raises NoSuchEntry."""
        with reachable():
            text = self.client.hget(keys.ENTRIES(), number)
        if text is None:
            raise NoSuchEntry(number)
        return read_entry(text)

    def add(self, entry: Entry, by: str = COMMAND_LINE) -> Entry:
        """Store a submission as pending under the next free number, whatever number it carries.

        Raises AlreadyThere when its video is in the catalogue: of two who take in the same mailbox
        at once, one comes second.
        """
        with changing(self.client):
            for other in self.all().values():
                if _same_video(entry, other):
                    raise AlreadyThere(other)
            number = int(self.client.hincrby(keys.CONTEST(), "last_number", 1))
            if number > LAST_NUMBER:
                raise ValueError(f"no more than {LAST_NUMBER} entries")
            entry = replace(entry, number=number, state=EntryState.PENDING)
            self.log.append(Kind.TAKE_IN, number, entry.title, by)
            self.put(entry)
        return entry

    def approve(
        self,
        number: int,
        reason: str,
        by: str = COMMAND_LINE,
        *,
        ai_labelled: bool = False,
        seen: EntryState | None = None,
    ) -> Entry:
        """Make it public and votable; a withdrawn one is restored.

        `ai_labelled`: whoever approves has seen the AI label in the video. Raises LabelUnconfirmed
        for an AI entry that nobody has looked at so, and AlreadyDecided when its state is no
        longer the one that was `seen`.
        """
        with changing(self.client):
            entry = self._still(number, seen)
            if entry.ai and not (entry.ai_labelled or ai_labelled):
                raise LabelUnconfirmed(number)
            withdrawn = entry.state is EntryState.WITHDRAWN
            entry = replace(
                entry,
                state=EntryState.APPROVED,
                ai_labelled=entry.ai_labelled or (entry.ai and ai_labelled),
            )
            self.log.append(Kind.RESTORE if withdrawn else Kind.APPROVE, number, reason, by)
            self.put(entry)
            for shard in range(self.shards):
                self.client.hset(keys.RULES(shard=shard), str(number), 1)
        return entry

    def withdraw(
        self, number: int, reason: str, by: str = COMMAND_LINE, *, seen: EntryState | None = None
    ) -> Entry:
        """Take it from the public; once this returns no vote for it is accepted anywhere."""
        return self._close(number, EntryState.WITHDRAWN, Kind.WITHDRAW, reason, by, seen)

    def refuse(
        self, number: int, reason: str, by: str = COMMAND_LINE, *, seen: EntryState | None = None
    ) -> Entry:
        """Decide that a submission isn't shown; it may still be approved later."""
        return self._close(number, EntryState.REFUSED, Kind.REFUSE, reason, by, seen)

    def correct(
        self,
        number: int,
        reason: str,
        by: str = COMMAND_LINE,
        *,
        title: str | None = None,
        category: str | None = None,
    ) -> Entry:
        """Set title or category right. The category of a public entry stays (AlreadyDecided)."""
        with changing(self.client):
            entry = self._still(number, None)
            changed = replace(
                entry, title=title or entry.title, category=category or entry.category
            )
            if changed.category != entry.category and entry.state is EntryState.APPROVED:
                raise AlreadyDecided(entry)
            if changed != entry:
                self.log.append(Kind.CORRECT, number, _difference(entry, changed, reason), by)
                self.put(changed)
        return changed

    def _close(
        self,
        number: int,
        state: EntryState,
        kind: Kind,
        reason: str,
        by: str,
        seen: EntryState | None,
    ) -> Entry:
        with changing(self.client):
            entry = self._still(number, seen)
            self.log.append(kind, number, reason, by)
            for shard in range(self.shards):
                self.client.hdel(keys.RULES(shard=shard), str(number))
            entry = replace(entry, state=state)
            self.put(entry)
        return entry

    def _still(self, number: int, seen: EntryState | None) -> Entry:
        entry = self.of(number)
        if seen is not None and entry.state is not seen:
            raise AlreadyDecided(entry)
        return entry

    def put(self, entry: Entry) -> None:
        """Only while `changing`, and after the log was told."""
        self.client.hset(keys.ENTRIES(), entry.number, write_entry(entry))
        self.client.hincrby(keys.CONTEST(), "catalogue", 1)


def _same_video(one: Entry, other: Entry) -> bool:
    """The same file, or the same pictures in another container."""
    content = one.content_sha256
    return one.video_sha256 == other.video_sha256 or content == other.content_sha256 != ""


def write_entry(entry: Entry) -> str:
    return json.dumps(asdict(entry), ensure_ascii=False)


def read_entry(text: bytes | str) -> Entry:
    fields = json.loads(text)
    fields |= {"state": EntryState(fields["state"])}
    fields |= {name: tuple(fields.get(name, ())) for name in ("doubts", "notes")}
    return Entry(**fields)


def _difference(before: Entry, after: Entry, reason: str) -> str:
    """`题目：“旧”→“新”。理由`: what changed must be told, for the entry holds only the new."""
    changes = {"题目": (before.title, after.title), "类别": (before.category, after.category)}
    told = [f"{name}：“{old}”→“{new}”" for name, (old, new) in changes.items() if old != new]
    return "；".join((*told, reason))
