"""Appeals: what somebody asks about an entry or about removed votes, and what organizers answer.

Nobody who appeals says who they are: a random ticket is the only way back to the answer. Plain
data; the ticket; what is kept of a text; and what in it would tell who wrote it.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

LONGEST: Final = 1_000
LONGEST_ANSWER: Final = 1_000
#: What is kept of an abuse: enough to see that it was one.
KEPT_OF_ABUSE: Final = 200

#: None of these looks like another, in any hand: no 0 and O and Q, 1 and I and L, 2 and Z, 5 and S,
#: 8 and B, U and V, G and 6.
_LETTERS: Final = "ACDEFHJKMNPRTVWXY34679"
#: Five groups of four: 89 bits.
_GROUPS, _IN_A_GROUP = 5, 4


class State(enum.StrEnum):
    """Where an appeal stands."""

    WAITING = "waiting"
    ANSWERED = "answered"
    ABUSE = "abuse"


STATE_WORDS: Final[Mapping[State, str]] = {
    State.WAITING: "待答复",
    State.ANSWERED: "已答复",
    State.ABUSE: "未受理",
}


@dataclass(frozen=True, slots=True)
class About:
    """What an appeal is about: an entry's number, or votes removed on a day (days since the epoch)
    for a reason as the panel names it; 0 and '' where it isn't about that. All of them 0 and '':
    removed votes in general.
    """

    entry: int = 0
    day: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Appeal:
    """`ticket` is the SHA-256 of the ticket, so that the store doesn't tell one.

    `published`: the answer is to be read by everybody; the appeal's own text never is.
    """

    number: int
    at_ms: int
    ticket: str
    about: About
    text: str
    state: State = State.WAITING
    answer: str = ""
    answered_ms: int = 0
    published: bool = False


def new_ticket() -> str:
    """`K7QM-…`: readable groups of letters and digits that can't be taken for each other."""
    return "-".join(
        "".join(secrets.choice(_LETTERS) for _ in range(_IN_A_GROUP)) for _ in range(_GROUPS)
    )


def read_ticket(written: str) -> str:
    """The ticket as it was given out, however somebody has copied it: small letters, full-width
    ones, spaces; '' if it can't be one."""
    plain = re.sub(r"[\s\-‐-―_.·]", "", unicodedata.normalize("NFKC", written[:100])).upper()
    if len(plain) != _GROUPS * _IN_A_GROUP or set(plain) - set(_LETTERS):
        return ""
    return "-".join(plain[n : n + _IN_A_GROUP] for n in range(0, len(plain), _IN_A_GROUP))


def digest_of(ticket: str) -> str:
    """What the store knows a ticket by. It is found by its digest, so how long a search takes tells
    nothing of the tickets there are."""
    return hashlib.sha256(ticket.encode()).hexdigest()


# --- what is kept of a text -----------------------------------------------------------------------

#: Letters by their category that are as wide as nothing.
_FILLERS: Final = "\u115f\u1160\u2800\u3164\uffa0"


def cleaned(text: str) -> str:
    """The text without what can't be seen: control characters, marks that turn its direction or
    have no width, towers of accents; with two line breaks together at most."""
    plain = re.sub(r"\r\n?|[\u2028\u2029\x0b\x0c]", "\n", text)
    kept: list[str] = []
    for one in unicodedata.normalize("NFC", plain):
        kind = unicodedata.category(one)
        if one == "\n" or one == "\t" or kind == "Zs":
            kept.append("\n" if one == "\n" else " ")
        elif kind[0] == "C" or one in _FILLERS:
            continue
        elif kind[0] != "M" or (kept and unicodedata.category(kept[-1])[0] == "L"):
            kept.append(one)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r" *\n *", "\n", "".join(kept))).strip()


# --- what would tell who wrote it -----------------------------------------------------------------

_DIGITS = str.maketrans(
    "〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖幺两", "0012345678912345678912"
)
_BETWEEN = r"[ \-—–_.·,，、/*()（）]{0,3}"


def _run(first: str, more: int) -> str:
    """So many digits after the first ones, whatever little stands between them."""
    return rf"{first}(?:{_BETWEEN}\d){{{more}}}"


_MOBILE = re.compile(rf"(?<!\d)(?:\+?86{_BETWEEN})?{_run(rf'1{_BETWEEN}[3-9]', 9)}(?!\d)")
_LANDLINE = re.compile(
    r"(?<!\d)0\d{2,3}[ \-—–)）]{0,2}\d{7,8}(?!\d)|400[ -]?\d{3}[ -]?\d{4}(?!\d)"
)
_ID_NUMBER = re.compile(
    r"(?<!\d)[1-9]\d{5} ?(?:19|20)\d{2} ?(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r" ?\d{3}[\dx](?![\da-z])"
)
_E_MAIL = re.compile(
    r"[a-z0-9][\w.+-]{0,63} ?(?:@|\[at\]|\(at\)| at ) ?[a-z0-9][\w-]{0,63}(?: ?\. ?|点)[a-z]{2,}"
)
_WECHAT = r"(?:微信|薇信|威信|微芯|v信|weixin|wechat|(?<![a-z])[wv]x(?![a-z]))"
_ACCOUNT = re.compile(
    rf"{_WECHAT}(?:号|id)? ?[:是为加=] ?[a-z][\w-]{{4,19}}"
    rf"|{_WECHAT}(?:号|id)[ :是为加=]{{0,4}}[a-z0-9][\w-]{{4,19}}"
    r"|(?<![a-z])[wv]x[ :]{0,2}(?=[a-z_-]*\d)[a-z0-9][\w-]{5,19}|wxid_\w{5,}"
    r"|(?:qq|扣扣|企鹅)(?:号|群)?[ :是为加=]{0,4}[1-9]\d{4,10}(?!\d)"
)

CONTACTS: Final = (
    ("手机号", _MOBILE),
    ("身份证号", _ID_NUMBER),
    ("电话号码", _LANDLINE),
    ("邮箱", _E_MAIL),
    ("微信号或 QQ 号", _ACCOUNT),
)


def contact_in(text: str) -> str:
    """What in the text is a way to reach somebody, or says who they are: `手机号`; '' if nothing
    seems to be. Digits may be written in Chinese, full-width, or apart."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    for spelled in (plain, plain.translate(_DIGITS)):
        for word, pattern in CONTACTS:
            if pattern.search(spelled):
                return word
    return ""


# --- as text --------------------------------------------------------------------------------------


def write(appeal: Appeal) -> str:
    return json.dumps(asdict(appeal), ensure_ascii=False, separators=(",", ":"))


def read(text: bytes | str) -> Appeal:
    """What `write` has written."""
    fields = json.loads(text)
    return Appeal(
        **fields | {"about": About(**fields["about"]), "state": State(fields["state"])}
    )
