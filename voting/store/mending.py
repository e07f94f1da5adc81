"""Finishing what a process that died in the middle of a change has left half-done.

The log comes first in every change, and a change holds the lock until it is whole. So whoever holds
the lock and finds store and log apart finds a change that was cut off, and the log says which.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from voting.contest import Entry, EntryState
from voting.store.batches import Batches
from voting.store.client import changing
from voting.store.entries import Entries
from voting.store.log import SITE, Kind, Log
from voting.store.networks import Networks
from voting.store.rules import Pauser, RulesInForce

STATE_AFTER: Final = {
    Kind.APPROVE: EntryState.APPROVED,
    Kind.RESTORE: EntryState.APPROVED,
    Kind.WITHDRAW: EntryState.WITHDRAWN,
    Kind.REFUSE: EntryState.REFUSED,
}


class Mending:
    def __init__(
        self,
        entries: Entries,
        rules: RulesInForce,
        networks: Networks,
        batches: Batches,
        log: Log,
    ) -> None:
        self.entries, self.rules, self.log = entries, rules, log
        self.networks, self.batches = networks, batches
        self._whole_to = 0

    def mend(self) -> None:
        """Finish what was cut off; looks only when the log has grown since the last time."""
        last = self.log.last()
        if last is None or last.n == self._whole_to:
            return
        with changing(self.entries.client):
            self.finish()
        self._whole_to = last.n

    def finish(self) -> None:
        """Only under the lock: finish what was cut off."""
        states: dict[int, EntryState] = {}
        paused_by: Pauser | None = None
        for act in self.log.decisions():
            if act.kind in STATE_AFTER:
                states[int(act.subject)] = STATE_AFTER[act.kind]
            elif act.kind is Kind.PAUSE:
                paused_by = Pauser.DISK_GUARD if act.by == SITE else Pauser.ORGANIZER
            elif act.kind is Kind.RESUME:
                paused_by = None
        for number, entry in self.entries.all().items():
            if entry.state is not states.get(number, entry.state):
                self.entries.put(_as_decided(entry, states[number]))
        approved = {
            str(number).encode()
            for number, entry in self.entries.all().items()
            if entry.state is EntryState.APPROVED
        }
        self.rules.write_out(self.rules.versions()[-1], paused_by, approved)
        self.networks.mend()
        self.batches.mend()


def _as_decided(entry: Entry, state: EntryState) -> Entry:
    """An AI entry that was approved had its label confirmed, else it wouldn't have been."""
    labelled = entry.ai_labelled or (entry.ai and state is EntryState.APPROVED)
    return replace(entry, state=state, ai_labelled=labelled)
