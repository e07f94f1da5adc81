"""contest.toml and the environment: each refusal says where and what is allowed."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from staging import rewritten

from voting import prepare
from voting.contest import SHANGHAI, Closing, Counts, Period, Tie
from voting.settings import ROOT, Keys, Refused, load_contest, load_settings

REAL = ROOT / "config" / "contest.toml"
ORGANIZERS = '["山东省大数据局", "共青团山东省委", "山东省教育厅"]'
THREE_CITIES = '"济南", "青岛", "淄博"'

#: What is written instead of what, then the table and the key that the refusal must name.
WRONG = [
    ('id = "ai-shandong-vlog-2025"', 'id = "AI Shandong"', "contest", "id"),
    ('id = "ai-shandong-vlog-2025"', 'id = "ab"', "contest", "id"),
    ('id = "ai-shandong-vlog-2025"', f'id = "{"a" * 41}"', "contest", "id"),
    ('id = "ai-shandong-vlog-2025"', "id = 2025", "contest", "id"),
    ('name = "AI山东·全民共“数”"', 'name = ""', "contest", "name"),
    ('name = "AI山东·全民共“数”"', 'name = "  "', "contest", "name"),
    ('name = "AI山东·全民共“数”"', "name = 7", "contest", "name"),
    ('name = "AI山东·全民共“数”"', "", "contest", "name"),
    ('subtitle = "', '# subtitle = "', "contest", "subtitle"),
    ('organizers = ["', 'organisers = ["', "contest", "organizers"),
    (ORGANIZERS, "[]", "contest", "organizers"),
    (ORGANIZERS, '["甲", " "]', "contest", "organizers"),
    (ORGANIZERS, '"甲"', "contest", "organizers"),
    (ORGANIZERS, '["甲", 1]', "contest", "organizers"),
    ("demo = true", 'demo = "yes"', "contest", "demo"),
    ("demo = true", "demo = 1", "contest", "demo"),
    ("demo = true", "demo = true\ncolour = 1", "contest", "colour"),
    (THREE_CITIES, '"济南", "", "淄博"', "contest", "cities"),
    ("[categories.ai]", "[categories.drone]", "categories", "ai"),
    ("[voting]\n", "[categories.drone]\n[voting]\n", "categories", "drone"),
    ("max_seconds = 180", "max_seconds = 0", "categories.live", "max_seconds"),
    ("max_seconds = 180", "max_seconds = 3601", "categories.live", "max_seconds"),
    ("max_seconds = 180", 'max_seconds = "180"', "categories.live", "max_seconds"),
    ("max_seconds = 120", "max_seconds = 120.5", "categories.ai", "max_seconds"),
    ("max_seconds = 120", "max_seconds = true", "categories.ai", "max_seconds"),
    ("max_seconds = 120", "max_seconds = 120\nfps = 25", "categories.ai", "fps"),
    ('name = "AI创作"', "", "categories.ai", "name"),
    ('opens = "yesterday"', 'opens = "tomorrow"', "voting", "opens"),
    ('opens = "yesterday"', 'opens = "2025-08-01T09:00:00"', "voting", "opens"),
    ('opens = "yesterday"', "opens = 2025-08-01", "voting", "opens"),
    ('opens = "yesterday"', "opens = 1754010000", "voting", "opens"),
    ('opens = "yesterday"', "", "voting", "opens"),
    ('closes = "in two weeks"', 'closes = "yesterday"', "voting", "closes"),
    ('closes = "in two weeks"', "", "voting", "closes"),
    ('sizes = ["1920x1080", "1080x1920"]', "sizes = []", "entries", "sizes"),
    ('sizes = ["1920x1080", "1080x1920"]', 'sizes = ["1080p"]', "entries", "sizes"),
    ('sizes = ["1920x1080", "1080x1920"]', 'sizes = ["1920x0"]', "entries", "sizes"),
    ("introduction_chars = 300", "introduction_chars = 0", "entries", "introduction_chars"),
    ("introduction_chars = 300", "introduction_chars = 300\nfps = 25", "entries", "fps"),
    ("votes_per_voter = 5", "votes_per_voter = 0", "voting", "votes_per_voter"),
    ("votes_per_voter = 5", "votes_per_voter = 101", "voting", "votes_per_voter"),
    ("votes_per_voter = 5", "votes_per_voter = -5", "voting", "votes_per_voter"),
    ("votes_per_voter = 5", 'votes_per_voter = "5"', "voting", "votes_per_voter"),
    ("votes_per_voter = 5", "votes_per_voter = 5.0", "voting", "votes_per_voter"),
    ("votes_per_voter = 5", "votes_per_voter = true", "voting", "votes_per_voter"),
    ("votes_per_device = 5", "votes_per_device = 6", "voting", "votes_per_device"),
    ("votes_per_device = 5", "votes_per_device = -1", "voting", "votes_per_device"),
    ("votes_per_entry = 1", "votes_per_entry = 0", "voting", "votes_per_entry"),
    ("votes_per_entry = 1", "votes_per_entry = 6", "voting", "votes_per_entry"),
    ('period = "day"', 'period = "week"', "voting", "period"),
    ('period = "day"', "period = 1", "voting", "period"),
    ('period = "day"', 'period = "day"\nvotes_per_day = 3', "voting", "votes_per_day"),
    ('award = "网络人气奖"', 'award = ""', "result", "award"),
    ("winners = 10", "winners = 0", "result", "winners"),
    ("winners = 10", "winners = 1001", "result", "winners"),
    ("winners = 10", "winner = 10", "result", "winners"),
    ('tie = "all_awarded"', 'tie = "coin"', "result", "tie"),
    ('counts = "live"', 'counts = "never"', "result", "counts"),
    ('counts = "live"', 'counts = "live"\nprize = 1', "result", "prize"),
    ("new_passes_per_hour = 60", 'new_passes_per_hour = "many"', "throttle",
     "new_passes_per_hour"),
    ("new_passes_per_hour = 60", "new_passes_per_hour = 0", "throttle", "new_passes_per_hour"),
    ("new_passes_per_hour = 60", 'new_passes = "240 per minute; 4000 per hour"', "throttle",
     "new_passes_per_hour"),
    ("challenge_work = 1000000", "challenge_work = 0", "throttle", "challenge_work"),
    ("challenge_work = 1000000", "challenge_work = 1e6", "throttle", "challenge_work"),
    ("votes_per_second = 100", "votes_per_second = 0", "throttle", "votes_per_second"),
    ("votes_per_second = 100", "votes_per_second = 100\nburst = 1", "throttle", "burst"),
    ("verify = []", 'verify = "MP_verify_AbCd1234.txt"', "wechat", "verify"),
    ("verify = []", 'verify = ["AbCd1234.txt"]', "wechat", "verify"),
    ("verify = []", 'verify = ["MP_verify_../x.txt"]', "wechat", "verify"),
    ("verify = []", 'verify = ["MP_verify_AbCd1234"]', "wechat", "verify"),
    ("verify = []", "verify = [7]", "wechat", "verify"),
    ("verify = []", "", "wechat", "verify"),
    ("verify = []", 'verify = []\napp_id = "wx0"', "wechat", "app_id"),
    ('tagline = "看见身边的智慧生活"', 'tagline = ""', "texts", "tagline"),
    ("retention_days = 180", "retention_days = 0", "texts", "retention_days"),
    ("retention_days = 180", "retention_days = 731", "texts", "retention_days"),
    ("retention_days = 180", "retention_days = 180\nslogan = 1", "texts", "slogan"),
    ('icp = ""', "icp = 5", "footer", "icp"),
    ('police = ""', "", "footer", "police"),
    ('police = ""', 'police = ""\nphone = ""', "footer", "phone"),
]  # fmt: skip


def refusal(file: Path) -> str:
    with pytest.raises(Refused) as refused:
        load_contest(file)
    words = str(refused.value)
    assert words.startswith(str(file))
    assert "\n" not in words
    return words


@pytest.mark.parametrize(("old", "new", "table", "key"), WRONG)
def test_a_wrong_key_is_refused_with_file_line_key_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, table: str, key: str
):
    file = rewritten(tmp_path, (old, new), source=REAL)
    words = refusal(file)
    assert f"[{table}] {key}：" in words
    assert re.search(r"；允许：.", words)
    lines = file.read_text(encoding="utf-8").splitlines()
    section = lines.index(f"[{table}]") if f"[{table}]" in lines else 0
    at = [n for n, line in enumerate(lines, 1) if n > section and re.match(rf"{key} =", line)]
    if at and new:
        assert f" 第 {at[0]} 行 " in words


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ("2025-08-15T18:00:00", "2025-08-01T09:00:00"),
        ("2025-08-01T09:00:00", "2025-08-01T09:00:00"),
        ("2025-08-01T09:00:00", "2025-08-01T01:00:00Z"),
        ('"yesterday"', "2020-01-01T00:00:00"),
    ],
)
def test_an_end_that_is_not_after_the_start_is_refused(tmp_path: Path, opens: str, closes: str):
    file = rewritten(
        tmp_path,
        ('opens = "yesterday"', f"opens = {opens}"),
        ('closes = "in two weeks"', f"closes = {closes}"),
        source=REAL,
    )
    words = refusal(file)
    assert "行 [voting] closes：" in words
    assert "允许：" in words


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[footer]", "[colours]\nmain = 1\n[footer]", "不认识 [colours]；允许：contest"),
        ("[footer]", "[foot]", "不认识 [foot]；允许：contest"),
        ('[footer]\n', "", "缺少 [footer]"),
        ("[contest]", "name = 1\n[contest]", "不认识 [name]"),
        ("[voting]\n", "[voting\n", "TOML"),
        ("winners = 10", "winners = ten", "TOML"),
        ("winners = 10", "winners = 10\nwinners = 11", "TOML"),
    ],
)  # fmt: skip
def test_a_wrong_table_or_broken_file_is_refused(
    tmp_path: Path, old: str, new: str, expected: str
):
    text = REAL.read_text(encoding="utf-8")
    if new == "":  # the last table, with all that stands in it
        file = tmp_path / "contest.toml"
        file.write_text(text.partition(old)[0], encoding="utf-8")
    else:
        file = rewritten(tmp_path, (old, new), source=REAL)
    assert expected in refusal(file)


def test_a_file_that_is_not_there_or_not_utf_8_or_a_folder_is_refused(tmp_path: Path):
    assert "读不到" in refusal(tmp_path / "nowhere.toml")
    assert "读不到" in refusal(tmp_path)
    gbk = tmp_path / "gbk.toml"
    gbk.write_bytes(REAL.read_text(encoding="utf-8").encode("gbk"))
    assert "请另存为 UTF-8 编码" in refusal(gbk)


def test_the_mark_that_windows_puts_before_a_text_is_no_mistake(tmp_path: Path):
    marked = tmp_path / "contest.toml"
    marked.write_text(REAL.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert load_contest(marked) == load_contest(REAL)


@pytest.mark.parametrize(
    ("old", "written"),
    [
        ('opens = "yesterday"', "2025-08-01"),
        ('opens = "yesterday"', "09:00:00"),
        ('opens = "yesterday"', '"2025-08-01 #1"'),
        ("demo = true", '"yes"'),
        ("votes_per_voter = 5", "1_000"),
        ("votes_per_voter = 5", "true"),
        ('tie = "all_awarded"', "'coin'"),
        (ORGANIZERS, '["甲", 1]'),
    ],
)
def test_a_wrong_value_is_shown_as_it_is_written(tmp_path: Path, old: str, written: str):
    new = f"{old.partition(' = ')[0]} = {written}  # 注" if " = " in old else written
    assert f"写成了 {written}；" in refusal(rewritten(tmp_path, (old, new), source=REAL))


def test_a_list_over_several_lines_is_shown_whole(tmp_path: Path):
    file = rewritten(tmp_path, (ORGANIZERS, '[\n  "甲",\n  "",\n]'), source=REAL)
    assert '写成了 [ "甲", "", ]；' in refusal(file)


def test_a_wrong_value_without_a_line_of_its_own_is_shown_too(tmp_path: Path):
    file = rewritten(tmp_path, ("demo = true", '"demo" = 2025-08-01'), source=REAL)
    assert "[contest] demo：写成了 2025-08-01；" in refusal(file)


def test_the_shipped_contest_is_what_its_text_says():
    contest = load_contest(REAL)
    assert contest.id == "ai-shandong-vlog-2025"
    assert len(contest.cities) == 16
    assert [c.ai for c in contest.categories.values()] == [False, True]
    assert contest.notice.sizes == ((1920, 1080), (1080, 1920))
    assert contest.notice.introduction_chars == 300
    law = contest.law
    assert (law.opens, law.closes) == ("yesterday", "in two weeks")
    assert (law.period, law.tie, law.counts) == (Period.DAY, Tie.ALL_AWARDED, Counts.LIVE)
    assert contest.demo


@pytest.mark.parametrize("written", ["2025-08-01T09:00:00", "2025-08-01T01:00:00Z"])
def test_a_time_without_a_zone_is_shanghai_s(tmp_path: Path, written: str):
    file = rewritten(tmp_path, ('opens = "yesterday"', f"opens = {written}"), source=REAL)
    assert load_contest(file).law.opens == datetime(2025, 8, 1, 9, tzinfo=SHANGHAI)


def test_how_many_may_come_and_how_much_work_it_is_are_numbers(tmp_path: Path):
    assert (contest := load_contest(REAL)).new_passes_per_hour == 60
    assert contest.challenge_work == 1_000_000
    file = rewritten(tmp_path, ("new_passes_per_hour = 60", "new_passes_per_hour = 7"), source=REAL)
    assert load_contest(file).new_passes_per_hour == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"), ("PORT", "0"), ("PORT", "65535"), ("PORT", "-1"), ("PORT", "80.5"),
        ("PORT", "８０００"), ("MEDIA_PORT", "65536"), ("MEDIA_PORT", "x"),
        ("MEDIA_URL", "ftp://x"), ("MEDIA_URL", "cdn.example.cn"), ("PUBLIC_URL", "vote.cn"),
        ("PUBLIC_URL", "https://vote.cn/2026"), ("PUBLIC_URL", "https://u@vote.cn"),
        ("PUBLIC_URL", "https://vote.cn?x"),
        ("REDIS_URL", "http://localhost"), ("REDIS_URL", "localhost:6379"),
        ("THROTTLE_URL", "memory://x"), ("SHARDS", "0"), ("SHARDS", "65"), ("SHARDS", "two"),
        ("ACCEPT_UNKNOWN_DURABILITY", "true"), ("TRUSTED_PROXIES", "-1"),
        ("TRUSTED_PROXIES", "11"), ("TRUSTED_PROXIES", "*"), ("WEB_WORKERS", "0"),
        ("WEB_WORKERS", "65"),
    ],
)  # fmt: skip
def test_a_wrong_variable_is_refused_in_one_sentence_that_names_it(name: str, value: str):
    with pytest.raises(Refused) as refused:
        load_settings({name: value})
    assert str(refused.value).startswith(f"{name}={value[:20]}")
    assert "must " in str(refused.value)


@pytest.mark.parametrize("name", ["PUBLIC_URL", "MEDIA_URL", "WECHAT_API_URL"])
@pytest.mark.parametrize("value", ["https://a.cn; script-src *", "https://a.cn\nb: c", "https://投票.cn"])
def test_an_address_that_fits_no_header_is_refused(name: str, value: str):
    with pytest.raises(Refused) as refused:
        load_settings({name: value})
    assert str(refused.value).startswith(f"{name}='https://")
    assert "\n" not in str(refused.value)


def test_what_is_not_set_or_empty_has_its_default():
    names = re.findall(r"^([A-Z_]+)=", (ROOT / "config/example.env").read_text(), re.MULTILINE)
    assert load_settings(dict.fromkeys(names, "")) == load_settings({})
    assert load_settings(dict.fromkeys(names, "  ")) == load_settings({})


def test_the_example_environment_holds_the_defaults():
    lines = (ROOT / "config" / "example.env").read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert load_settings(given).port == load_settings({}).port == 8000
    shipped = given | {"CONTEST_FILE": str(ROOT / given["CONTEST_FILE"])}
    assert load_settings(shipped) == load_settings({})


def test_the_media_port_is_the_next_one_unless_it_is_said():
    assert load_settings({"PORT": "8123"}).media_port == 8124
    assert load_settings({"PORT": "8123", "MEDIA_PORT": "9000"}).media_port == 9000


def test_urls_lose_the_slash_at_their_end():
    settings = load_settings({"PUBLIC_URL": "https://vote.cn/", "MEDIA_URL": "https://cdn.cn/m/"})
    assert (settings.public_url, settings.media_url) == ("https://vote.cn", "https://cdn.cn/m")


def test_a_socket_s_path_is_short_however_long_the_data_dir_is():
    long = "/" + "d" * 148 + "/"
    settings = load_settings({"DATA_DIR": long})
    assert len(str(settings.data_dir)) >= 149
    for url in (settings.law_url, settings.politeness_url):
        assert url.startswith("unix:///")
        assert len(url.removeprefix("unix://").encode()) < 108


def test_each_data_dir_has_sockets_of_its_own_wherever_it_is_named_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    one, other = load_settings({"DATA_DIR": "var"}), load_settings({"DATA_DIR": "var2"})
    assert one.runtime_dir != other.runtime_dir
    assert one.data_dir == tmp_path / "var"
    assert load_settings({"DATA_DIR": str(tmp_path / "var")}) == one


def test_a_store_given_by_url_takes_the_embedded_one_s_place():
    settings = load_settings({"REDIS_URL": "redis://db:6379/3", "THROTTLE_URL": "unix:///t.sock"})
    assert settings.law_url == "redis://db:6379/3"
    assert settings.politeness_url == "unix:///t.sock"


def test_secrets_are_made_once_and_nobody_else_may_read_them(tmp_path: Path):
    settings = load_settings({"DATA_DIR": str(tmp_path / "data")})
    settings.make_keys({})
    made = settings.keys({})
    settings.make_keys({})
    assert settings.keys({}) == made
    assert len({made.signing, made.pseudonym, made.sealing}) == 3
    files = sorted((settings.data_dir / "keys").iterdir())
    assert [file.name for file in files] == ["pseudonym", "sealing", "signing"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((settings.data_dir / "keys").stat().st_mode) == 0o700


def test_secrets_of_another_place_are_others(tmp_path: Path):
    places = [load_settings({"DATA_DIR": str(tmp_path / name)}) for name in "ab"]
    for place in places:
        place.make_keys({})
    first, second = (place.keys({}) for place in places)
    assert first != second


def test_many_processes_that_start_at_once_agree_on_the_secrets(tmp_path: Path):
    settings = load_settings({"DATA_DIR": str(tmp_path / "data")})

    def start(_: int) -> Keys:
        settings.make_keys({})
        return settings.keys({})

    with ThreadPoolExecutor(16) as hands:
        found = set(hands.map(start, range(64)))
    assert len(found) == 1
    assert len(list((settings.data_dir / "keys").iterdir())) == 3


def test_secrets_come_from_the_environment_or_from_a_named_file(tmp_path: Path):
    file = tmp_path / "secret"
    file.write_text("f" * 32 + "\n")
    given = {
        "SIGNING_KEY": "s" * 32,
        "PSEUDONYM_KEY": "p" * 40,
        "PSEUDONYM_KEY_FILE": str(tmp_path / "nowhere"),  # the value itself comes first
        "SEALING_KEY_FILE": str(file),
    }
    settings = load_settings({"DATA_DIR": str(tmp_path / "data")})
    settings.make_keys(given)
    keys = settings.keys(given)
    assert (keys.signing, keys.pseudonym, keys.sealing) == (b"s" * 32, b"p" * 40, b"f" * 32)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["SIGNING", "PSEUDONYM", "SEALING"])
@pytest.mark.parametrize("how", ["value", "file", "no file", "made"])
def test_a_secret_that_is_too_short_or_not_there_is_refused(tmp_path: Path, name: str, how: str):
    data_dir, file = tmp_path / "data", tmp_path / "secret"
    file.write_text("x" * 31 + "\n\n")
    (data_dir / "keys").mkdir(parents=True)
    given = {
        "value": {f"{name}_KEY": "x" * 31},
        "file": {f"{name}_KEY_FILE": str(file)},
        "no file": {f"{name}_KEY_FILE": str(tmp_path / "nowhere")},
        "made": {},
    }[how]
    if how == "made":
        (data_dir / "keys" / name.lower()).write_text("short")
    settings = load_settings({"DATA_DIR": str(data_dir)})
    settings.make_keys(given)
    with pytest.raises(Refused) as refused:
        settings.keys(given)
    assert (str(data_dir / "keys" / name.lower()) if how == "made" else name) in str(refused.value)
    assert "x" * 31 not in str(refused.value)


def test_whoever_only_looks_makes_no_secrets(tmp_path: Path):
    settings = load_settings({"DATA_DIR": str(tmp_path / "mistyped")})
    with pytest.raises(Refused, match=r"mistyped 里没有密钥：DATA_DIR 写对了吗？"):
        settings.keys({})
    assert not settings.data_dir.exists()


def test_a_place_where_no_secret_can_be_made_or_read_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    settings = load_settings({"DATA_DIR": str(tmp_path / "file")})
    with pytest.raises(Refused, match="can't be written"):
        settings.make_keys({})
    with pytest.raises(Refused, match="can't be read"):
        settings.keys({})


def test_a_contest_that_does_not_fit_its_store_is_refused_before_anything_serves(
    environ: dict[str, str], tmp_path: Path
):
    prepare(environ)
    other = rewritten(tmp_path, ("votes_per_voter = 5", "votes_per_voter = 6"))
    with pytest.raises(Refused, match="rules apply") as refused:
        prepare(environ | {"CONTEST_FILE": str(other)})
    assert str(other) in str(refused.value)
    prepare(environ)


ACCOUNT = {"WECHAT_APP_ID": "wx0123456789abcdef", "WECHAT_APP_SECRET": "s3cr3t" * 6}


def test_an_official_account_is_known_by_its_id_and_secret(tmp_path: Path):
    assert load_settings({}).wechat is None
    wechat = load_settings(ACCOUNT).wechat
    assert wechat
    assert wechat.api_url == "https://api.weixin.qq.com"
    assert wechat.open_url == "https://open.weixin.qq.com"
    assert wechat.sdk_url == "https://res.wx.qq.com/open/js/jweixin-1.6.0.js"
    (tmp_path / "secret").write_text(ACCOUNT["WECHAT_APP_SECRET"] + "\n")
    file = {"WECHAT_APP_ID": wechat.app_id, "WECHAT_APP_SECRET_FILE": str(tmp_path / "secret")}
    assert load_settings(file).wechat == wechat
    assert ACCOUNT["WECHAT_APP_SECRET"] not in repr(load_settings(ACCOUNT))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"WECHAT_APP_ID": "wx0123"}, "WECHAT_APP_SECRET"),
        ({"WECHAT_APP_SECRET": "s3cr3t"}, "WECHAT_APP_ID"),
        (ACCOUNT | {"WECHAT_APP_ID": "wx 0&1"}, "WECHAT_APP_ID"),
        (ACCOUNT | {"WECHAT_APP_ID": ACCOUNT["WECHAT_APP_SECRET"]}, "WECHAT_APP_ID"),
        (ACCOUNT | {"WECHAT_APP_ID": "gh_0123456789ab"}, "WECHAT_APP_ID"),
        (ACCOUNT | {"WECHAT_API_URL": "api.weixin.qq.com"}, "WECHAT_API_URL=api"),
        (ACCOUNT | {"WECHAT_SDK_URL": "https://a.cn/x; script-src *"}, "WECHAT_SDK_URL='https"),
        ({"WECHAT_APP_ID": "wx0123", "WECHAT_APP_SECRET_FILE": "/nowhere/secret"}, "_FILE"),
    ],
)
def test_half_an_official_account_is_refused_in_one_sentence(given: dict[str, str], named: str):
    with pytest.raises(Refused) as refused:
        load_settings(given)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


def test_the_metrics_token_is_long_given_as_text_or_file_and_never_shown(tmp_path: Path):
    assert load_settings({}).metrics_token == ""
    token = "0123456789abcdef" * 2
    (tmp_path / "token").write_text(token + "\n")
    for given in ({"METRICS_TOKEN": token}, {"METRICS_TOKEN_FILE": str(tmp_path / "token")}):
        settings = load_settings(given)
        assert settings.metrics_token == token
        assert token not in repr(settings)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"METRICS_TOKEN": "s3cr3t"}, "at least 32"),
        ({"METRICS_TOKEN": "s3cr3t " * 9 + "."}, "without spaces"),
        ({"METRICS_TOKEN": "口令s3cr3t" * 9}, "plain ones"),
        ({"METRICS_TOKEN_FILE": "/nowhere/token"}, "METRICS_TOKEN_FILE: /nowhere/token"),
    ],
)
def test_a_metrics_token_that_can_be_guessed_is_refused(given: dict[str, str], named: str):
    with pytest.raises(Refused, match=named) as refused:
        load_settings(given)
    assert "s3cr3t" not in str(refused.value)


def test_a_vote_that_nobody_could_cast_is_refused(environ: dict[str, str], tmp_path: Path):
    only = rewritten(tmp_path, ("votes_per_device = 5", "votes_per_device = 0"))
    with pytest.raises(Refused, match="votes_per_device = 0"):
        prepare(environ | {"CONTEST_FILE": str(only)})
    account = {"WECHAT_APP_ID": "wx0123456789", "WECHAT_APP_SECRET": "s" * 32}
    prepare(environ | {"CONTEST_FILE": str(only)} | account)


def test_a_store_that_is_away_is_no_reason_not_to_start(environ: dict[str, str]):
    prepare(environ | {"REDIS_URL": "unix:///tmp/nobody-listens-here.sock"})


def test_the_commands_say_a_refusal_in_one_sentence(environ: dict[str, str], tmp_path: Path):
    file = rewritten(tmp_path, ("winners = 10", "winners = 0"))
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "entries", "list"],
        cwd=ROOT, env=environ | {"CONTEST_FILE": str(file)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert "[result] winners" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_contest_that_says_nothing_of_its_end_is_as_it_was_before(tmp_path: Path):
    text = REAL.read_text(encoding="utf-8")
    file = tmp_path / "contest.toml"
    file.write_text(re.sub(r"(?ms)^\[closing\]$.*?(?=^\[throttle\]$)", "", text), encoding="utf-8")
    law = load_contest(file).law
    assert law.closing == Closing()
    assert load_contest(REAL).law.closing != Closing()
    assert load_contest(REAL).law.source != law.source


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("quiet_hours = 6", "quiet_hours = 169", "0 到 168 的整数"),
        ("quiet_hours = 6", "quiet_hours = -1", "0 到 168 的整数"),
        ('quiet = "hidden"', 'quiet = "secret"', '"hidden"、"rounded"'),
        ("round_to = 100", "round_to = 1", "2 到 100000 的整数"),
        ("review_hours = 72", 'review_hours = "3 天"', "0 到 2160 的整数"),
        ('close_call = "jury"', 'close_call = "dice"', '"count"、"jury"、"all_awarded"'),
        ('close_call = "jury"', 'close_call = "jury"\nlast = 1', "不认识这个键"),
        ("round_to = 100", "", "没有写"),
    ],
)
def test_what_is_wrong_with_the_end_is_said(tmp_path: Path, old: str, new: str, told: str):
    file = rewritten(tmp_path, (old, new), source=REAL)
    assert "[closing]" in refusal(file)
    assert told in refusal(file)
