"""Who is organizing: accounts, their roles, and what each role may do."""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Final

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

#: OWASP's first choice for argon2id: 19 MiB and two passes, so that a crowd at the log-in can't
#: take the memory that votes need.
_hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 200
LONGEST_NAME: Final = 40

#: Letters, digits and Chinese, joined by single spaces, hyphens, dots; so that no name can turn
#: the line that it stands in, or look like another one's by what can't be seen.
_NAME = re.compile(r"[^\W_]+([ ._·-][^\W_]+)*")

#: Who signs rows of the operators' log without an account.
_TAKEN = frozenset({"命令行", "系统"})


class Role(StrEnum):
    ORGANIZER = "organizer"
    REVIEWER = "reviewer"
    SUPERVISOR = "supervisor"


ROLE_WORDS: Final = {
    Role.ORGANIZER: "组织者",
    Role.REVIEWER: "审核员",
    Role.SUPERVISOR: "监督员",
}


class Power(StrEnum):
    """Something that an account may be allowed to do. Each console route asks for one of these."""

    SELF = "self"  # one's own password
    LOOK = "look"  # dashboard, entries, results
    REVIEW = "review"  # take submissions in, approve, refuse, correct
    WITHDRAW = "withdraw"  # take a public entry away, restore it
    INSPECT = "inspect"  # what scrutiny found: who sees it could tell sellers what is noticed
    DECIDE = "decide"  # about batches of votes: hold, keep, void, put back
    RULE = "rule"  # phases of the vote, publishing
    EXPORT = "export"  # tallies, entries, decisions, masked ledger, packs
    EXPORT_SIGNALS = "export_signals"  # the ledger with its network and address pseudonyms
    ANSWER = "answer"  # appeals
    READ_LOG = "read_log"
    ACCOUNTS = "accounts"  # make, change and disable accounts


POWERS: Final[dict[Role, frozenset[Power]]] = {
    Role.ORGANIZER: frozenset(Power),
    Role.REVIEWER: frozenset({Power.SELF, Power.LOOK, Power.REVIEW}),
    Role.SUPERVISOR: frozenset(
        {
            Power.SELF, Power.LOOK, Power.INSPECT, Power.EXPORT, Power.EXPORT_SIGNALS,
            Power.READ_LOG,
        }
    ),
}


@dataclass(frozen=True, slots=True)
class Account:
    """`password` is an argon2id hash; `since_ms` is when the account was made; `handed_over`: the
    password came from somebody else, so its owner must choose another before anything else;
    `changes` counts them, because each ends the sessions begun before it.
    """

    name: str
    role: Role
    password: str
    since_ms: int
    disabled: bool = False
    handed_over: bool = False
    changes: int = 0

    def may(self, power: Power) -> bool:
        return not self.disabled and power in POWERS[self.role]


def plain_name(name: str) -> str:
    """The name in one way of writing it: full-width and composed characters are the plain ones."""
    return unicodedata.normalize("NFKC", name)


def why_no_name(name: str) -> str:
    """What is wrong with an account's name, in one sentence; '' if nothing is."""
    if not name:
        return "请写名字"
    if len(name) > LONGEST_NAME:
        return f"名字最多 {LONGEST_NAME} 个字"
    if not _NAME.fullmatch(name):
        return "名字只能用汉字、字母和数字；中间可以有一个空格、点或短横，开头和结尾不能有"
    if name in _TAKEN:
        return f"“{name}”在操作记录里另有所指，请换一个名字"
    return ""


def why_weak(password: str, name: str) -> str:
    """What is wrong with a password for this account, in one sentence; '' if nothing is."""
    plain, its_name = _plain(password).casefold(), plain_name(name).casefold()
    if len(password) < SHORTEST_PASSWORD:
        return f"密码至少 {SHORTEST_PASSWORD} 个字符"
    if len(password) > LONGEST_PASSWORD:
        return f"密码最多 {LONGEST_PASSWORD} 个字符"
    if its_name in plain and not plain.replace(its_name, "").strip("0123456789 ._-@!"):
        return "密码不能只是名字加几个数字"
    if plain in _most_common() or _counts(plain) or len(set(plain)) < 5:
        return "这个密码太常见，别人一猜就中；可以用几个不相干的词连起来"
    return ""


def new_password() -> str:
    """Sixteen characters in groups, 79 bits, none that look alike: read out or copied once."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def hash_password(password: str) -> str:
    """About 30 ms of processor time and 19 MiB."""
    return _hasher.hash(_plain(password))


#: What a wrong name is compared with, so that it takes as long as a wrong password; nobody knows
#: what it is the hash of.
NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$FwhBf8nspwSkydAO9l6LgQ"
    "$HM3IQrlkxnwUXf4FVQmYUJhrwxjBzi2GzEWlIJZ5/ow"
)


def is_password(account: Account | None, password: str) -> bool:
    """Whether `password` opens the account; takes the same time where there is none."""
    try:
        right = _hasher.verify(account.password if account else NOBODYS, _plain(password))
    except (VerificationError, InvalidHashError):
        return False
    return right and account is not None and not account.disabled


def _plain(password: str) -> str:
    """One password however a keyboard writes it: Chinese ones like full-width digits."""
    return unicodedata.normalize("NFKC", password)


def _counts(password: str) -> bool:
    """Whether each character follows the one before it: 1234567890, abcdefghij, 0987654321."""
    steps = {ord(b) - ord(a) for a, b in pairwise(password)}
    return len(steps) == 1 or (steps <= {1, -9} or steps <= {-1, 9})


@cache
def _most_common() -> frozenset[str]:
    """Those of at least ten characters; what only repeats or counts is found by rule."""
    file = resources.files("voting").joinpath("weak_passwords.txt")
    return frozenset(file.read_text(encoding="utf-8").split())
