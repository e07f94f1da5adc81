"""Is everything well? Each part of the site in one sentence, and what to do when it isn't."""

from __future__ import annotations

import http.client
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path

from voting.settings import Settings
from voting.store import Store
from voting.store.client import Client, Durability, StoreDown, durability
from voting.store.figures import Kept
from voting.store.pulse import Pulse, pulse
from voting.web.pages import weight

#: Several people watch, and each of their pages asks every few seconds.
FRESH_S = 5.0
#: The worker beats every two seconds, and may be busy for a few.
BEAT_S = 30.0
SLOW_MS = 100.0
#: Below a fifth of this the vote pauses itself.
LITTLE_DISK = 1024 * 1024 * 1024


class State(StrEnum):
    """How it is; the value is the badge's class in console.css."""

    GOOD = "good"
    WARN = "warn"
    ALARM = "alarm"
    UNKNOWN = "off"


WORDS = {
    State.GOOD: "正常",
    State.WARN: "请留意",
    State.ALARM: "有问题",
    State.UNKNOWN: "不清楚",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the site. `todo` is never empty when the state is bad."""

    name: str
    state: State
    sentence: str
    todo: str = ""
    href: str = "#health"

    @property
    def word(self) -> str:
        return WORDS[self.state]

    @property
    def bad(self) -> bool:
        return self.state in (State.WARN, State.ALARM)


@dataclass
class Condition:
    """The parts that take a moment to look at, looked at once in a few seconds."""

    _checks: tuple[Check, ...] = ()
    _until: float = field(default=float("-inf"))

    def checks(self, store: Store, settings: Settings, kept: Kept, now_ms: int) -> list[Check]:
        if time.monotonic() >= self._until:
            self._checks = tuple(_slow(store, settings))
            self._until = time.monotonic() + FRESH_S
        law, throttle, *others = self._checks
        return [law, throttle, _worker(kept, now_ms), *others, _log(kept)]


def running(kept: Kept, now_ms: int) -> bool:
    """Whether the worker runs, as far as its beat says."""
    return now_ms - kept.beat_ms < BEAT_S * 1000


def _slow(store: Store, settings: Settings) -> Iterator[Check]:
    yield _law(store.law, accepted=settings.accept_unknown_durability)
    yield _throttle(store.throttle)
    yield _disk(settings.data_dir)
    yield _web(settings.web_workers)
    yield _media(settings)


def _law(client: Client, *, accepted: bool) -> Check:
    check = partial(Check, "票数据库")
    try:
        found, kept = pulse(client), durability(client)
    except StoreDown:
        return check(
            State.ALARM,
            "连不上，现在投不了票；已投的票不会丢。",
            "请看服务器上网站的程序还在不在运行，停了就重新启动（make run）；"
            "数据库在别处的，请检查 REDIS_URL 和那台机器。",
        )
    if kept is Durability.WRONG:
        return check(
            State.ALARM,
            "连得上，但它的设置可能丢票，所以网站不再收票。",
            "请按 config/redis.conf 改回设置（appendonly、appendfsync、noeviction），"
            "一分钟内恢复。",
        )
    if found.writes is False:
        return check(
            State.ALARM,
            "最近一次写盘失败。",
            "多半是磁盘满了或坏了：请先腾出空间，再看它是否恢复。",
        )
    if kept is Durability.UNKNOWN and not accepted:
        return check(
            State.ALARM, "它不肯说怎样保存数据，所以网站不收票。", "请看部署文档里托管数据库一节。"
        )
    if found.latency_ms > SLOW_MS:
        return check(
            State.WARN,
            f"应答慢：{_ms(found)}。",
            "投票会跟着变慢。请看服务器是否正忙（导出、转码、备份）。",
        )
    if found.most and found.used > 0.8 * found.most:
        return check(
            State.WARN,
            f"内存快满了：{weight(found.used)}，上限 {weight(found.most)}。",
            "满了会拒绝新票：请调大 maxmemory。",
        )
    safe = "每一票先写进磁盘才算数" if kept is Durability.PROVEN else "保存方式由托管方保证"
    file = f"，文件 {weight(found.file)}" if found.file else ""
    return check(State.GOOD, f"{_ms(found)}应答；{safe}；占内存 {weight(found.used)}{file}。")


def _throttle(client: Client) -> Check:
    check = partial(Check, "临时数据库")
    try:
        found = pulse(client)
    except StoreDown:
        return check(
            State.WARN,
            "连不上。投票照常，新来的投票人会被限得更严，图表停住。",
            "请看服务器上网站的程序还在不在运行；它的数据丢了没关系，恢复后会自动补齐。",
        )
    return check(State.GOOD, f"{_ms(found)}应答；占内存 {weight(found.used)}。")


def _disk(folder: Path) -> Check:
    check = partial(Check, "磁盘")
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return check(State.UNKNOWN, "看不到数据文件夹。", "请检查 DATA_DIR。")
    if usage.free < LITTLE_DISK:
        return check(
            State.ALARM if usage.free < LITTLE_DISK // 5 else State.WARN,
            f"只剩 {weight(usage.free)}。",
            "不足 100 MB 时投票会自动暂停，已投的票不会丢。请维护网站的人腾出空间：先搬走旧备份和"
            "不用的文件，不要动数据文件夹里的东西，也可以换大一些的盘；腾出后会自动恢复。",
        )
    return check(State.GOOD, f"剩 {weight(usage.free)}，共 {weight(usage.total)}。")


def _web(wanted: int) -> Check:
    check = partial(Check, "网页进程")
    found = _siblings()
    if found is None:
        return check(State.GOOD, "正在应答。")
    if found < wanted:
        return check(
            State.WARN,
            f"{wanted} 个里有 {found} 个在运行。",
            "几秒内会自动补上；一直缺，请看服务器上的日志。",
        )
    return check(State.GOOD, f"{found} 个都在运行。")


def _siblings() -> int | None:
    """How many processes gunicorn's master runs, this one among them; None where it isn't seen."""
    try:
        master = Path(f"/proc/{os.getppid()}")
        if b"gunicorn" not in (master / "cmdline").read_bytes():
            return None
        return len((master / "task" / master.name / "children").read_text().split())
    except OSError:
        return None


def _media(settings: Settings) -> Check:
    check = partial(Check, "视频")
    if settings.media_url:
        return check(State.UNKNOWN, f"由 {settings.media_url} 提供，不归这台服务器管。")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    connection = http.client.HTTPConnection(host, settings.media_port, timeout=1)
    began = time.perf_counter()
    try:
        connection.request("HEAD", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return check(
            State.ALARM,
            f"视频服务没有应答（端口 {settings.media_port}），作品放不出来；投票不受影响。",
            "几秒内会自动重启；一直不行，请重新启动网站，并看服务器上的日志。",
        )
    finally:
        connection.close()
    return check(State.GOOD, f"{1000 * (time.perf_counter() - began):.1f} 毫秒应答。")


def _worker(kept: Kept, now_ms: int) -> Check:
    check = partial(Check, "后台进程")
    if not kept.reachable:
        return check(State.UNKNOWN, "临时数据库连不上，看不到它的动静。")
    if not running(kept, now_ms):
        return check(
            State.ALARM,
            "没有运行：图表停住，导出和收件不会开始，磁盘满时也没有人暂停投票。投票本身不受影响。",
            "用 make run 启动的网站会自动重启它；一直不行，请重新启动网站。",
        )
    return check(State.GOOD, f"{max(0, now_ms - kept.beat_ms) // 1000} 秒前还在动。")


def _log(kept: Kept) -> Check:
    check: Callable[..., Check] = partial(Check, "操作记录", href="/organizer/log")
    if kept.flaw is None:
        return check(State.UNKNOWN, "后台进程还没有核对过。")
    if kept.flaw:
        return check(
            State.ALARM,
            f"记录链断了：{kept.flaw}。",
            "说明有人绕过后台改过记录。请先不要公布结果，把这一页交给监督人员核对。",
        )
    return check(State.GOOD, "每一行都核对过，没有被改过。")


def _ms(found: Pulse) -> str:
    return f"{found.latency_ms:.1f} 毫秒"
