"""Which reviewer is looking at which submission. Politeness only: a decision is never held up."""

from __future__ import annotations

from voting.store import keys
from voting.store.client import Client, StoreDown, reachable

HELD_S = 5 * 60


class Claims:
    """In the throttle store, which may vanish: then nobody seems to be looking at anything."""

    def __init__(self, client: Client, contest_id: str) -> None:
        self.client, self.contest = client, contest_id

    def take(self, number: int, name: str) -> str | None:
        """Claim a submission for five minutes more; the name of whoever else holds it, or None."""
        key = keys.CLAIM(contest=self.contest, number=number)
        try:
            with reachable():
                if self.client.set(key, name, nx=True, ex=HELD_S):
                    return None
                holder = self.client.get(key)
                if holder is None or holder.decode() == name:
                    self.client.set(key, name, ex=HELD_S)
                    return None
        except StoreDown:
            return None
        return str(holder.decode())

    def release(self, number: int, name: str) -> None:
        """Give a submission back, if it is `name`'s."""
        key = keys.CLAIM(contest=self.contest, number=number)
        try:
            with reachable():
                holder = self.client.get(key)
                if holder is not None and holder.decode() == name:
                    self.client.delete(key)
        except StoreDown:
            pass
