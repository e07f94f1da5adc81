"""From candidates to suspects: what speaks against each, in sentences with their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from voting.case import Case, Evidence, Finding, Pattern, Sign
from voting.scrutiny.crowds import Crowd, evenness, is_even, once
from voting.scrutiny.ground import Ground
from voting.scrutiny.lockstep import AT_ONCE, Troop, paces, troops, with_covers, with_links
from voting.scrutiny.passers import FAR, MISTAKEN, Excess, Mixture, beside, excesses, passers, usual
from voting.scrutiny.patterns import pattern_of_passers, pattern_of_troop
from voting.scrutiny.traits import (
    BROADCAST,
    Scene,
    Trait,
    best_explanation,
    log10_of_normal,
    of_measures,
    scene_of,
    speaks,
)
from voting.scrutiny.votes import DAY_MS, MINUTE_MS, Floats, Longs, Mask, Votes

MOST_SURGES: Final = 3
#: Fewer from a place of their own than a quarter say nothing.
MANY: Final = 0.25
#: Entries never agree better than this in what share comes from a place of its own.
AT_LEAST: Final = 0.03
#: A surplus on so many days lasts.
SOME_DAYS: Final = 3
#: Visits are even when they lie so many standard errors beyond those of a crowd that was told, and
#: those to each single entry do clearly.
EVEN: Final = 3.0
CLEARLY: Final = 1.5
FEWEST_VISITS: Final = 2
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


def of_passers(ground: Ground, score: Floats) -> Iterator[Suspect]:
    """Entries with far too many voters who have no account and came once, or only for them."""
    votes = ground.votes
    faithful = votes.device & votes.of_one_entry & (votes.votes_of_voter > 1)
    for kind in (passers(votes), faithful):
        for excess in excesses(votes, ground.features, kind, ground.least):
            inside = np.flatnonzero(kind & (votes.entry == excess.entry))
            scene = scene_of(votes, inside, ground.usual_networks)
            traits = of_measures(votes, inside, ground.nature, ground.rarity)
            traits[Trait.PASSERS] = _too_many(excess)
            if alone := _alone(ground, kind, excess):
                traits[Trait.ALONE] = alone
            rest = max(excess.surplus - len(excess.named), 0.0) / max(excess.inside, 1)
            score[inside] = np.maximum(score[inside], UNFLAGGED * min(rest, 1.0))
            if len(excess.named) >= ground.least / 2 and speaks(traits, scene):
                pattern = pattern_of_passers(votes, ground.alone, excess.named, scene)
                mistaken = MISTAKEN * (excess.votes - excess.surplus)
                yield _suspect(ground, pattern, excess.named, traits, scene, mistaken)
            if excess.lasting - len(excess.named) > ground.least and excess.days >= SOME_DAYS:
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
            more, by_chance = with_links(votes, troop.votes)
            at = with_covers(votes, more)
            yield _suspect(ground, pattern, at, traits, scene, troop.by_chance + by_chance)


def of_crowds(ground: Ground) -> Iterator[Suspect]:
    """Rises that came evenly and behaved alike."""
    votes = ground.votes
    kind, mixture = once(votes), None
    for crowd in ground.crowds:
        at = crowd.votes[kind[crowd.votes]]
        if len(at) < ground.least or not is_even(votes.ts_ms[at]):
            continue
        scene = scene_of(votes, at, ground.usual_networks)
        traits = of_measures(votes, at, ground.nature, ground.rarity)
        traits[Trait.EVEN] = _evenly(crowd, votes)
        if not speaks(traits, scene):
            continue
        mixture = mixture or Mixture.of(votes, ground.features, kind, ground.clean)
        here = np.zeros(len(votes), bool)
        here[at] = True
        honest = float(votes.per_entry[crowd.entry]) - crowd.surplus
        named = mixture.name(here[mixture.at], max(len(at) - crowd.expected, 1.0), honest)
        if len(named) >= ground.least / 2:
            mistaken = MISTAKEN * max(honest, 0.0)
            yield _suspect(ground, Pattern.CROWD, named, traits, scene, mistaken)


def _evenly(crowd: Crowd, votes: Votes) -> Evidence:
    times = votes.ts_ms[crowd.votes]
    minutes, mean = float(np.ptp(times)) / MINUTE_MS, evenness(times)[0]
    z = (mean - AT_ONCE) * len(times) ** 0.5 / WITHIN_A_VISIT
    sentence = (
        f"{minutes:.0f} 分钟里来了 {len(crowd.votes):,} 票（平常约 {crowd.expected:,.0f} 票），"
        "从头到尾一样快：像按单派活；得到消息自己来的人先多后少，赶截止的人先少后多"
    )
    return Evidence(Trait.EVEN.sign, mean, AT_ONCE, log10_of_normal(z), sentence)


def _too_many(excess: Excess) -> Evidence:
    expected = excess.share * (excess.votes - excess.surplus)
    share, usual = excess.inside / excess.votes, f"{excess.share:.0%}（±{2 * excess.spread:.1%}）"
    sentence = (
        f"没有账号、只来过一次的投票人有 {excess.inside:,} 位，占 {share:.0%}；"
        f"其他作品都在 {usual} 上下，按这样算这里约有 {expected:,.0f} 位"
    )
    chance = log10_of_normal(excess.distance)
    return Evidence(Trait.PASSERS.sign, excess.inside, expected, chance, sentence)


def _alone(ground: Ground, kind: Mask, excess: Excess) -> Evidence | None:
    """Whether far more of them than elsewhere come from networks that vote for nothing else."""
    votes = ground.votes
    inside = np.bincount(votes.entry, kind, len(votes.entries)).astype(np.int64)
    alone = np.bincount(votes.entry, kind & ground.alone, len(inside)).astype(np.int64)
    norm = usual(alone, np.where(ground.clean, inside, 0))
    share = float(alone[excess.entry] / inside[excess.entry])
    chance = norm.share * (1 - norm.share) / max(float(inside[excess.entry]), 1.0)
    z = (share - norm.share) / (max(norm.spread, AT_LEAST) ** 2 + chance) ** 0.5
    if z < FAR or share < MANY:
        return None
    sentence = f"{share:.0%} 来自几乎只投这一件作品的网络，其他作品是 {norm.share:.0%}"
    return Evidence(Trait.ALONE.sign, share, norm.share, log10_of_normal(z), sentence)


def _together(troop: Troop, scene: Scene) -> Evidence:
    sentence = (
        f"{troop.voters:,} 位投票人在 {troop.cells} 个半小时里一再同时出现，"
        f"前后投了 {scene.entries} 件作品：同场 {troop.met:,.0f} 人次，"
        f"偶然只会有 {troop.expected:,.0f} 人次"
    )
    chance = max(troop.log10_p, -300.0)
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
        f"每一拨从头到尾一样快：{visits} 拨平均要过 {place:.0%} 的时间才来一半，"
        f"像按单派活；得到消息自己来的人，不到 {AT_ONCE:.0%} 的时间就来了一半"
    )
    chance = log10_of_normal((place - AT_ONCE) / error)
    return Evidence(Trait.EVEN.sign, place, AT_ONCE, chance, sentence)


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
        entries=entries_of(ground.votes, at),
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
        f"{excess.days} 天里天天都多，去掉最多的两天还多约 {excess.lasting:,.0f} 票；"
        f"总共多出约 {surplus:,.0f} 票，指不出是哪些",
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
        crowd for crowd in ground.crowds if int(votes.ts_ms[crowd.votes].max()) > last - DAY_MS
    ]
    for crowd in sorted(found, key=lambda crowd: -crowd.surplus)[:MOST_SURGES]:
        times = votes.ts_ms[crowd.votes]
        count, minutes = len(times), float(np.ptp(times)) / MINUTE_MS
        sentence = f"{minutes:.0f} 分钟里来了 {count:,} 票，平常约 {crowd.expected:,.0f} 票"
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


def entries_of(votes: Votes, at: Longs) -> tuple[tuple[str, int], ...]:
    """The entries of these votes as the ledger names them, and how many each has; most first."""
    count = np.bincount(votes.entry[at], minlength=len(votes.entries))
    order = np.argsort(-count, kind="stable")
    return tuple((votes.entries[e], int(count[e])) for e in order[: np.count_nonzero(count)])
