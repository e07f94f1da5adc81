"""Who came back from WeChat a moment ago. Some phones open the way back twice: its code is good
once, and what the phone shows is the second answer.
"""

from __future__ import annotations

from contextlib import suppress

from voting.store import keys
from voting.store.client import Client, StoreDown, reachable

KEPT_S = 60


class Returns:
    """In the throttle store, which may vanish: then whoever came back twice taps once more.

    `journey` names one way there and back, and can't be guessed.
    """

    def __init__(self, client: Client, contest_id: str) -> None:
        self.client, self.contest = client, contest_id

    def remember(self, journey: str, pass_token: str) -> None:
        with suppress(StoreDown), reachable():
            self.client.set(self._key(journey), pass_token, ex=KEPT_S)

    def recall(self, journey: str) -> str | None:
        """The pass that this journey ended with, if it did within a minute."""
        with suppress(StoreDown), reachable():
            value = self.client.get(self._key(journey))
            return None if value is None else str(value.decode())
        return None

    def _key(self, journey: str) -> str:
        return keys.CAME_BACK(contest=self.contest, journey=journey)
