"""The rules in force: numbered versions in the store, and a copy in each voter's shard.

contest.toml makes version 1; a different file later needs `rules apply` with a reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from enum import StrEnum
from typing import Any

from voting.contest import (
    SHANGHAI,
    STEPS,
    CloseCall,
    Closing,
    Counts,
    Law,
    Period,
    Phase,
    Quiet,
    Rules,
    Stage,
    Step,
    Tie,
)
from voting.store import keys
from voting.store.client import Client, changing, clock_ms, reachable
from voting.store.log import COMMAND_LINE, SITE, Kind, Log

#: A slip of the pen in the year must not keep a vote open.
LONGEST_EXTENSION_MS = 90 * 24 * 3600 * 1000


class WrongStore(Exception):  # noqa: N818 the plain word
    """The store belongs to another contest, or to other rules; the text is one sentence."""


class LawRefused(Exception):  # noqa: N818 the plain word
    """This law can't become the next version; the text is one sentence."""


class StepRefused(LawRefused):
    """The vote's phase doesn't allow this step, or not so; the text is one sentence."""


PHASES = {
    Phase.BEFORE: "投票还没开始",
    Phase.OPEN: "投票正在进行",
    Phase.PAUSED: "投票暂停中",
    Phase.CLOSED: "投票已结束",
    Phase.UNDER_REVIEW: "结果正在核对",
    Phase.PUBLISHED: "结果已公布",
}
STEP_WORDS = {
    Step.OPEN: "提前开始",
    Step.POSTPONE: "改开始时间",
    Step.PAUSE: "暂停投票",
    Step.RESUME: "恢复投票",
    Step.CLOSE: "提前结束",
    Step.EXTEND: "延长截止时间",
    Step.REVIEW: "开始核对结果",
    Step.TAKE_BACK: "撤回核对",
    Step.PUBLISH: "公布结果",
    Step.UNPUBLISH: "撤回结果",
}


class Pauser(StrEnum):
    """Who paused the vote."""

    ORGANIZER = "organizer"
    DISK_GUARD = "disk"


class RulesInForce:
    def __init__(self, client: Client, shards: int, log: Log) -> None:
        self.client, self.shards, self.log = client, shards, log

    def open(self, contest_id: str, law: Law, now_ms: int) -> None:
        """Make this store the contest's, or make sure that it is: same id, shards and law."""
        with changing(self.client):
            for field, value in (("id", contest_id), ("shards", self.shards)):
                self.client.hsetnx(keys.CONTEST(), field, value)
            self.check(contest_id)
            versions = self.versions()
            if not versions:
                self._put(law.rules(1, "首次启动时按配置文件制定", now_ms), SITE)
            elif versions[-1].source != law.source:
                raise WrongStore(
                    f"配置文件里的计票规则（[voting]、[result]、[closing]）和正在执行的规则第 "
                    f"{versions[-1].version} 版不一样。要改规则，请写明理由："
                    '.venv/bin/flask --app app rules apply --reason "理由"；不想改，请把配置改回去'
                )

    def check(self, contest_id: str) -> None:
        """Raises WrongStore unless the store holds this contest, in as many shards."""
        for field, value in (("id", contest_id), ("shards", str(self.shards))):
            with reachable():
                found = self.client.hget(keys.CONTEST(), field) or b""
            if found.decode() != value:
                raise WrongStore(_other_contest(field, found.decode(), value))

    def apply(
        self, law: Law, reason: str, now_ms: int, by: str = COMMAND_LINE
    ) -> Rules:
        """Make `law` the next version, in force as soon as this returns; or raise LawRefused.

        Relative words go on meaning the first start.
        """
        with changing(self.client):
            versions = self.versions()
            self._may_follow(versions[-1], law)
            rules = law.rules(len(versions) + 1, reason, versions[0].since_ms)
            opens_ms, closes_ms = _window(rules, versions)
            return self._put(
                replace(rules, since_ms=now_ms, opens_ms=opens_ms, closes_ms=closes_ms), by
            )

    def _may_follow(self, current: Rules, law: Law) -> None:
        if self._stage():
            raise LawRefused("结果已经开始核对，规则不能再改；确实要改，请先撤回")
        if law.source == current.source:
            raise LawRefused(
                f"配置文件里的计票规则和正在执行的规则第 {current.version} 版一样，没有要改的"
            )
        # voting.lua starts a voter's record anew when the period's number is another.
        if law.period is not current.period and self._voted():
            raise LawRefused(
                "已经有人投过票，计票周期（period）不能再改：一改，每个人的票数都会从头算起"
            )

    def _voted(self) -> bool:
        return any(self.client.exists(keys.TALLY(shard=shard)) for shard in range(self.shards))

    def versions(self) -> list[Rules]:
        """All versions, oldest first."""
        with reachable():
            return [read_rules(text) for text in self.client.lrange(keys.VERSIONS(), 0, -1)]

    def pause(
        self, reason: str, pauser: Pauser = Pauser.ORGANIZER, by: str = COMMAND_LINE
    ) -> None:
        """Stop the vote. An organizer's pause takes over the disk guard's, not the other way.

        Raises StepRefused for an organizer while the vote isn't open.
        """
        with changing(self.client):
            found = self.paused_by()
            if pauser is Pauser.ORGANIZER and (phase := self.phase()) is not Phase.PAUSED:
                _allow(Step.PAUSE, phase)
            if found is None or (found, pauser) == (Pauser.DISK_GUARD, Pauser.ORGANIZER):
                self._set_paused(pauser, Kind.PAUSE, reason, by)

    def resume(
        self, reason: str, pauser: Pauser = Pauser.ORGANIZER, by: str = COMMAND_LINE
    ) -> None:
        """Go on; an organizer may end any pause, the disk guard only its own."""
        with changing(self.client):
            found = self.paused_by()
            if found is not None and pauser in (found, Pauser.ORGANIZER):
                self._set_paused(None, Kind.RESUME, reason, by)

    def paused_by(self) -> Pauser | None:
        """Who has paused the vote; None while it isn't."""
        with reachable():
            value = self.client.hget(keys.CONTEST(), "paused")
        return Pauser(value.decode()) if value else None

    # --- the vote's phases, by the store's clock, which is the one that decides over votes --------

    def phase(self) -> Phase:
        """Where the vote stands at this moment of the store's clock."""
        return self._now()[1]

    def open_now(self, reason: str, by: str = COMMAND_LINE) -> Rules:
        """Let the vote begin before its time. Raises StepRefused."""
        with self.step(Step.OPEN) as (rules, now_ms):
            return self._move(rules, now_ms, Step.OPEN, reason, by, opens_ms=now_ms)

    def postpone(self, opens_ms: int, reason: str, by: str = COMMAND_LINE) -> Rules:
        """Let the vote begin at another moment to come. Raises StepRefused."""
        with self.step(Step.POSTPONE) as (rules, now_ms):
            if not now_ms < opens_ms < rules.closes_ms:
                raise StepRefused("开始时间要晚于现在、早于截止时间")
            return self._move(rules, now_ms, Step.POSTPONE, reason, by, opens_ms=opens_ms)

    def close(self, reason: str, by: str = COMMAND_LINE) -> Rules:
        """End the vote at once; when this returns no more vote counts. Raises StepRefused."""
        with self.step(Step.CLOSE) as (rules, now_ms):
            return self._move(rules, now_ms, Step.CLOSE, reason, by, closes_ms=now_ms)

    def extend(self, closes_ms: int, reason: str, by: str = COMMAND_LINE) -> Rules:
        """Let the vote end later; one that has ended begins again. Raises StepRefused."""
        with self.step(Step.EXTEND) as (rules, now_ms):
            if closes_ms <= max(now_ms, rules.closes_ms):
                raise StepRefused("新的截止时间要晚于现在，也要晚于原来的截止时间")
            if closes_ms > now_ms + LONGEST_EXTENSION_MS:
                raise StepRefused("新的截止时间在九十天以后，请检查年份和月份")
            return self._move(rules, now_ms, Step.EXTEND, reason, by, closes_ms=closes_ms)

    def begin_review(self, reason: str, by: str = COMMAND_LINE) -> None:
        """Begin to check the result of a vote that has ended. Raises StepRefused."""
        with self.step(Step.REVIEW) as (_, now_ms):
            self.set_stage(Stage.UNDER_REVIEW, Kind.UNDER_REVIEW, "", reason, by, now_ms)

    def take_back(self, reason: str, by: str = COMMAND_LINE) -> None:
        """Go back from the check to a vote that has merely ended. Raises StepRefused."""
        with self.step(Step.TAKE_BACK) as (_, now_ms):
            self.set_stage(Stage.NONE, Kind.TAKE_BACK, "", reason, by, now_ms)

    def review_until_ms(self) -> int | None:
        """When the time set for the review is over, by the rules in force; None where none was."""
        versions = self.versions()
        return versions[-1].review_until_ms if versions else None

    @contextmanager
    def step(self, step: Step) -> Iterator[tuple[Rules, int]]:
        """Hold the lock for a step that the phase allows; gives the rules in force and the store's
        time in ms. Raises StepRefused."""
        with changing(self.client):
            rules, phase, now_ms = self._now()
            _allow(step, phase)
            yield rules, now_ms

    def set_stage(
        self,
        stage: Stage,
        kind: Kind,
        subject: int | str,
        reason: str,
        by: str,
        now_ms: int,
        **more: int,
    ) -> None:
        """Only within a `step`: log and write what organizers have made of the ended vote."""
        fields = {"stage": stage.value, "stage_ms": now_ms, "stage_reason": reason, **more}
        self.log.append(kind, subject, reason, by)
        # Together, so that whoever sees the stage reads what belongs to it, too.
        change = self.client.pipeline().hset(keys.CONTEST(), mapping=fields)
        change.hincrby(keys.CONTEST(), "catalogue", 1).execute()

    def _now(self) -> tuple[Rules, Phase, int]:
        now_ms, versions = clock_ms(self.client), self.versions()
        paused, stage = bool(self.paused_by()), self._stage()
        if not versions:
            raise WrongStore(_other_contest("id", "", ""))
        return versions[-1], versions[-1].phase(now_ms, paused=paused, stage=stage), now_ms

    def _stage(self) -> Stage:
        with reachable():
            return Stage((self.client.hget(keys.CONTEST(), "stage") or b"").decode())

    def _move(
        self, rules: Rules, now_ms: int, step: Step, reason: str, by: str, **window: int
    ) -> Rules:
        """The next version with another window. Its source stays: the law as written is the same,
        and a restart must find it so."""
        return self._put(
            replace(
                rules,
                version=rules.version + 1,
                since_ms=now_ms,
                reason=f"{STEP_WORDS[step]}：{reason}",
                **window,  # type: ignore[arg-type]
            ),
            by,
        )

    def _set_paused(self, pauser: Pauser | None, kind: Kind, reason: str, by: str) -> None:
        self.log.append(kind, "", reason, by)
        self._write_paused(pauser)

    def _write_paused(self, pauser: Pauser | None) -> None:
        value = pauser.value if pauser else ""
        for shard in range(self.shards):
            self.client.hset(keys.RULES(shard=shard), "paused", value)
        self.client.hset(keys.CONTEST(), "paused", value)

    def _put(self, rules: Rules, by: str) -> Rules:
        self.log.append(Kind.RULES, rules.version, rules.reason, by)
        for shard in range(self.shards):
            self.client.hset(keys.RULES(shard=shard), mapping=_fields(rules))
        self.client.rpush(keys.VERSIONS(), json.dumps(asdict(rules), ensure_ascii=False))
        self.client.hincrby(keys.CONTEST(), "catalogue", 1)
        return rules

    def write_out(self, rules: Rules, pauser: Pauser | None, approved: set[bytes]) -> None:
        """Only under the lock: make every shard hold exactly these rules, this pause and these
        votable numbers, whatever was cut off in the middle."""
        if self.paused_by() is not pauser:
            self._write_paused(pauser)
        fields = _fields(rules) | {"paused": pauser.value if pauser else ""}
        wanted = {name.encode(): str(value).encode() for name, value in fields.items()}
        wanted |= dict.fromkeys(approved, b"1")
        for shard in range(self.shards):
            key = keys.RULES(shard=shard)
            found = self.client.hgetall(key)
            if gone := [name for name in found if name.isdigit() and name not in approved]:
                self.client.hdel(key, *gone)
            found.setdefault(b"paused", b"")  # as before the first pause
            if other := {name: value for name, value in wanted.items() if found.get(name) != value}:
                self.client.hset(key, mapping=other)


def _fields(rules: Rules) -> dict[str, int | str]:
    """What voting.lua reads of the rules."""
    return {
        "version": rules.version,
        "opens_ms": rules.opens_ms,
        "closes_ms": rules.closes_ms,
        "votes_per_voter": rules.votes_per_voter,
        "votes_per_entry": rules.votes_per_entry,
        "votes_per_device": rules.votes_per_device,
        "period": rules.period.value,
        "utc_offset_s": int(SHANGHAI.utcoffset(None).total_seconds()),
    }


def read_rules(text: bytes | str) -> Rules:
    fields = json.loads(text)
    fields.setdefault("votes_per_device", fields["votes_per_voter"])  # versions of before
    fields |= {
        "period": Period(fields["period"]),
        "tie": Tie(fields["tie"]),
        "counts": Counts(fields["counts"]),
        "closing": _closing(fields.get("closing", {})),
    }
    return Rules(**fields)


def _closing(fields: dict[str, Any]) -> Closing:
    """What a version of before says nothing about is as it was then."""
    kinds: dict[str, type[StrEnum]] = {"quiet": Quiet, "close_call": CloseCall}
    return Closing(**fields | {name: kinds[name](fields[name]) for name in kinds & fields.keys()})


def _allow(step: Step, phase: Phase) -> None:
    if step not in STEPS[phase]:
        raise StepRefused(f"{PHASES[phase]}，不能{STEP_WORDS[step]}")


def _window(rules: Rules, versions: list[Rules]) -> tuple[int, int]:
    """The window of a new law: its own if contest.toml says another one than before; else the one
    in force, which an organizer may have moved meanwhile."""
    windows = [(version.opens_ms, version.closes_ms) for version in versions]
    written = windows[0]
    for n, version in enumerate(versions[1:], start=1):
        if version.source != versions[n - 1].source and windows[n] != windows[n - 1]:
            written = windows[n]
    asked = (rules.opens_ms, rules.closes_ms)
    return windows[-1] if asked == written else asked


def _other_contest(field: str, found: str, wanted: str) -> str:
    if not found:
        return "数据库里还没有比赛，DATA_DIR、REDIS_URL 对吗？"
    if field == "id":
        return (
            f"数据库里是另一场比赛“{found}”，配置文件写的是“{wanted}”。"
            "请换一个 DATA_DIR（或 REDIS_URL），或把 [contest] id 改回去"
        )
    return f"比赛建立时定的是 {found} 个分片，现在 SHARDS={wanted}；建立后不能改，请改回 {found}"
