"""contest.toml and the environment → frozen Contest and Settings, or a refusal that says where."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from voting.contest import (
    SHANGHAI,
    Category,
    CloseCall,
    Closing,
    Counts,
    Law,
    Notice,
    Period,
    Quiet,
    Tie,
)

ROOT = Path(__file__).resolve().parent.parent
#: What scrutiny needs besides (requirements-scrutiny.txt), and nothing else does.
FOR_SCRUTINY = ("numpy", "scipy", "polars")
Choice = TypeVar("Choice", bound=StrEnum)
SECRETS = ("SIGNING", "PSEUDONYM", "SEALING")
#: A list, a quoted text, or whatever stands before a comment.
WRITTEN = re.compile(r"""\[[^\]]*\]|"[^"\n]*"|'[^'\n]*'|[^#\n]*""")


class Refused(Exception):  # noqa: N818 the plain word
    """The configuration can't be used; the text is one sentence for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Contest:
    """contest.toml, checked."""

    id: str
    name: str
    subtitle: str
    organizers: tuple[str, ...]
    demo: bool
    cities: tuple[str, ...]
    notice: Notice
    law: Law
    award: str
    new_passes_per_hour: int
    challenge_work: int
    votes_per_second: int
    wechat_verify: tuple[str, ...]
    tagline: str
    privacy_contact: str
    retention_days: int
    icp: str
    police: str

    @property
    def categories(self) -> Mapping[str, Category]:
        return self.notice.categories


class Table:
    """One table of a TOML file, read key by key; refuses with file, line and what is allowed."""

    def __init__(self, path: Path, text: str, document: Mapping[str, Any], name: str) -> None:
        self.path, self.text, self.name = path, text, name
        self.values: Any = document
        for part in name.split("."):
            self.values = self.values.get(part) if isinstance(self.values, Mapping) else None
        if not isinstance(self.values, Mapping):
            raise Refused(f"{path}：缺少 [{name}] 这一段")
        self.read: set[str] = set()

    def refuse(self, key: str, problem: str, allowed: str) -> Refused:
        where = f"{self.path}{self.place(key)[0]} [{self.name}] {key}"
        return Refused(f"{where}：{problem}；允许：{allowed}")

    def wrong(self, key: str, allowed: str) -> Refused:
        return self.refuse(key, f"写成了 {self.place(key)[1]}", allowed)

    def place(self, key: str) -> tuple[str, str]:
        """The key's line as “ 第 7 行”, if it has one of its own, and its value as written."""
        section, lines = "", self.text.splitlines()
        for number, line in enumerate(lines, start=1):
            if header := re.match(r"\s*\[([^\[\]]+)\]", line):
                section = header[1].strip()
            elif section == self.name and re.match(rf"\s*{re.escape(key)}\s*=", line):
                rest = "\n".join(lines[number - 1 :]).partition("=")[2].lstrip()
                written = WRITTEN.match(rest)
                return f" 第 {number} 行", " ".join(written[0].split()) if written else ""
        return "", str(self.values.get(key, ""))

    def take(self, key: str, kind: type, allowed: str) -> Any:
        self.read.add(key)
        if key not in self.values:
            raise self.refuse(key, "没有写", allowed)
        value = self.values[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.wrong(key, allowed)
        return value

    def word(self, key: str, allowed: str = "一段文字，不能为空", *, empty: bool = False) -> str:
        value: str = self.take(key, str, allowed)
        if not value.strip() and not empty:
            raise self.refuse(key, "是空的", allowed)
        return value.strip()

    def words(self, key: str) -> tuple[str, ...]:
        allowed = "一组文字，至少一个，都不为空"
        values: list[Any] = self.take(key, list, allowed)
        if not values or not all(isinstance(v, str) and v.strip() for v in values):
            raise self.wrong(key, allowed)
        return tuple(value.strip() for value in values)

    def number(self, key: str, low: int, high: int) -> int:
        allowed = f"{low} 到 {high} 的整数"
        value: int = self.take(key, int, allowed)
        if not low <= value <= high:
            raise self.wrong(key, allowed)
        return value

    def flag(self, key: str) -> bool:
        return bool(self.take(key, bool, "true 或 false"))

    def choice(self, key: str, kind: type[Choice]) -> Choice:
        allowed = "、".join(f'"{one}"' for one in kind)
        value = self.take(key, str, allowed)
        if value not in set(kind):
            raise self.wrong(key, allowed)
        return kind(value)

    def moment(self, key: str, demo_word: str) -> datetime | str:
        allowed = f'形如 2025-08-01T09:00:00 的北京时间，或演示用的 "{demo_word}"'
        value = self.take(key, object, allowed)
        if value == demo_word:
            return demo_word
        if not isinstance(value, datetime):
            raise self.wrong(key, allowed)
        return value.astimezone(SHANGHAI) if value.tzinfo else value.replace(tzinfo=SHANGHAI)

    def done(self) -> None:
        unknown = sorted(set(self.values) - self.read)
        if unknown:
            raise self.refuse(unknown[0], "不认识这个键", "、".join(sorted(self.read)))


def load_contest(path: Path) -> Contest:
    """Read and check contest.toml; raises Refused with one sentence."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows likes to put a mark before the text
        document = tomllib.loads(text)
    except OSError as error:
        raise Refused(f"{path}：读不到大赛配置文件（{error.strerror}）") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path}：文字编码不对，请另存为 UTF-8 编码") from error
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{path}：不是正确的 TOML 文件（{error}）") from error

    tables = ("contest", "categories", "entries", "voting", "result", "closing", "throttle",
              "wechat", "texts", "footer")  # fmt: skip
    if unknown := sorted(set(document) - set(tables)):
        raise Refused(f"{path}：不认识 [{unknown[0]}]；允许：{'、'.join(tables)}")

    def table(name: str) -> Table:
        return Table(path, text, document, name)

    about, throttle, texts, footer = map(table, ("contest", "throttle", "texts", "footer"))
    wechat = table("wechat")
    result = table("result")
    contest = Contest(
        id=_identifier(about),
        name=about.word("name"),
        subtitle=about.word("subtitle"),
        organizers=about.words("organizers"),
        demo=about.flag("demo"),
        cities=about.words("cities"),
        notice=_notice(table),
        award=result.word("award"),
        law=_law(table("voting"), result, _closing(table) if "closing" in document else Closing()),
        new_passes_per_hour=throttle.number("new_passes_per_hour", 1, 1_000_000),
        challenge_work=throttle.number("challenge_work", 1, 100_000_000),
        votes_per_second=throttle.number("votes_per_second", 1, 100_000),
        wechat_verify=_verify(wechat),
        tagline=texts.word("tagline"),
        privacy_contact=texts.word("privacy_contact"),
        retention_days=texts.number("retention_days", 1, 730),
        icp=footer.word("icp", empty=True),
        police=footer.word("police", empty=True),
    )
    for one in (about, throttle, wechat, texts, footer):
        one.done()
    return contest


def _identifier(about: Table) -> str:
    allowed = "3 到 40 个小写字母、数字和连字符"
    value = about.word("id", allowed)
    if not re.fullmatch(r"[a-z0-9-]{3,40}", value):
        raise about.wrong("id", allowed)
    return value


def _verify(wechat: Table) -> tuple[str, ...]:
    """What stands in the file names between `MP_verify_` and `.txt`; it is the content too."""
    allowed = '一组公众平台给的文件名，可以为空，例如 ["MP_verify_AbCd1234.txt"]'
    names: list[Any] = wechat.take("verify", list, allowed)
    found = [re.fullmatch(r"MP_verify_([A-Za-z0-9]{1,64})\.txt", str(name)) for name in names]
    if not all(found):
        raise wechat.wrong("verify", allowed)
    return tuple(name[1] for name in found if name)


def _categories(table: Any) -> dict[str, Category]:
    found = table("categories")
    for key in ("live", "ai"):
        found.take(key, dict, "name 和 max_seconds")
    found.done()
    categories = {}
    for key in ("live", "ai"):
        one = table(f"categories.{key}")
        categories[key] = Category(key, one.word("name"), one.number("max_seconds", 1, 3600),
                                   ai=key == "ai")
        one.done()
    return categories


def _notice(table: Any) -> Notice:
    entries = table("entries")
    notice = Notice(
        categories=_categories(table),
        sizes=_sizes(entries),
        introduction_chars=entries.number("introduction_chars", 1, 5000),
    )
    entries.done()
    return notice


def _sizes(entries: Table) -> tuple[tuple[int, int], ...]:
    found = [re.fullmatch(r"([1-9]\d{1,4})[x×*]([1-9]\d{1,4})", size.replace(" ", ""))
             for size in entries.words("sizes")]  # fmt: skip
    if not all(found):
        raise entries.wrong("sizes", '一组宽x高，例如 ["1920x1080", "1080x1920"]')
    return tuple((int(size[1]), int(size[2])) for size in found if size)


def _closing(table: Any) -> Closing:
    """Whoever says nothing of the end has it as it was before there was anything to say."""
    closing = table("closing")
    found = Closing(
        quiet_hours=closing.number("quiet_hours", 0, 168),
        quiet=closing.choice("quiet", Quiet),
        round_to=closing.number("round_to", 2, 100_000),
        review_hours=closing.number("review_hours", 0, 2160),
        close_call=closing.choice("close_call", CloseCall),
    )
    closing.done()
    return found


def _law(voting: Table, result: Table, closing: Closing) -> Law:
    law = Law(
        opens=voting.moment("opens", "yesterday"),
        closes=voting.moment("closes", "in two weeks"),
        votes_per_voter=(per_voter := voting.number("votes_per_voter", 1, 100)),
        votes_per_entry=voting.number("votes_per_entry", 1, per_voter),
        period=voting.choice("period", Period),
        winners=result.number("winners", 1, 1000),
        tie=result.choice("tie", Tie),
        counts=result.choice("counts", Counts),
        votes_per_device=voting.number("votes_per_device", 0, per_voter),
        closing=closing,
    )
    if isinstance(law.opens, str) and isinstance(law.closes, datetime):
        raise voting.refuse("closes", '和 opens 的演示写法合不到一起', '"in two weeks"')
    if isinstance(law.opens, datetime) and isinstance(law.closes, datetime) \
            and law.closes <= law.opens:
        raise voting.refuse("closes", f"{law.closes:%Y-%m-%d %H:%M} 不晚于开始时间",
                            f"{law.opens:%Y-%m-%d %H:%M} 之后的时间")
    voting.done()
    result.done()
    return law


@dataclass(frozen=True, slots=True)
class Keys:
    """The three secrets. Backups never contain `pseudonym`."""

    signing: bytes
    pseudonym: bytes
    sealing: bytes


@dataclass(frozen=True, slots=True)
class WeChat:
    """The official account that voters sign in with, and where WeChat is reached."""

    app_id: str
    app_secret: str = field(repr=False)
    api_url: str = "https://api.weixin.qq.com"
    open_url: str = "https://open.weixin.qq.com"
    sdk_url: str = "https://res.wx.qq.com/open/js/jweixin-1.6.0.js"


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment, checked; see config/example.env for each variable."""

    host: str
    port: int
    media_port: int
    media_url: str
    public_url: str
    data_dir: Path
    contest_file: Path
    redis_url: str
    throttle_url: str
    shards: int
    accept_unknown_durability: bool
    trusted_proxies: int
    web_workers: int
    scrutiny_minutes: int = 5
    metrics_token: str = field(default="", repr=False)
    wechat: WeChat | None = None

    @property
    def runtime_dir(self) -> Path:
        """Short, because a Unix socket's path must stay under 108 bytes; one per DATA_DIR."""
        place = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:12]
        return Path("/tmp") / f"voting-{os.getuid()}-{place}"  # noqa: S108 checked to be ours

    @property
    def law_url(self) -> str:
        return self.redis_url or f"unix://{self.runtime_dir}/law.sock"

    @property
    def politeness_url(self) -> str:
        return self.throttle_url or f"unix://{self.runtime_dir}/throttle.sock"

    @property
    def media_dir(self) -> Path:
        return self.data_dir / "media"

    @property
    def public_dir(self) -> Path:
        """Links to the media of approved entries, nothing else: what the media server serves."""
        return self.data_dir / "public"

    def keys(self, environ: Mapping[str, str] | None = None) -> Keys:
        """The secrets from environment, file or DATA_DIR/keys; raises Refused if one is missing."""
        given = os.environ if environ is None else environ
        folder = self.data_dir / "keys"
        return Keys(*(_secret(given, name, folder) for name in SECRETS))

    def make_keys(self, environ: Mapping[str, str] | None = None) -> None:
        """Make in DATA_DIR/keys what is missing there and not given by the environment.

        Only whoever starts a site does so: to others a missing secret means a wrong DATA_DIR.
        """
        given = os.environ if environ is None else environ
        folder = self.data_dir / "keys"
        try:
            for name in SECRETS:
                if not given.get(f"{name}_KEY") and not given.get(f"{name}_KEY_FILE"):
                    _make_secret(folder / name.lower())
        except OSError as error:
            raise Refused(f"{folder} can't be written ({error.strerror})") from error


def _secret(environ: Mapping[str, str], name: str, folder: Path) -> bytes:
    variable = f"{name}_KEY"
    if value := environ.get(variable, ""):
        return _long_enough(value.encode(), variable)
    if file := environ.get(f"{variable}_FILE", ""):
        try:
            return _long_enough(Path(file).read_bytes().strip(), f"{variable}_FILE")
        except OSError as error:
            raise Refused(f"{variable}_FILE: {file} can't be read ({error.strerror})") from error
    path = folder / name.lower()
    try:
        return _long_enough(path.read_bytes().strip(), str(path))
    except FileNotFoundError as error:
        raise Refused(f"DATA_DIR {folder.parent} 里没有密钥：DATA_DIR 写对了吗？") from error
    except OSError as error:
        raise Refused(f"{path} can't be read ({error.strerror})") from error


def _make_secret(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.token_hex(32))
    try:
        os.link(fresh, path)  # atomic, and the first of several processes wins
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _long_enough(value: bytes, where: str) -> bytes:
    if len(value) < 32:
        raise Refused(f"{where}: a secret needs at least 32 characters, this one has {len(value)}")
    return value


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check the environment; raises Refused with one sentence."""
    given = os.environ if environ is None else environ

    def text(name: str, default: str) -> str:
        return given.get(name, "").strip() or default

    def number(name: str, default: int, low: int, high: int) -> int:
        value = text(name, str(default))
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise Refused(f"{name}={value}: must be a whole number from {low} to {high}")
        return int(value)

    def url(name: str, schemes: tuple[str, ...]) -> str:
        value = text(name, "").rstrip("/")
        if value and not value.startswith(schemes):
            raise Refused(f"{name}={value}: must start with {' or '.join(schemes)}")
        return value

    def page(name: str) -> str:
        value = url(name, web)
        if re.search(r"[^!-~]|[;,'\"]", value):  # it goes into headers, and the pages' policy
            raise Refused(f"{name}={value!r}: must be a URL, without spaces and such")
        return value

    web = ("http://", "https://")
    stores = ("unix://", "redis://", "rediss://", "redis+sentinel://", "redis+cluster://")
    port = number("PORT", 8000, 1, 65534)
    accept = text("ACCEPT_UNKNOWN_DURABILITY", "no")
    if accept not in ("yes", "no"):
        raise Refused(f"ACCEPT_UNKNOWN_DURABILITY={accept}: must be yes or no")
    return Settings(
        host=text("HOST", "0.0.0.0"),  # noqa: S104 phones in the LAN must reach it
        port=port,
        media_port=number("MEDIA_PORT", port + 1, 1, 65535),
        media_url=page("MEDIA_URL"),
        public_url=_host_alone("PUBLIC_URL", page("PUBLIC_URL")),
        data_dir=Path(text("DATA_DIR", "var")).absolute(),
        contest_file=Path(text("CONTEST_FILE", str(ROOT / "config" / "contest.toml"))),
        redis_url=url("REDIS_URL", stores),
        throttle_url=url("THROTTLE_URL", stores),
        shards=number("SHARDS", 1, 1, 64),
        accept_unknown_durability=accept == "yes",
        trusted_proxies=number("TRUSTED_PROXIES", 0, 0, 10),
        web_workers=number("WEB_WORKERS", 2, 1, 64),
        scrutiny_minutes=number("SCRUTINY_MINUTES", 5, 0, 1440),
        metrics_token=_hard_to_guess(
            text("METRICS_TOKEN", "")
            or _content_of("METRICS_TOKEN_FILE", text("METRICS_TOKEN_FILE", ""))
        ),
        wechat=_wechat(
            text("WECHAT_APP_ID", ""),
            text("WECHAT_APP_SECRET", "")
            or _content_of("WECHAT_APP_SECRET_FILE", text("WECHAT_APP_SECRET_FILE", "")),
            api_url=page("WECHAT_API_URL"),
            open_url=page("WECHAT_OPEN_URL"),
            sdk_url=page("WECHAT_SDK_URL"),
        ),
    )


def missing_for_scrutiny() -> tuple[str, ...]:
    """The libraries of scrutiny that aren't installed; none is imported for that."""
    return tuple(name for name in FOR_SCRUTINY if importlib.util.find_spec(name) is None)


def refuse_without_voters(contest: Contest, settings: Settings) -> None:
    """Raises Refused where contest.toml lets nobody vote but accounts, and there are none."""
    if not contest.law.votes_per_device and not settings.wechat:
        raise Refused(
            f"{settings.contest_file}：votes_per_device = 0 表示只能在微信里登录后投票，"
            "可是没有接公众号（WECHAT_APP_ID、WECHAT_APP_SECRET），谁也投不了"
        )


def _hard_to_guess(token: str) -> str:
    """Nobody counts how often /metrics is asked, so its token must be long; '' for none."""
    if token and not re.fullmatch(r"[!-~]{32,}", token):
        raise Refused("METRICS_TOKEN: needs at least 32 characters, plain ones without spaces")
    return token


def _host_alone(name: str, url: str) -> str:
    """The site's own links begin at the root, so it can't live in a folder of a host."""
    if url and not re.fullmatch(r"https?://[^/?#@]+", url):
        raise Refused(f"{name}={url}: must be a scheme and a host, without a path")
    return url


def _wechat(app_id: str, app_secret: str, **urls: str) -> WeChat | None:
    if not app_id and not app_secret:
        return None
    if not app_secret:
        raise Refused("WECHAT_APP_ID is set without WECHAT_APP_SECRET: signing in needs both")
    if not app_id:
        raise Refused("WECHAT_APP_SECRET is set without WECHAT_APP_ID: signing in needs both")
    if not re.fullmatch(r"wx[A-Za-z0-9]{2,62}", app_id):
        # Not shown: it may well be the AppSecret, and an AppID is shown to everybody.
        raise Refused("WECHAT_APP_ID: an AppID is wx followed by letters and digits")
    return WeChat(app_id, app_secret, **{name: value for name, value in urls.items() if value})


def _content_of(name: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii").strip() if file else ""
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not plain text"
        raise Refused(f"{name}: {file} can't be read ({why})") from error
