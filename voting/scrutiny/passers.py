"""Voters without an account who came once, and the entries that have far too many of them.

Every entry has some: nearly the same share everywhere, because people lose cookies and use
browsers everywhere. A script that throws its cookie away after each vote has nothing else. An
entry's excess is measured against all other entries; which of its passers are the excess is
estimated as a mixture: people as they pass elsewhere, and whatever is here besides.

The honest thing that looks most like it is a crowd from a place where nobody is signed in: a
broadcast that is watched in a browser, a classroom with tablets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from voting.scrutiny.measures import NIGHT, Pairs
from voting.scrutiny.votes import Floats, Ints, Longs, Mask, Votes

#: An entry with fewer votes says nothing about what is usual.
ENOUGH: Final = 100
#: So many standard deviations between entries: far outside whatever entries differ by.
FAR: Final = 4.0
CLEAR: Final = 2.0
#: Of the honest votes of an entry, so many may be named by mistake, as measured on other entries.
MISTAKEN: Final = 0.001
#: Among the named, at most one in ten may be as likely honest.
LIKELY: Final = 9.0
ROUNDS: Final = 80
#: Twice that per doubling of the seconds on the page.
DWELLS, WATCHED, AGENTS, COMPANY, KNOWN = 14, 6, 16, 6, 4
SIZES: Final = (DWELLS, WATCHED, AGENTS, COMPANY, KNOWN, 2, 2)

Bytes = NDArray[np.int8]
Count = Longs | Floats | float


@dataclass(frozen=True)
class Excess:
    """An entry's surplus of one kind of voters.

    Of `votes` there are `inside` of this kind, `share` ± `spread` of them is usual; `surplus` is
    what is over, `low` to `high`; `distance` in standard deviations between entries. `lasting` is
    left of the surplus without its two largest days, `days` is how many have one. `named`: indices
    of the votes that the mixture takes for the surplus.
    """

    entry: int
    votes: int
    inside: int
    share: float
    spread: float
    surplus: float
    low: float
    high: float
    distance: float
    lasting: float
    days: int
    named: Longs


@dataclass(frozen=True)
class Usual:
    """What share of an entry's votes is usually of this kind, and which entries are usual."""

    share: float
    spread: float
    distance: Floats
    clean: Mask

    @property
    def rest(self) -> float:
        """The share of all others, above 0."""
        return max(1 - self.share, 1e-9)

    def over(self, inside: Count, votes: Count) -> Floats:
        """How many of the kind are over what is usual beside so many others."""
        return np.asarray((inside - self.share * votes) / self.rest)


def passers(votes: Votes) -> Mask:
    found: Mask = votes.device & (votes.votes_of_voter == 1)
    return found


def usual(inside: Longs, votes: Longs) -> Usual:
    """`inside` of each entry's `votes` are of the kind. Robust: the entries far out are left out
    and the rest is looked at again."""
    clean = votes >= min(ENOUGH, np.sort(votes)[len(votes) // 2])
    share = inside / np.maximum(votes, 1)
    for _ in range(3):
        middle = float(np.median(share[clean]))
        chance = middle * (1 - middle) / np.maximum(votes, 1)
        seen = (1.4826 * float(np.median(np.abs(share[clean] - middle)))) ** 2
        between = max(seen - float(np.median(chance[clean])), (0.1 * middle) ** 2, 1e-6)
        distance = (share - middle) / np.sqrt(between + chance)
        clean = clean & (distance < FAR)
    return Usual(middle, between**0.5, distance, distance < FAR)


def excesses(votes: Votes, features: Features, kind: Mask, least: float) -> Iterator[Excess]:
    """The entries with more than `least` votes too many of a `kind`, and which they are."""
    total, inside = votes.per_entry, np.bincount(votes.entry, kind, len(votes.entries))
    norm = usual(inside.astype(np.int64), total)
    surplus = norm.over(inside, total)
    far = np.flatnonzero((norm.distance > FAR) & (surplus > least))
    if not len(far):
        return
    mixture = Mixture.of(votes, features, kind, norm.clean)
    for entry in far:
        slack = 2 * norm.spread * total[entry] / norm.rest
        lasting, days = _lasting(votes, kind, int(entry), norm)
        yield Excess(
            entry=int(entry),
            votes=int(total[entry]),
            inside=int(inside[entry]),
            share=norm.share,
            spread=norm.spread,
            surplus=float(surplus[entry]),
            low=max(float(surplus[entry] - slack), 0.0),
            high=min(float(surplus[entry] + slack), float(inside[entry])),
            distance=float(norm.distance[entry]),
            lasting=lasting,
            days=days,
            named=mixture.name(
                mixture.entry == entry, float(surplus[entry]), float(total[entry] - surplus[entry])
            ),
        )


@dataclass(frozen=True)
class Beside:
    """Voters with an account who came again and again for one entry only: how many votes, and how
    many more than usual beside everything else that the entry has."""

    votes: int
    surplus: float
    slack: float


def beside(votes: Votes, excess: Excess) -> Beside:
    """Who else came only for an entry that has too many passers: a drip has some accounts too."""
    kind = ~votes.device & votes.of_one_entry & (votes.votes_of_voter > 1)
    total = votes.per_entry.astype(float)
    total[excess.entry] -= excess.surplus
    inside = np.bincount(votes.entry, kind, len(total))
    norm = usual(inside.astype(np.int64), np.maximum(total, 1).astype(np.int64))
    mine = float(total[excess.entry])
    surplus = float(norm.over(inside[excess.entry], mine))
    if norm.distance[excess.entry] < CLEAR or surplus <= 0:
        return Beside(0, 0.0, 0.0)
    slack = 2 * norm.spread * mine / norm.rest
    return Beside(int(inside[excess.entry]), surplus, slack)


def _lasting(votes: Votes, kind: Mask, entry: int, norm: Usual) -> tuple[float, int]:
    """What is left of the surplus without the two days that have most of it, and on how many days
    there is a clear one: a drip lasts, a crowd comes and goes."""
    here = votes.entry == entry
    day = votes.day[here] - votes.day.min()
    cast, of_kind = np.bincount(day), np.bincount(day, kind[here])
    surplus = np.sort(norm.over(of_kind, cast))[::-1]
    allowed = FAR * np.sqrt(norm.share * np.maximum(cast, 1)) + FAR * norm.spread * cast
    days = int((of_kind - norm.share * cast > allowed).sum())
    return float(surplus[2:].sum()), days


@dataclass(frozen=True)
class Mixture:
    """The votes of one kind, by what doesn't depend on where and when people came from.

    `at`: their indices. `look`: the number of each one's combination of features. `features`: each
    combination's codes, one array a feature; `usual`: how common each code is at the entries that
    are usual.
    """

    at: Longs
    entry: Ints
    clean: Mask
    look: Ints
    features: tuple[Ints, ...]
    usual: tuple[Floats, ...]

    @classmethod
    def of(cls, votes: Votes, features: Features, kind: Mask, clean: Mask) -> Mixture:
        at = np.flatnonzero(kind)
        entry = votes.entry[at]
        honest = clean[entry]
        number = np.ravel_multi_index(tuple(features.of_kind(votes, at, honest)), SIZES)
        there, look = np.unique(number, return_inverse=True)
        codes = tuple(code.astype(np.int32) for code in np.unravel_index(there, SIZES))
        seen = np.bincount(look[honest], minlength=len(there))
        common = tuple(
            _shares(np.bincount(code, seen, size).astype(float))
            for code, size in zip(codes, SIZES, strict=True)
        )
        return cls(at, entry, honest, look.astype(np.int32), codes, common)

    def name(self, here: Mask, surplus: float, honest_votes: float) -> Longs:
        """Which of the votes `here` are the surplus: as many as can be told apart while, going by
        the other entries, at most MISTAKEN of the entry's `honest_votes` are among them."""
        count = int(here.sum())
        strange = self._strange(here, min(max(surplus / count, 0.05), 0.98))
        odds, elsewhere = strange[self.look[here]], strange[self.look[self.clean & ~here]]
        honest = max(count - surplus, 1.0)
        allowed = MISTAKEN * max(honest_votes, 1.0) / honest
        bound = np.log(LIKELY * honest / max(surplus, 1.0))
        if allowed < 1 and len(elsewhere):
            bound = max(bound, float(np.quantile(elsewhere, 1 - allowed)))
        found: Longs = self.at[here][odds > bound]
        return found

    def _strange(self, here: Mask, share: float) -> Floats:
        """For every combination, ln of how much likelier it is as one of the surplus `here`."""
        seen = np.bincount(self.look[here], minlength=len(self.features[0]))
        some = np.flatnonzero(seen)
        seen, codes = seen[some], [feature[some] for feature in self.features]
        base = _sum_of_logs(self.usual, codes)
        posterior = _first_guess(codes, seen, self.usual, share)
        for _ in range(ROUNDS):
            found = [
                _shares(np.bincount(code, posterior * seen, len(usual)) + 3 * usual, 0.0)
                for code, usual in zip(codes, self.usual, strict=True)
            ]
            odds = np.log(share / (1 - share)) + _sum_of_logs(found, codes) - base
            last, posterior = posterior, 1 / (1 + np.exp(-np.clip(odds, -50, 50)))
            share = float(np.clip((posterior * seen).sum() / seen.sum(), 1e-3, 0.999))
            if np.abs(posterior - last).max() < 1e-4:
                break
        return _sum_of_logs(found, self.features) - _sum_of_logs(self.usual, self.features)


def _sum_of_logs(shares: Sequence[Floats], codes: Sequence[Ints]) -> Floats:
    found: Floats = np.sum(
        [np.log(share)[code] for share, code in zip(shares, codes, strict=True)], axis=0
    )
    return found


def _first_guess(codes: list[Ints], seen: Longs, usual: tuple[Floats, ...], share: float) -> Floats:
    odds = np.zeros(len(seen))
    for code, common in zip(codes, usual, strict=True):
        here = np.bincount(code, seen, len(common)) / seen.sum()
        odds += np.log(np.maximum(here[code], 1e-6) / common[code])
    guess: Floats = min(1.0, 2 * share) / (1 + np.exp(-np.clip(odds, -8, 8)))
    return guess


def _shares(counts: Floats, more: float = 1.0) -> Floats:
    """Counts as shares; `more` is added to each, because what wasn't seen isn't impossible."""
    found: Floats = (counts + more) / (counts + more).sum()
    return found


@dataclass(frozen=True)
class Features:
    """What doesn't depend on the kind of a vote: codes of its time on the page, the part watched,
    whether the network votes for anything else, night, and whether it came by a link."""

    dwell: Bytes
    watched: Bytes
    known: Bytes
    night: Mask
    link: Mask
    addresses: Pairs
    agents: Pairs

    @classmethod
    def of(cls, votes: Votes, networks: Pairs, agents: Pairs) -> Features:
        dwell = np.floor(np.log2(np.maximum(votes.dwell_s, 0.25)) * 2 + 2)
        part = np.floor(votes.watched_s / np.maximum(votes.dwell_s, 0.1) * 4) + 1
        elsewhere = networks.elsewhere
        apart = elsewhere / np.maximum(elsewhere + networks.size, 1)
        known = np.select([apart == 0, apart < 0.3, apart < 0.8], [0, 1, 2], KNOWN - 1)
        return cls(
            dwell=np.clip(dwell, 0, DWELLS - 1).astype(np.int8),
            watched=np.where(votes.watched_s <= 0, 0, np.clip(part, 1, WATCHED - 1)).astype(
                np.int8
            ),
            known=known.astype(np.int8)[networks.of],
            night=(votes.hour >= NIGHT[0]) & (votes.hour < NIGHT[1]),
            link=votes.share >= 0,
            addresses=Pairs.by(votes.ip, votes),
            agents=agents,
        )

    def of_kind(self, votes: Votes, at: Longs, honest: Mask) -> Iterator[Bytes | Mask]:
        """One array a feature, of the votes `at`, which are all of one kind; the `honest` of them
        tell what is common. In the order of SIZES."""
        yield from (self.dwell[at], self.watched[at])
        yield _agent(votes, self.agents, at, honest)
        yield _company(self.addresses, at)
        yield from (self.known[at], self.night[at], self.link[at])


def _agent(votes: Votes, agents: Pairs, at: Longs, honest: Mask) -> Bytes:
    """-log2 of how common the browser is among the honest of other entries; the last code for one
    that isn't there at all."""
    pair, entry = agents.of[at], votes.entry[at]
    own = np.bincount(pair[honest], minlength=len(agents.size))
    elsewhere = np.bincount(agents.code, own)[agents.code] - own
    others = honest.sum() - np.bincount(entry[honest], minlength=len(votes.entries))[agents.entry]
    rarity = -np.log2(np.maximum(elsewhere, 0.5) / np.maximum(others, 1))
    known = np.clip(np.floor(rarity), 0, AGENTS - 2)
    return np.where(elsewhere <= 0, AGENTS - 1, known).astype(np.int8)[pair]


def _company(addresses: Pairs, at: Longs) -> Bytes:
    """Who else votes for the entry from the address: nobody, somebody of another kind, or how many
    of this one."""
    pair = addresses.of[at]
    same = np.bincount(pair, minlength=len(addresses.size))
    mates, others = same - 1, addresses.size - same
    company = [(mates <= 0), others > 0, mates == 1, mates <= 3, mates <= 20]
    return np.select(company, [0, 1, 2, 3, 4], 5).astype(np.int8)[pair]
