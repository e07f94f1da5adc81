"""What speaks against a group of votes, trait by trait, and what honest behaviour explains it.

A trait is a difference that no natural group shows; it belongs to one kind of evidence. A group is
flagged only if two different kinds speak against it, and if every honest explanation that could
apply leaves something unexplained.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from voting.case import Evidence, Sign
from voting.scrutiny.measures import MEASURES, Nature, measure
from voting.scrutiny.votes import DAY_MS, Floats, Longs, Votes


class Trait(enum.Enum):
    """What is different, and the kind of evidence that it is."""

    SHORT = "short", Sign.BEHAVIOUR
    ALIKE = "alike", Sign.BEHAVIOUR
    UNWATCHED = "unwatched", Sign.BEHAVIOUR
    RARE_AGENTS = "rare agents", Sign.CLIENT
    FEW_AGENTS = "few agents", Sign.CLIENT
    MANY_AGENTS = "many agents", Sign.CLIENT
    REGULAR = "regular", Sign.RHYTHM
    SLEEPLESS = "sleepless", Sign.RHYTHM
    EVEN = "even", Sign.RHYTHM
    PASSERS = "passers", Sign.IDENTITY
    ALONE = "alone", Sign.ORIGIN
    ACROSS = "across", Sign.TOGETHER

    @property
    def sign(self) -> Sign:
        found: Sign = self.value[1]
        return found


#: A measure, the side on which it is a trait, and the trait. The other sides are nobody's guilt:
#: who stays long or watches everything isn't a machine for it.
SIDES: Final = (
    ("dwell", -1, Trait.SHORT),
    ("spread", -1, Trait.ALIKE),
    ("unwatched", 1, Trait.UNWATCHED),
    ("rarity", 1, Trait.RARE_AGENTS),
    ("agents", -1, Trait.FEW_AGENTS),
    ("agents", 1, Trait.MANY_AGENTS),
    ("gaps", -1, Trait.REGULAR),
    ("night", 1, Trait.SLEEPLESS),
)


#: So many people queue for the tablets of a room in a day, and it is a large hall; an event that
#: has one lasts so many days at most.
ROOM_HOLDS: Final = 200
ROOM_LASTS: Final = 3.0


@dataclass(frozen=True)
class Scene:
    """How many votes a group has, where and when they were cast: the effective number of addresses
    and networks, the days in which nine in ten were cast, and of how many entries they are."""

    votes: int
    addresses: float
    networks: float
    usual_networks: float
    days: float
    entries: int

    @property
    def is_one_room(self) -> bool:
        days = min(max(self.days, 1.0), ROOM_LASTS)
        return self.addresses < 4 and self.votes <= ROOM_HOLDS * days

    @property
    def is_one_place(self) -> bool:
        return self.networks < self.usual_networks / 2

    @property
    def is_one_event(self) -> bool:
        return self.days < 1


@dataclass(frozen=True)
class Explanation:
    """An honest way to come by these traits; `sentence` is told to organizers."""

    sentence: str
    accounts_for: frozenset[Trait]


def explanations(traits: Mapping[Trait, Evidence], scene: Scene) -> tuple[Explanation, ...]:
    """Those that may apply to what happened there and then."""
    found = [FRIENDS, PASSERSBY]
    if Trait.FEW_AGENTS in traits:
        found.append(APP)
    if scene.is_one_room:
        found.append(ROOM)
    if scene.is_one_place:
        found += [ERRAND, SHIFT]
    if scene.is_one_event:
        found.append(BROADCAST)
    if scene.entries == 1:
        found.append(FANS)
    return tuple(found)


APP: Final = Explanation(
    "某个新闻或短视频应用里的链接：点进来的人都没有登录，用的是同一种内置浏览器",
    frozenset(
        {Trait.PASSERS, Trait.FEW_AGENTS, Trait.RARE_AGENTS, Trait.EVEN, Trait.UNWATCHED}
    ),
)
PASSERSBY: Final = Explanation(
    "车上、展厅或窗口放着这件作品，旁边有二维码，路过的人看完扫一次就走",
    frozenset({Trait.PASSERS, Trait.ALONE, Trait.UNWATCHED, Trait.EVEN}),
)
ROOM: Final = Explanation(
    "同一间教室或展厅里共用几台一样的平板，大家排队投票",
    frozenset(
        {
            Trait.PASSERS,
            Trait.FEW_AGENTS,
            Trait.RARE_AGENTS,
            Trait.REGULAR,
            Trait.EVEN,
            Trait.ALONE,
        }
    ),
)
ERRAND: Final = Explanation(
    "一个单位或学校统一通知本单位的人投票，大家投完就走",
    frozenset({Trait.SHORT, Trait.UNWATCHED, Trait.EVEN, Trait.ALONE, Trait.ACROSS}),
)
SHIFT: Final = Explanation(
    "上夜班的人在单位里投票",
    frozenset({Trait.SLEEPLESS, Trait.ALONE, Trait.PASSERS}),
)
BROADCAST: Final = Explanation(
    "电视、电台或直播里提到了这件作品，观众一下子涌来",
    frozenset({Trait.PASSERS, Trait.SHORT, Trait.UNWATCHED, Trait.EVEN}),
)
FRIENDS: Final = Explanation(
    "一个班级或同好群，每次有人提醒就一起来，也投朋友的作品",
    frozenset({Trait.ACROSS}),
)
FANS: Final = Explanation(
    "固定的支持者，每天到了习惯的时间就来投一票",
    frozenset({Trait.EVEN}),
)


def speaks(traits: Mapping[Trait, Evidence], scene: Scene) -> bool:
    """Whether two kinds of evidence speak against the group, and no honest way explains it all."""
    if len({trait.sign for trait in traits}) < 2:
        return False
    return all(traits.keys() - one.accounts_for for one in explanations(traits, scene))


def best_explanation(traits: Mapping[Trait, Evidence], scene: Scene) -> Explanation:
    """The one that leaves the least unexplained."""
    return max(explanations(traits, scene), key=lambda one: len(one.accounts_for & traits.keys()))


def scene_of(votes: Votes, at: Longs, usual_networks: float) -> Scene:
    times = np.sort(votes.ts_ms[at])
    cut = len(times) // 20
    core = times[cut : len(times) - cut]
    return Scene(
        votes=len(at),
        addresses=effective(votes.ip[at]),
        networks=effective(votes.net[at]),
        usual_networks=usual_networks,
        days=float(core[-1] - core[0]) / DAY_MS,
        entries=len(np.flatnonzero(np.bincount(votes.entry[at]) > 0.1 * len(at))),
    )


def effective(codes: np.typing.NDArray[np.integer]) -> float:
    """The number of equally common codes that would meet as often as these do (Simpson)."""
    count = np.unique(codes, return_counts=True)[1].astype(float)
    pairs = count.sum() * (count.sum() - 1)
    return float(pairs / max((count * (count - 1)).sum(), 1.0)) if pairs else 1.0


def of_measures(votes: Votes, at: Longs, nature: Nature, rarity: Floats) -> dict[Trait, Evidence]:
    """The traits in which a group lies beyond everything natural."""
    label = np.full(len(votes), -1, np.int32)
    label[at] = 0
    table = measure(votes, label, 1, rarity)
    away = nature.distance(table)[0]
    found: dict[Trait, Evidence] = {}
    for name, side, trait in SIDES:
        column = MEASURES.index(name)
        z, value = float(away[column]) * side, float(table.values[0, column])
        if z > nature.bound[column]:
            usual = float(nature.centre[column])
            here, there = _in_units(trait, value), _in_units(trait, usual)
            sentence = _sentence(trait, here, there)
            found[trait] = Evidence(trait.sign, here, there, log10_of_normal(z), sentence)
    return found


def log10_of_normal(z: float) -> float:
    """log10 of the chance to lie `z` or more standard deviations out on one side (z > 1); nothing
    that is counted in votes is known better than to 300 digits."""
    return max(-(z * z / 2 + math.log(z * math.sqrt(2 * math.pi))) / math.log(10), -300.0)


def _in_units(trait: Trait, value: float) -> float:
    """A measure as people count it: seconds, factors, votes per browser, browsers, shares."""
    if trait is Trait.RARE_AGENTS:
        return 2**value
    if trait in (Trait.SHORT, Trait.ALIKE, Trait.FEW_AGENTS, Trait.MANY_AGENTS):
        return math.exp(value)
    return value


def _sentence(trait: Trait, here: float, there: float) -> str:
    match trait:
        case Trait.SHORT:
            return f"从打开页面到投票，一般只有 {here:.1f} 秒，别处的投票人是 {there:.1f} 秒"
        case Trait.ALIKE:
            return f"停留时间彼此太像：多在{_around(here)}之内，别处的投票人是{_around(there)}"
        case Trait.UNWATCHED:
            return f"{here:.0%} 的人没有播放视频，别处是 {there:.0%}"
        case Trait.RARE_AGENTS:
            how_rare = f"平均每 {here:,.0f} 票才有一票，别处是每 {there:,.0f} 票"
            return f"用的浏览器在别处很少见：{how_rare}"
        case Trait.FEW_AGENTS:
            return f"浏览器型号只相当于 {here:,.0f} 种，别处同样多的人相当于 {there:,.0f} 种"
        case Trait.MANY_AGENTS:
            return f"浏览器型号散得像照着名单抽的：相当于 {here:,.0f} 种，别处只有 {there:,.0f} 种"
        case Trait.REGULAR:
            return f"一票接一票的间隔太整齐：变化程度 {here:.2f}，互不相干的人是 {there:.2f}"
        case _:
            return f"{here:.0%} 的票投在 0:30 到 6:00 之间，别处是 {there:.1%}"


def _around(factor: float) -> str:
    """Two thirds of people lie within this factor around the middle."""
    return f"中间值的 {1 / factor:.2f} 到 {factor:.1f} 倍"
