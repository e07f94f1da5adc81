"""What the official account is lent by WeChat for two hours: its access token and its ticket.

They live in the throttle store as long as WeChat said, so whatever is there is good. One worker
renews them; pages only read.
"""

from __future__ import annotations

from typing import Final

from voting.store import keys
from voting.store.client import Client, reachable

#: The ticket is renewed when it has less than this left: a failure may take that long to mend.
EARLY_MS: Final = 10 * 60 * 1000
#: A token that is about to end isn't worth a call with it.
TOKEN_MARGIN_MS: Final = 60 * 1000
#: Between two tries, whoever makes them and however they end: WeChat counts calls.
PAUSE_S: Final = 30


class Tickets:
    """Of one official account; every call raises StoreDown."""

    def __init__(self, client: Client, contest_id: str) -> None:
        self.client, self.contest = client, contest_id

    def ticket(self, app_id: str) -> str | None:
        """What pages are signed with, if there is one."""
        return self._read(keys.TICKET(contest=self.contest, app=app_id))

    def token(self, app_id: str) -> str | None:
        """The account's access token, if there is one with a while to live."""
        key = keys.TOKEN(contest=self.contest, app=app_id)
        with reachable():
            left_ms = self.client.pttl(key)
        return self._read(key) if left_ms > TOKEN_MARGIN_MS else None

    def try_now(self, app_id: str) -> bool:
        """Whether the ticket is to be renewed now, and by the caller alone."""
        with reachable():
            if self.client.pttl(keys.TICKET(contest=self.contest, app=app_id)) > EARLY_MS:
                return False
            lock = keys.TICKET_LOCK(contest=self.contest, app=app_id)
            return bool(self.client.set(lock, 1, nx=True, ex=PAUSE_S))

    def keep_ticket(self, app_id: str, ticket: str, lives_s: int) -> None:
        self._keep(keys.TICKET(contest=self.contest, app=app_id), ticket, lives_s)

    def keep_token(self, app_id: str, token: str, lives_s: int) -> None:
        self._keep(keys.TOKEN(contest=self.contest, app=app_id), token, lives_s)

    def _keep(self, key: str, value: str, lives_s: int) -> None:
        with reachable():
            self.client.set(key, value, ex=lives_s)

    def _read(self, key: str) -> str | None:
        with reachable():
            value = self.client.get(key)
        return None if value is None else str(value.decode())
