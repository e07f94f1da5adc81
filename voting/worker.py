"""What is periodic or long and must never sit in a vote's way. The vote goes on without it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable

from voting.settings import Settings
from voting.store import Store
from voting.store.client import StoreDown
from voting.store.rules import Pauser

log = logging.getLogger(__name__)

EVERY_S = 2.0
#: Below the floor the vote pauses, because a store that meets a full disk stops; it goes on when
#: there is clearly more room again.
DISK_FLOOR = 100 * 1024 * 1024
DISK_ENOUGH = 2 * DISK_FLOOR


def work(store: Store, settings: Settings, sleep: Callable[[float], None]) -> None:
    """Do everything that is due, for ever."""
    while True:
        try:
            store.boards.current()
            guard_disk(store, shutil.disk_usage(settings.data_dir).free)
        except (StoreDown, OSError) as error:
            log.warning("worker: %s", error)
        sleep(EVERY_S)


def guard_disk(store: Store, free: int) -> None:
    """Pause the vote while the disk is nearly full, and go on afterwards. `free` in bytes."""
    if free < DISK_FLOOR:
        store.rules.pause(f"磁盘只剩 {free // 2**20} MB，自动暂停", Pauser.DISK_GUARD)
    elif free > DISK_ENOUGH:
        store.rules.resume("磁盘空间恢复，自动继续", Pauser.DISK_GUARD)
