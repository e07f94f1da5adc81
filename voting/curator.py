"""Who is shown: approving, refusing, correcting, withdrawing, restoring, with all that hangs on it.

The store decides; around it files come and go in an order that never leaves a public page without
its media, nor a withdrawn entry with any: media first, then the approval; the vote stops first,
then everything public goes. The worker's `reconcile` finishes what a crash left half-done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voting.contest import Entry, EntryState
from voting.shelf import Shelf
from voting.store import Store
from voting.store.log import COMMAND_LINE, OF_ENTRIES, Act


class MediaMissing(Exception):  # noqa: N818 the plain word
    """The entry's video and covers aren't on the disk, so it can't be shown."""


@dataclass(frozen=True, slots=True)
class Curator:
    """`posters` is the folder under which drawn posters lie, each named `<number>-….jpg`."""

    store: Store
    shelf: Shelf
    posters: Path

    def approve(
        self,
        number: int,
        reason: str,
        by: str = COMMAND_LINE,
        *,
        ai_labelled: bool = False,
        seen: EntryState | None = None,
    ) -> Entry:
        """Make it public and votable; a withdrawn one is restored, with all the votes it had.

        Raises MediaMissing, NoSuchEntry, and what `Entries.approve` raises; then it isn't public.
        """
        media = self.store.entries.of(number).media
        try:
            self.shelf.put_out(media)
        except FileNotFoundError as error:
            raise MediaMissing(number) from error
        try:
            return self.store.entries.approve(
                number, reason, by, ai_labelled=ai_labelled, seen=seen
            )
        except Exception:  # raised again below
            if self.store.entries.of(number).state is not EntryState.APPROVED:
                self.shelf.take_away(media)
            raise

    def refuse(
        self, number: int, reason: str, by: str = COMMAND_LINE, *, seen: EntryState | None = None
    ) -> Entry:
        """Decide that it isn't shown; it may still be approved later."""
        return self._close(self.store.entries.refuse, number, reason, by, seen)

    def withdraw(
        self, number: int, reason: str, by: str = COMMAND_LINE, *, seen: EntryState | None = None
    ) -> Entry:
        """Take it from the public. Its votes stay in the ledger, the next in rank moves up.

        Once this returns no vote for it is accepted, and no address of the site gives its media.
        """
        return self._close(self.store.entries.withdraw, number, reason, by, seen)

    def correct(
        self,
        number: int,
        reason: str,
        by: str = COMMAND_LINE,
        *,
        title: str | None = None,
        category: str | None = None,
    ) -> Entry:
        """Set title or category right; posters with the old words go."""
        entry = self.store.entries.correct(number, reason, by, title=title, category=category)
        self._drop_posters(number)
        return entry

    def history(self, number: int) -> list[Act]:
        """What was done to it, oldest first."""
        return [
            act
            for act in self.store.log.all()
            if act.subject == str(number) and act.kind in OF_ENTRIES
        ]

    def _close(
        self,
        close: Callable[..., Entry],
        number: int,
        reason: str,
        by: str,
        seen: EntryState | None,
    ) -> Entry:
        entry = close(number, reason, by, seen=seen)
        self.shelf.take_away(entry.media)
        self._drop_posters(number)
        return entry

    def _drop_posters(self, number: int) -> None:
        for poster in self.posters.rglob(f"{number}-*"):
            poster.unlink(missing_ok=True)
