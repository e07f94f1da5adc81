"""What is periodic or long and must never sit in a vote's way. The vote goes on without it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable

from voting.contest import EntryState
from voting.settings import Settings
from voting.shelf import Shelf
from voting.store import Store
from voting.store.client import StoreDown
from voting.store.rules import Pauser
from voting.store.standings import Board

log = logging.getLogger(__name__)

EVERY_S = 2.0
#: Below the floor the vote pauses, because a store that meets a full disk stops; it goes on when
#: there is clearly more room again.
DISK_FLOOR = 100 * 1024 * 1024
DISK_ENOUGH = 2 * DISK_FLOOR
#: Media are put out just before their entry is approved, so younger ones are nobody's leftovers.
LEFTOVER_S = 60.0


def work(store: Store, settings: Settings, sleep: Callable[[float], None]) -> None:
    """Do everything that is due, for ever."""
    shelf = Shelf(settings.media_dir, settings.public_dir)
    while True:
        try:
            board = store.boards.current()
            guard_disk(store, shutil.disk_usage(settings.data_dir).free)
            reconcile(store, board, shelf)
        except (StoreDown, OSError) as error:
            log.warning("worker: %s", error)
        sleep(EVERY_S)


def guard_disk(store: Store, free: int) -> None:
    """Pause the vote while the disk is nearly full, and go on afterwards. `free` in bytes."""
    paused_by = store.rules.paused_by()  # looked at first, because a change takes a lock
    if free < DISK_FLOOR and paused_by is None:
        store.rules.pause(f"磁盘只剩 {free // 2**20} MB，自动暂停", Pauser.DISK_GUARD)
    elif free > DISK_ENOUGH and paused_by is Pauser.DISK_GUARD:
        store.rules.resume("磁盘空间恢复，自动继续", Pauser.DISK_GUARD)


def reconcile(store: Store, board: Board, shelf: Shelf) -> None:
    """Make public what is approved and nothing else, should a command have died half-way."""
    expected = {entry.media for entry in board.entries.values()} & shelf.kept()
    if board.stale or shelf.out() == expected:
        return
    # A board may be a moment old, so the store is asked before anything is done.
    approved = _approved_media(store)
    for name in shelf.out(LEFTOVER_S) - approved:
        shelf.take_away(name)
    missing = (approved & shelf.kept()) - shelf.out()
    for name in missing:
        shelf.put_out(name)
    for name in missing - _approved_media(store):  # withdrawn meanwhile, and not there to take away
        shelf.take_away(name)


def _approved_media(store: Store) -> set[str]:
    entries = store.entries.all()
    if not entries:
        raise StoreDown("there are public media, but no entries in the store")
    return {entry.media for entry in entries.values() if entry.state is EntryState.APPROVED}
