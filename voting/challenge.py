"""The challenge: a little work for a browser whose network sends in many newcomers.

ALTCHA's protocol (altcha.org): find the counter whose SHA-256, with nonce and salt, begins as the
challenge says. The counter was drawn here, so that the work is bounded and checking it is one
hash; the challenge is signed and names the view that it was made for, so nothing is stored.

It buys time, not truth: a script solves it as well as a phone does, and ten times as fast.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any, Final

import altcha

from voting.voter import View

#: A solution that comes later is worthless: they can't be laid in for the last evening.
LIVES_S: Final = 10 * 60


class Challenges:
    """Makes and checks the challenges of one contest. `work` is how many hashes one takes on
    average; it may be twice as many."""

    def __init__(self, signing: bytes, contest_id: str, work: int) -> None:
        self._key = hmac.digest(signing, b"challenge:" + contest_id.encode(), "sha256")
        self.work = work

    def make(self, view: View, now_ms: int) -> dict[str, Any]:
        """A challenge for whoever holds this view, each time another; as JSON has it.

        `data.most` is how far a solver may have to count.
        """
        challenge = altcha.create_challenge(
            "SHA-256",
            1,
            counter=secrets.randbelow(2 * self.work),
            expires_at=now_ms // 1000 + LIVES_S,
            data={"view": view.id.hex(), "most": 2 * self.work},
            hmac_secret=self._key,
        )
        return challenge.to_dict()

    def is_solved(self, solution: str, view: View) -> bool:
        """Whether this is ALTCHA's payload (base64) that solves a challenge which this site made
        for this view within the last minutes. The same solution again is as good as before."""
        try:
            payload = altcha.Payload.from_base64(solution)
            found = altcha.verify_solution(payload, self._key)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False  # whatever a stranger may send
        bound = payload.challenge.parameters.data or {}
        return found.verified and bound.get("view") == view.id.hex()
