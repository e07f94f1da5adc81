"""操作记录: who did what, when and why, and whether anybody has changed it since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, timedelta
from typing import Final

from flask import render_template, request, url_for

from voting.contest import SHANGHAI, moment
from voting.organizer import Power
from voting.store.log import (
    COMMAND_LINE,
    DECISIONS,
    KIND_WORDS,
    SITE,
    Act,
    Kind,
    subject_words,
)
from voting.web.organizer.gate import console, may
from voting.web.site import this_site

ROWS = 100
#: How long what this process has checked is only counted; a log of thousands takes seconds.
TRUSTED_S = 60.0

OF_ACCOUNTS: Final = frozenset(
    {
        Kind.ACCOUNT_ADD, Kind.ACCOUNT_CHANGE, Kind.ACCOUNT_DISABLE, Kind.ACCOUNT_ENABLE,
        Kind.LOG_IN, Kind.LOG_OUT, Kind.LOG_IN_FAILED,
    }
)  # fmt: skip
#: Several kinds under one word.
GROUPS: Final = {
    "decisions": ("影响结果的决定", DECISIONS),
    "accounts": ("账号和登录", OF_ACCOUNTS),
    "intake": ("收件", frozenset({Kind.INTAKE, Kind.DISCARD, Kind.TAKE_IN})),
    "files": ("导出和下载", frozenset({Kind.EXPORT, Kind.DOWNLOAD})),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page's visitor looks for; '' is everything. `since` and `until` are days."""

    by: str
    kind: str
    subject: str
    since: str
    until: str

    def wanted(self) -> Callable[[Act], bool]:
        kinds = GROUPS[self.kind][1] if self.kind in GROUPS else {self.kind}
        since, until = _day(self.since), _day(self.until)
        first_ms = _ms(since) if since else 0
        end_ms = _ms(until + timedelta(days=1)) if until else 1 << 62
        subjects = {self.subject, self.subject.removesuffix("号").strip().lstrip("0")}

        def wanted(act: Act) -> bool:
            return (
                (not self.by or act.by == self.by)
                and (not self.kind or act.kind in kinds)
                and (not self.subject or act.subject in subjects)
                and first_ms <= act.at_ms < end_ms
            )

        return wanted

    def address(self, before: int = 0) -> str:
        parts = {name: getattr(self, name) for name in self.__slots__}
        if before:
            parts["before"] = str(before)
        return url_for("organizer.log", **{name: value for name, value in parts.items() if value})


@console.get("/log")
@may(Power.READ_LOG)
def log() -> str:
    store, words = this_site().store, request.args
    asked = Asked(*(words.get(name, "").strip()[:40] for name in Asked.__slots__))
    before = min(max(0, words.get("before", 0, type=int)), 1 << 62)
    acts, older = store.log.find(asked.wanted(), ROWS, before)
    return render_template(
        "organizer/log.html",
        chain=store.log.chain(TRUSTED_S),
        acts=acts,
        older=asked.address(older) if older else "",
        newest=asked.address() if before else "",
        asked=asked,
        looking=any(getattr(asked, name) for name in Asked.__slots__),
        people=[*store.accounts.all(), COMMAND_LINE, SITE],
        kinds=KIND_WORDS,
        groups=GROUPS,
        subject_words=subject_words,
        exact=exact,
    )


def exact(ms: int) -> str:
    """`2025-08-01 09:00:07`, in the contest's time zone."""
    return str(moment(ms))


def _day(text: str) -> datetime | None:
    """None for what is no day, or one at the end of all days, which has no next."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=SHANGHAI)
    except ValueError:
        return None
    return day if day.year < MAXYEAR else None


def _ms(day: datetime) -> int:
    return int(day.timestamp() * 1000)
