"""What all detectors stand on: the votes, what is natural among them, and what would matter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from voting.scrutiny.crowds import Crowd, crowds
from voting.scrutiny.measures import SMALLEST, Nature, Pairs, nature, rarity_of
from voting.scrutiny.passers import Features, passers, usual
from voting.scrutiny.patterns import is_alone
from voting.scrutiny.votes import Floats, Mask, Votes

#: Nobody is accused for what couldn't matter: fewer votes than a twentieth of the last winner's.
MATTERS: Final = 0.05
FEWEST: Final = 40


@dataclass(frozen=True)
class Ground:
    """What all detectors stand on. `least`: fewer votes don't matter; `networks`: with entries."""

    votes: Votes
    networks: Pairs
    agents: Pairs
    clean: Mask
    nature: Nature
    rarity: Floats
    winners: int
    least: float
    usual_networks: float

    @classmethod
    def of(cls, votes: Votes, winners: int) -> Ground:
        networks, agents = Pairs.by(votes.net, votes), Pairs.by(votes.ua, votes)
        rarity = rarity_of(votes, agents)
        inside = np.bincount(votes.entry, passers(votes), len(votes.entries)).astype(np.int64)
        clean = usual(inside, votes.per_entry).clean
        ranked = np.sort(votes.per_entry)[::-1]
        last = float(ranked[min(winners, len(ranked)) - 1])
        return cls(
            votes=votes,
            networks=networks,
            agents=agents,
            clean=clean,
            nature=nature(votes, networks, rarity, clean),
            rarity=rarity,
            winners=winners,
            least=max(FEWEST, MATTERS * last),
            usual_networks=_usual_networks(votes, networks, clean),
        )

    @cached_property
    def alone(self) -> Mask:
        """For each vote, whether its network votes for hardly anything else than its entry."""
        return is_alone(self.votes, self.networks)

    @cached_property
    def features(self) -> Features:
        return Features.of(self.votes, self.networks, self.agents)

    @cached_property
    def crowds(self) -> tuple[Crowd, ...]:
        return tuple(crowds(self.votes, self.least))


def _usual_networks(votes: Votes, networks: Pairs, clean: Mask) -> float:
    """The effective number of networks that the usual entry's votes come from."""
    size, cast = networks.size, votes.per_entry
    meetings = np.bincount(networks.entry, size * (size - 1.0), len(cast))
    large = clean & (cast >= SMALLEST)
    found = cast[large] * (cast[large] - 1.0) / np.maximum(meetings[large], 1)
    return float(np.median(found)) if len(found) else 1.0
