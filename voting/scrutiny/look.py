"""One look at the whole ledger: candidates, what speaks against them, cases, and what they change."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from voting.case import PATTERN_WORDS, Case, Effect, Evidence, Finding, Pattern, Run, Sign
from voting.scrutiny.crowds import Crowd, crowds, evenness, is_even, once
from voting.scrutiny.lockstep import AT_ONCE, Troop, paces, troops, with_covers
from voting.scrutiny.measures import SMALLEST, Nature, nature, rarity_of
from voting.scrutiny.passers import MISTAKEN, Excess, Mixture, beside, excesses, passers, usual
from voting.scrutiny.patterns import pattern_of_passers, pattern_of_troop
from voting.scrutiny.traits import (
    BROADCAST,
    Scene,
    Trait,
    best_explanation,
    effective,
    log10_of_normal,
    of_measures,
    scene_of,
    speaks,
)  # fmt: skip
from voting.scrutiny.votes import DAY_MS, MINUTE_MS, Floats, Ints, Longs, Mask, Votes

#: Nobody is accused for what couldn't matter: fewer votes than a twentieth of the last winner's.
MATTERS: Final = 0.05
FEWEST: Final = 40
#: As many cases as people can decide about.
MOST_CASES: Final = 30
MOST_SURGES: Final = 3
#: Visits are even when they lie so many standard errors beyond those of a crowd that was told, and
#: those to each single entry do clearly.
EVEN: Final = 3.0
FEWEST_VISITS: Final = 3
CLEARLY: Final = 1.5
#: How far the votes of one visit lie from its middle, as parts of its time: those of an even one.
WITHIN_A_VISIT: Final = 12**-0.5
#: What a flagged vote scores, and what at most one does that isn't.
FLAGGED: Final = 0.9
UNFLAGGED: Final = 0.45


@dataclass(frozen=True)
class Suspect:
    """A case and the votes it is about (indices, none where nobody can say which)."""

    case: Case
    votes: Longs


@dataclass(frozen=True)
class Flags:
    """A number for each vote in the order of the ledger, 0.5 and over is a flag, and why."""

    score: Floats
    reason: list[str]


@dataclass(frozen=True)
class Findings:
    """What a look has found. `score`: a number a vote, 0.5 and over is a flag; `reason`: the place
    of the vote's case in `run.cases`, -1 without one; `of_case`: each case's votes. All in the
    order of `votes`; `flags` is in the ledger's."""

    votes: Votes
    run: Run
    score: Floats
    reason: Ints
    of_case: tuple[Longs, ...]

    @property
    def flags(self) -> Flags:
        words = [_reason(case) for case in self.run.cases]
        score, place = np.empty_like(self.score), np.empty_like(self.reason)
        score[self.votes.row], place[self.votes.row] = self.score, self.reason
        return Flags(score, [words[one] if one >= 0 else "" for one in place])


def _reason(case: Case) -> str:
    """What speaks against a case's votes, on one line, with its numbers."""
    words = "；".join(one.sentence for one in case.evidence)
    return f"{PATTERN_WORDS[case.pattern]}：{words}"


@dataclass(frozen=True)
class Ground:
    """What all detectors stand on."""

    votes: Votes
    clean: Mask
    nature: Nature
    rarity: Floats
    winners: int
    least: float
    usual_networks: float

    @classmethod
    def of(cls, votes: Votes, winners: int) -> Ground:
        rarity = rarity_of(votes)
        inside = np.bincount(votes.entry, passers(votes), len(votes.entries)).astype(np.int64)
        clean = usual(inside, votes.per_entry).clean
        ranked = np.sort(votes.per_entry)[::-1]
        last = float(ranked[min(winners, len(ranked)) - 1])
        return cls(
            votes=votes,
            clean=clean,
            nature=nature(votes, rarity, clean),
            rarity=rarity,
            winners=winners,
            least=max(FEWEST, MATTERS * last),
            usual_networks=_usual_networks(votes, clean),
        )


def _usual_networks(votes: Votes, clean: Mask) -> float:
    """The effective number of networks that the usual entry's votes come from."""
    entries = np.flatnonzero(clean & (votes.per_entry >= SMALLEST))
    found = [effective(votes.net[votes.entry == entry]) for entry in entries]
    return float(np.median(found)) if found else 1.0


def look(votes: Votes, winners: int = 10, at_ms: int | None = None) -> Findings:
    """Look for groups that two kinds of evidence speak against. `winners`: how many places matter.

    The same votes give the same findings, in whatever order the file had votes of one moment.
    """
    began = time.perf_counter()
    score = np.zeros(len(votes))
    found: list[Suspect] = []
    if len(votes) >= SMALLEST:
        ground = Ground.of(votes, winners)
        found = [
            *of_passers(ground, score),
            *of_troops(ground),
            *of_crowds(ground),
            *of_surges(ground),
        ]
    cases, reason = _settled(votes, winners, found, score)
    run = Run(
        at_ms=at_ms if at_ms is not None else int(votes.ts_ms.max(initial=0)),
        rows=len(votes),
        seconds=time.perf_counter() - began,
        cases=tuple(one.case for one in cases),
    )
    return Findings(votes, run, score, reason, tuple(one.votes for one in cases))


def of_passers(ground: Ground, score: Floats) -> Iterator[Suspect]:
    """Entries with far too many voters who have no account and came once, or only for them."""
    votes = ground.votes
    faithful = votes.device & votes.of_one_entry & (votes.votes_of_voter > 1)
    for kind in (passers(votes), faithful):
        for excess in excesses(votes, kind, ground.least):
            inside = np.flatnonzero(kind & (votes.entry == excess.entry))
            scene = scene_of(votes, inside, ground.usual_networks)
            traits = of_measures(votes, inside, ground.nature, ground.rarity)
            traits[Trait.PASSERS] = _too_many(excess)
            rest = max(excess.surplus - len(excess.named), 0.0) / max(excess.inside, 1)
            score[inside] = np.maximum(score[inside], UNFLAGGED * min(rest, 1.0))
            if len(excess.named) >= ground.least / 2 and speaks(traits, scene):
                pattern = pattern_of_passers(votes, excess.named, scene)
                mistaken = MISTAKEN * (excess.votes - excess.surplus)
                yield _suspect(ground, pattern, excess.named, traits, scene, mistaken)
            if excess.lasting - len(excess.named) > ground.least and excess.days > 2:
                yield _excess(ground, excess, inside, traits, scene)


def of_troops(ground: Ground) -> Iterator[Suspect]:
    """Voters who went together, again and again."""
    votes = ground.votes
    for troop in troops(votes, ground.least):
        scene = scene_of(votes, troop.votes, ground.usual_networks)
        traits = of_measures(votes, troop.votes, ground.nature, ground.rarity)
        if scene.entries > 1:
            traits[Trait.ACROSS] = _together(troop, scene)
        if even := _even(votes, troop.core):
            traits[Trait.EVEN] = even
        if speaks(traits, scene):
            pattern = pattern_of_troop(traits)
            at = with_covers(votes, troop.votes)
            yield _suspect(ground, pattern, at, traits, scene, troop.by_chance)


def of_crowds(ground: Ground) -> Iterator[Suspect]:
    """Rises that came evenly and behaved alike."""
    votes = ground.votes
    kind, mixture = once(votes), None
    for crowd in crowds(votes, ground.least):
        at = crowd.votes[kind[crowd.votes]]
        if len(at) < ground.least or not is_even(votes.ts_ms[at]):
            continue
        scene = scene_of(votes, at, ground.usual_networks)
        traits = of_measures(votes, at, ground.nature, ground.rarity)
        traits[Trait.EVEN] = _evenly(crowd, votes)
        if not speaks(traits, scene):
            continue
        mixture = mixture or Mixture.of(votes, kind, ground.clean)
        here = np.zeros(len(votes), bool)
        here[at] = True
        honest = float(votes.per_entry[crowd.entry]) - crowd.surplus
        named = mixture.name(here[mixture.at], min(crowd.surplus, 0.98 * len(at)), honest)
        if len(named) >= ground.least / 2:
            mistaken = MISTAKEN * max(honest, 0.0)
            yield _suspect(ground, Pattern.CROWD, named, traits, scene, mistaken)


def _evenly(crowd: Crowd, votes: Votes) -> Evidence:
    times = votes.ts_ms[crowd.votes]
    minutes, mean = float(np.ptp(times)) / MINUTE_MS, evenness(times)[0]
    z = (mean - AT_ONCE) * len(times) ** 0.5 / WITHIN_A_VISIT
    sentence = (
        f"{minutes:.0f} 分钟里来了 {len(crowd.votes)} 票（平时约 {crowd.expected:.0f} 票），从头到尾一样快："
        "像按单派活；得到消息自己来的人先多后少，赶截止的人先少后多"
    )
    return Evidence(Trait.EVEN.sign, mean, AT_ONCE, log10_of_normal(z), sentence)


def _too_many(excess: Excess) -> Evidence:
    expected = excess.share * (excess.votes - excess.surplus)
    sentence = (
        f"没有账号、只来过一次的投票人有 {excess.inside} 位，占 {excess.inside / excess.votes:.0%}；"
        f"其他作品都在 {excess.share:.0%} 上下（±{2 * excess.spread:.1%}），这里本该有约 {expected:.0f} 位"
    )
    chance = log10_of_normal(excess.distance)
    return Evidence(Trait.PASSERS.sign, excess.inside, expected, chance, sentence)


def _together(troop: Troop, scene: Scene) -> Evidence:
    sentence = (
        f"{troop.voters} 位投票人在 {troop.cells} 个半小时里一再同时出现，前后投了 {scene.entries} 件作品："
        f"同场 {troop.met:.0f} 人次，偶然只会有 {troop.expected:.0f} 人次"
    )
    chance = max(troop.log10_p, -9999.0)
    return Evidence(Trait.ACROSS.sign, troop.met, troop.expected, chance, sentence)


def _even(votes: Votes, at: Longs) -> Evidence | None:
    """Whether the group comes evenly to each of its entries: one of them may be where others come
    and go all day."""
    count = np.bincount(votes.entry[at])
    found = list(paces(votes, at, np.flatnonzero(count > 0.1 * len(at))))
    visits = sum(pace.visits for pace in found)
    if visits < FEWEST_VISITS or any(
        (pace.place - AT_ONCE) / pace.error < CLEARLY for pace in found
    ):
        return None
    place = sum(pace.place * pace.visits for pace in found) / visits
    error = sum((pace.error * pace.visits) ** 2 for pace in found) ** 0.5 / visits
    if (place - AT_ONCE) / error < EVEN:
        return None
    sentence = (
        f"每一拨都来得很匀：{visits} 拨平均走到 {place:.0%} 处过半，"
        f"像按单派活；得到消息自己来的人，过半不晚于 {AT_ONCE:.0%}"
    )
    chance = log10_of_normal((place - AT_ONCE) / error)
    return Evidence(Trait.EVEN.sign, place, AT_ONCE, chance, sentence)


# --- from groups to cases -------------------------------------------------------------------------


def _suspect(
    ground: Ground,
    pattern: Pattern,
    at: Longs,
    traits: Mapping[Trait, Evidence],
    scene: Scene,
    mistaken: float,
) -> Suspect:
    """A case of these votes, of which so many may be honest."""
    case = Case(
        id="",
        pattern=pattern,
        finding=Finding.VOTES,
        entries=_entries(ground.votes, at),
        votes=len(at),
        expected=min(mistaken, float(len(at))),
        low=max(len(at) - 2 * mistaken, 0.0),
        high=float(len(at)),
        score=FLAGGED,
        first_ms=int(ground.votes.ts_ms[at].min()),
        last_ms=int(ground.votes.ts_ms[at].max()),
        evidence=tuple(traits.values()),
        explanation=best_explanation(traits, scene).sentence,
    )
    return Suspect(case, at)


def _excess(
    ground: Ground,
    excess: Excess,
    inside: Longs,
    traits: Mapping[Trait, Evidence],
    scene: Scene,
) -> Suspect:
    """About so many of an entry's votes are too many, and nobody can say which."""
    votes, named, more = ground.votes, len(excess.named), beside(ground.votes, excess)
    surplus = excess.surplus - named + more.surplus
    count = excess.inside - named + more.votes
    days = Evidence(
        Sign.EXCESS,
        excess.surplus,
        0.0,
        log10_of_normal(excess.distance),
        f"{excess.days} 天里天天都多，去掉最多的两天还多约 {excess.lasting:.0f} 票；"
        f"总共多出约 {surplus:.0f} 票，说不出是哪些",
    )
    case = Case(
        id="",
        pattern=Pattern.EXCESS,
        finding=Finding.EXCESS,
        entries=((votes.entries[excess.entry], count),),
        votes=count,
        expected=max(count - surplus, 0.0),
        low=max(surplus - (excess.surplus - excess.low) - more.slack, 0.0),
        high=min(surplus + (excess.high - excess.surplus) + more.slack, float(count)),
        score=UNFLAGGED,
        first_ms=int(votes.ts_ms[inside].min()),
        last_ms=int(votes.ts_ms[inside].max()),
        evidence=(*traits.values(), days),
        explanation=best_explanation(traits, scene).sentence,
    )
    return Suspect(case, np.empty(0, np.int64))


def of_surges(ground: Ground) -> Iterator[Suspect]:
    """The steepest rises of the last day: worth a look, and no evidence of anything."""
    votes = ground.votes
    last = int(votes.ts_ms[-1])
    found = [
        crowd
        for crowd in crowds(votes, ground.least)
        if int(votes.ts_ms[crowd.votes].max()) > last - DAY_MS
    ]
    for crowd in sorted(found, key=lambda crowd: -crowd.surplus)[:MOST_SURGES]:
        times = votes.ts_ms[crowd.votes]
        count, minutes = len(times), float(np.ptp(times)) / MINUTE_MS
        sentence = f"{minutes:.0f} 分钟里来了 {count} 票，平时约 {crowd.expected:.0f} 票"
        case = Case(
            id="",
            pattern=Pattern.SURGE,
            finding=Finding.SURGE,
            entries=((votes.entries[crowd.entry], count),),
            votes=count,
            expected=crowd.expected,
            low=0.0,
            high=crowd.surplus,
            score=0.0,
            first_ms=int(times.min()),
            last_ms=int(times.max()),
            evidence=(Evidence(Sign.EXCESS, count, crowd.expected, 0.0, sentence),),
            explanation=BROADCAST.sentence,
        )
        yield Suspect(case, np.empty(0, np.int64))


def _entries(votes: Votes, at: Longs) -> tuple[tuple[str, int], ...]:
    count = np.bincount(votes.entry[at], minlength=len(votes.entries))
    order = np.argsort(-count, kind="stable")
    return tuple((votes.entries[e], int(count[e])) for e in order[: np.count_nonzero(count)])


def _settled(
    votes: Votes, winners: int, found: list[Suspect], score: Floats
) -> tuple[list[Suspect], Ints]:
    """The cases in their order, with names and effects; each vote belongs to one of them."""
    taken = np.zeros(len(votes), bool)
    cases = []
    for one in sorted(found, key=lambda one: (-len(one.votes), one.case.entries)):
        own = one.votes[~taken[one.votes]]
        if len(one.votes) and len(own) < len(one.votes) / 2:
            continue
        taken[own] = True
        case = one.case
        if len(own) < len(one.votes):
            case = replace(case, votes=len(own), entries=_entries(votes, own))
        cases.append(Suspect(replace(case, effect=effect(votes, winners, own, case)), own))
    cases.sort(key=lambda one: (not one.case.effect.changes_winners, -one.case.votes))
    cases = _named(cases[:MOST_CASES])
    reason = np.full(len(votes), -1, np.int32)
    for place, one in enumerate(cases):
        score[one.votes] = one.case.score
        reason[one.votes] = place
    return cases, reason


def _named(cases: list[Suspect]) -> list[Suspect]:
    """Each case gets an id that it keeps while its group grows: what it is, of which entry, and
    the how manieth of the kind, counted from the earliest."""
    seen: dict[str, int] = {}
    ids: dict[int, str] = {}
    for place in sorted(range(len(cases)), key=lambda place: cases[place].case.first_ms):
        case = cases[place].case
        kind = f"{case.pattern} {case.entries[0][0]}"
        seen[kind] = seen.get(kind, 0) + 1
        ids[place] = hashlib.sha256(f"{kind} {seen[kind]}".encode()).hexdigest()[:12]
    return [replace(one, case=replace(one.case, id=ids[place])) for place, one in enumerate(cases)]


def effect(votes: Votes, winners: int, at: Longs, case: Case) -> Effect:
    """What the ranking would be without these votes; for an excess, without its upper bound."""
    before: Floats = votes.per_entry.astype(float)
    after: Floats = before - np.bincount(votes.entry[at], minlength=len(before)).astype(float)
    if case.finding is Finding.EXCESS:
        after[votes.entries.index(case.entries[0][0])] -= case.high
    old, new = _ranks(before), _ranks(after)
    won, wins = _winning(old, before, winners), _winning(new, after, winners)
    moved = [votes.entries.index(name) for name, _ in case.entries]
    return Effect(
        leave=tuple(votes.entries[e] for e in np.flatnonzero(won & ~wins)),
        enter=tuple(votes.entries[e] for e in np.flatnonzero(wins & ~won)),
        places=tuple((votes.entries[e], int(old[e]), int(new[e])) for e in moved[:3]),
    )


def _ranks(count: Floats) -> Ints:
    """Equal counts share the place (1, 2, 2, 4)."""
    ordered = np.sort(count)[::-1]
    return (np.searchsorted(-ordered, -count, side="left") + 1).astype(np.int32)


def _winning(ranks: Ints, count: Floats, winners: int) -> Mask:
    found: Mask = (ranks <= winners) & (count > 0)
    return found
