"""The gallery: what is found, in which order, how light it is, and what never appears."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable

import pytest
from flask import Flask
from people import Town, Visitor
from reading import cards
from staging import refresh
from works import an_entry, lay_media

from voting.web.site import Site

ALL = list(range(12, 0, -1))
PUBLIC = (
    "/",
    "/?page=2",
    "/?q=山东",
    "/?sort=votes",
    "/e/1",
    "/top",
    "/rules",
    "/mine",
    "/api/v1/entries",
    "/api/v1/standings",
    "/e/1/qr.png",
    "/e/1/qr.svg",
    "/healthz",
)


def found(visitor: Visitor, query: str) -> list[int]:
    """What a search finds, newest first, on the page; the API must find the same."""
    on_page = cards(visitor.get("/", query_string={"q": query, "sort": "newest"}))
    answer = visitor.get("/api/v1/entries", query_string={"q": query}).json
    assert [one["number"] for one in answer["entries"]] == on_page
    assert answer["total"] == len(on_page)
    return on_page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("7", [7]),
        ("007", [7]),
        ("０７", [7]),
        ("７", [7]),
        (" 7 ", [7]),
        ("0007", [7]),
        ("12", [12]),
        ("1", [1, 12, 11, 10]),  # the number first, then the authors 作者10 to 作者12
        ("1号", [1]),
        ("7号", [7]),
        ("7 号", [7]),
        ("第7号作品", [7]),
        ("No.7", [7]),
        ("no 7", [7]),
        ("№７", [7]),
        ("ＮＯ．００７", [7]),
        ("#007", [7]),
        ("＃ 7", [7]),
        ("编号：7", [7]),
        ("0 0 7", [7]),
        ("００　７", [7]),
        ("7 公交", [7]),
        ("7号 会说话", [7]),
        ("8号 公交", []),
        ("公 交 站", [7]),
        ("会说话的 公交站", [7]),
        ("公交站 会说话", [7]),
        ("A I 绘就", [6]),
        ("作者 3", [3]),
        ("号", []),
        ("#", []),
        ("no.", []),
        ("作者3", [3]),
        ("会说话的公交站", [7]),
        ("公交", [7]),
        ("AI", [12, 6]),
        ("ai", [12, 6]),
        ("ＡＩ", [12, 6]),
        ("泉城", [11, 9, 7, 5, 3, 1]),  # the unit of the odd ones; 泉城掌上通 is number 3
        ("志愿队", [11, 9, 7, 5, 3, 1]),
        ("志愿队 公交", [7]),
        ("公交　作者7", [7]),
        ("公交 作者8", []),
        ("没有这样的作品", []),
        ("999", []),
        ("13", []),
        ("14", []),
        ("²", [2, 12]),
        ("%", []),
        ("_", []),
        ("<b>", []),
        ("\0", []),
        ("", ALL),
        ("   ", ALL),
        ("长" * 500, []),
    ],
)
def test_a_search_finds_by_number_title_author_and_unit(
    alice: Visitor, query: str, expected: list[int]
):
    assert found(alice, query) == expected


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"category": "ai"}, [12, 9, 6, 3]),
        ({"category": "live"}, [11, 10, 8, 7, 5, 4, 2, 1]),
        ({"city": "青岛"}, [10, 7, 4, 1]),
        ({"city": "济南", "category": "ai"}, [12, 9, 6, 3]),
        ({"city": "青岛", "category": "ai"}, []),
        ({"city": "菏泽"}, []),
        ({"category": "live", "q": "志愿队"}, [11, 7, 5, 1]),
        ({"category": "drone"}, ALL),
        ({"city": "北京"}, ALL),
        ({"page": "0"}, ALL),
        ({"page": "-1"}, ALL),
        ({"page": "two"}, ALL),
        ({"page": "９"}, ALL),
        ({"page": "9" * 4000}, ALL),
        ({"o": "zzzz"}, ALL),
        ({"colour": "red"}, ALL),
    ],
)
def test_a_choice_filters_and_what_is_no_choice_is_ignored(
    alice: Visitor, choice: dict[str, str], expected: list[int]
):
    assert cards(alice.get("/", query_string={"sort": "newest"} | choice)) == expected
    answer = alice.get("/api/v1/entries", query_string=choice).json
    assert [one["number"] for one in answer["entries"]] == expected


def test_what_finds_nothing_says_so_and_leads_back(alice: Visitor):
    page = alice.get("/", query_string={"q": "没有这样的作品"}).text
    assert "没有找到这样的作品" in page
    assert "看全部作品" in page


def test_newest_and_votes_sort_as_they_say(site: Site, alice: Visitor, bob: Visitor):
    assert cards(alice.get("/?sort=newest")) == ALL
    for visitor, entry in ((alice, 5), (bob, 5), (alice, 9)):
        assert visitor.vote(entry).status_code == 201
    refresh(site)
    by_votes = cards(alice.get("/?sort=votes"))
    assert by_votes[:4] == [5, 9, 1, 2]
    assert "2 票" in alice.get("/?sort=votes").text


def test_the_default_order_is_a_shuffle_that_its_link_keeps(alice: Visitor):
    first = cards(alice.get("/?o=0100"))
    assert sorted(first, reverse=True) == ALL
    assert cards(alice.get("/?o=0100")) == first
    assert cards(alice.get("/?o=0180")) != first
    assert 'data-order="0100"' in alice.get("/?o=0100").text


def test_over_time_other_entries_come_first(site: Site, alice: Visitor):
    firsts, now = set(), site.now_ms() / 1000
    for step in range(64):
        site.clock = lambda at=now + 4 * step: at
        refresh(site)
        firsts.add(cards(alice.get("/"))[0])
    assert firsts == set(ALL)


@pytest.fixture
def sixty(raise_site: Callable[..., Flask]) -> Visitor:
    return Town(raise_site(approved=60)).visitor()


def links(page: str) -> list[str]:
    return [link.replace("&amp;", "&") for link in re.findall(r'href="(/\?[^"]*)"', page)]


def test_paging_through_sixty_entries_shows_each_once_and_keeps_the_order(sixty: Visitor):
    page = sixty.get("/").text
    order = re.search(r'data-order="([0-9a-f]{4})"', page)[1]
    seen, link = [], f"/?o={order}"
    for _ in range(3):
        answer = sixty.get(link)
        seen += [cards(answer)]
        following = re.search(r'rel="next" href="([^"]*)"', answer.text)
        link = following[1].replace("&amp;", "&") if following else ""
    assert [len(part) for part in seen] == [24, 24, 12]
    assert link == ""
    assert sorted(number for part in seen for number in part) == list(range(1, 61))
    back = re.search(r'rel="prev" href="([^"]*)"', answer.text)[1].replace("&amp;", "&")
    assert cards(sixty.get(back)) == seen[1]


def test_every_link_of_a_shuffled_page_carries_its_order(sixty: Visitor):
    page = sixty.get("/?o=1f3a").text
    shuffled = [link for link in links(page) if "sort=" not in link]
    assert len(shuffled) > 16
    assert all("o=1f3a" in link for link in shuffled)
    assert 'name="o" value="1f3a"' in page


def test_a_page_after_the_last_is_the_last_and_no_page_has_more_than_24_cards(sixty: Visitor):
    assert cards(sixty.get("/?page=3&o=0001")) == cards(sixty.get("/?page=99&o=0001"))
    for query in ("", "?sort=newest", "?sort=votes", "?page=2", "?q=作者"):
        assert len(cards(sixty.get("/" + query))) == 24
        assert len(sixty.get("/api/v1/entries" + query).json["entries"]) <= 24
    assert sixty.get("/api/v1/entries?page=3").json["pages"] == 3
    assert sixty.get("/api/v1/entries?page=9").json["entries"] == []


def test_a_page_of_many_entries_is_light(sixty: Visitor):
    page = sixty.get("/", headers={"Accept-Encoding": "gzip"})
    assert len(page.data) < 16 * 1024


def outputs(visitor: Visitor, app: Flask) -> dict[str, bytes]:
    """Everything a visitor can read about entries 1 to 14, by URL."""
    paths = [
        f"/{query}"
        for query in ("", "?sort=newest", "?sort=votes", "?q=13", "?q=14", "?q=片子", "?page=2")
    ]
    paths += [f"/api/v1/entries{path[1:]}" for path in paths]
    rules = [rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods]
    paths += [rule for rule in rules if "<" not in rule]
    ones = [rule.replace("<int:number>", "{n}") for rule in rules if "<int:number>" in rule]
    assert len(ones) >= 5
    paths += [one.format(n=n) for n in (13, 14) for one in (*ones, "/api/v1/me?entry={n}")]
    return {path: visitor.get(path).data for path in paths}


def test_what_is_pending_or_withdrawn_never_appears(app: Flask, alice: Visitor):
    secret = ["等待审核的片子", "已经撤下的片子", f"{13:020x}", f"{14:020x}"]
    for path, body in outputs(alice, app).items():
        for words in secret:
            assert words.encode() not in body, path
    for number in (13, 14, 15):
        for path in (f"/e/{number}", f"/e/{number}/vote", f"/e/{number}/qr.png",
                     f"/e/{number}/poster.jpg", f"/api/v1/me?entry={number}"):  # fmt: skip
            assert alice.get(path).status_code == 404, path
    numbers = {row["number"] for row in alice.get("/api/v1/standings").json["entries"]}
    assert numbers == set(ALL)


def test_a_withdrawn_entry_says_that_it_was_withdrawn(alice: Visitor):
    assert "这件作品已经撤下" in alice.get("/e/14").text
    assert alice.get("/api/v1/me?entry=14").json["code"] == "withdrawn"
    assert "没有这个编号的作品" in alice.get("/e/13").text
    assert alice.get("/api/v1/me?entry=13").json["code"] == "unknown_entry"


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_has_no_cookie_even_for_who_brings_some(alice: Visitor, path: str):
    plain = alice.get(path, buffered=True)
    alice.get("/e/1/vote")  # a form's session
    alice.vote(2)  # and a pass
    for answer in (plain, alice.get(path, buffered=True)):
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert "cookie" not in answer.headers.get("Vary", "").lower()
        if path not in ("/healthz",):
            assert answer.headers["Cache-Control"].startswith("public, max-age=")


@pytest.mark.parametrize("path", ["/?o=0001", "/e/1", "/top", "/rules", "/mine"])
def test_a_public_page_is_the_same_for_everybody(
    site: Site, alice: Visitor, bob: Visitor, path: str
):
    now = site.now_ms() / 1000
    site.clock = lambda: now
    alice.vote(1)
    answers = [one.get(path, headers={"User-Agent": name, "Accept-Language": name})
               for one, name in ((alice, "MicroMessenger"), (bob, "curl"))]  # fmt: skip
    assert answers[0].data == answers[1].data
    assert answers[0].headers["ETag"] == answers[1].headers["ETag"]


@pytest.mark.parametrize("path", ["/?o=0001", "/e/1", "/top", "/api/v1/standings"])
def test_who_has_the_page_already_is_not_sent_it_again(site: Site, alice: Visitor, path: str):
    now = site.now_ms() / 1000
    site.clock = lambda: now
    first = alice.get(path)
    same = alice.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    assert same.headers["ETag"] == first.headers["ETag"]
    assert same.headers["Cache-Control"] == first.headers["Cache-Control"]
    zipped = {"If-None-Match": first.headers["ETag"], "Accept-Encoding": "gzip"}
    assert alice.get(path, headers=zipped).status_code == 304
    other = alice.get(path, headers={"If-None-Match": 'W/"other"'})
    assert (other.status_code, other.data) == (200, first.data)


@pytest.mark.parametrize("path", ["/?o=0001", "/api/v1/entries"])
def test_a_page_is_compressed_for_who_can_read_that(site: Site, alice: Visitor, path: str):
    now = site.now_ms() / 1000
    site.clock = lambda: now
    plain = alice.get(path)
    zipped = alice.get(path, headers={"Accept-Encoding": "gzip, deflate, br"})
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert len(zipped.data) < len(plain.data) / 2
    assert plain.headers["Vary"] == zipped.headers["Vary"] == "Accept-Encoding"
    assert int(zipped.headers["Content-Length"]) == len(zipped.data)


def test_head_tells_the_same_without_the_body(alice: Visitor):
    head = alice.client.head("/e/1")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["ETag"]


def test_a_page_names_the_address_it_was_asked_at_and_no_other_host_s_page_is_served(
    alice: Visitor,
):
    for host in ("a.example.cn", "b.example.cn:8443"):
        page = alice.get("/e/1", headers={"Host": host}).text
        assert f"http://{host}/e/1" in page
    assert "a.example.cn" not in alice.get("/e/1", headers={"Host": "b.example.cn"}).text


MARKUP = '<script>alert(1)</script>"><img src=x onerror=alert(2)>&amp;\'{{ 1234*5678 }}'


def test_a_title_with_markup_is_text_everywhere(site: Site, alice: Visitor):
    fields = dict.fromkeys(("title", "author", "unit", "instructor", "introduction"), MARKUP)
    entry = site.store.entries.add(an_entry(16, **fields))
    site.store.entries.approve(entry.number, "审核通过")
    refresh(site)
    assert alice.vote(entry.number).status_code == 201
    refresh(site)
    pages = ["/?sort=newest", f"/e/{entry.number}", "/top", f"/e/{entry.number}/vote"]
    for path in pages:
        page = alice.get(path).text
        assert "&lt;script&gt;alert(1)" in page, path
        for wrong in ("<script>alert", "<img src=x", "7006652"):
            assert wrong not in page, (path, wrong)
    answer = alice.get("/api/v1/entries")
    assert answer.mimetype == "application/json"
    assert json.loads(answer.data)["entries"][0]["title"] == MARKUP
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_query_with_markup_is_text(alice: Visitor):
    page = alice.get("/", query_string={"q": MARKUP[:40], "city": MARKUP, "o": MARKUP}).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_an_ai_entry_is_labelled_on_its_card_and_page_and_others_are_not(alice: Visitor):
    assert alice.get("/?category=ai").text.count("AI 生成</span>") == 4
    assert "AI 生成</span>" not in alice.get("/?category=live").text
    assert "AI 生成</span>" in alice.get("/e/3").text
    assert "AI 生成</span>" not in alice.get("/e/1").text
    labels = {e["number"]: e["ai"] for e in alice.get("/api/v1/entries").json["entries"]}
    assert [n for n, ai in labels.items() if ai] == [12, 9, 6, 3]


def film(page: str) -> str:
    return re.search(r"<video.*?</video>", page, re.DOTALL)[0]


def test_an_entry_s_page_plays_inline_and_fetches_no_film_by_itself(alice: Visitor):
    page = alice.get("/e/1").text
    said = film(page).partition(">")[0].split()
    assert {"playsinline", "webkit-playsinline", "x5-playsinline", 'preload="none"'} <= {*said}
    assert "poster=" in film(page)
    assert "autoplay" not in page
    assert f"/{1:020x}/web.mp4" in film(page)
    assert "泉城社区青年志愿队" in page
    assert 'href="/e/1/vote"' in page


def test_a_phone_gets_the_smaller_film_where_there_is_one_and_may_choose(
    site: Site, alice: Visitor
):
    assert "web-720.mp4" not in alice.get("/e/1").text
    lay_media(site, an_entry(2))
    site.settings.public_dir.mkdir(parents=True, exist_ok=True)
    (site.settings.public_dir / an_entry(2).media).symlink_to(
        site.settings.media_dir / an_entry(2).media
    )
    refresh(site)
    page = alice.get("/e/2").text
    sources = re.findall(r"<source[^>]*>", film(page))
    assert "web-720.mp4" in sources[0], "old kernels take the first"
    assert "media=" in sources[0]
    assert "web.mp4" in sources[1]
    assert re.findall(r'data-quality="(\w+)"[^>]*>([^<]*)', page) == [
        ("720", "流畅"),
        ("1080", "高清"),
    ]


def test_from_each_entry_one_goes_on_to_another_and_each_is_the_next_of_one(alice: Visitor):
    following = [re.search(r'class="button next" href="/e/(\d+)"', alice.get(f"/e/{n}").text)[1]
                 for n in ALL]  # fmt: skip
    assert sorted(map(int, following), reverse=True) == ALL
    assert all(int(to) != at for to, at in zip(following, ALL, strict=True))


def test_an_entry_s_page_tells_votes_rank_and_the_gaps(site: Site, town: Town):
    alice = town.visitor()
    for entry, votes in ((1, 3), (2, 1)):
        for _ in range(votes):
            town.visitor().vote(entry)
    refresh(site)
    page = alice.get("/e/1").text
    assert 'data-votes="3"' in page
    assert "暂列第一，领先下一名 2 票" in page
    assert "距上一名 2 票" in alice.get("/e/2").text


def test_the_api_shows_public_fields_only(alice: Visitor):
    (one, *_) = alice.get("/api/v1/entries").json["entries"]
    assert set(one) == {
        "number", "title", "author", "unit", "instructor", "city", "category", "ai",
        "introduction", "seconds", "width", "height", "url", "video", "cover",
    }  # fmt: skip
    assert one["url"].startswith("http://localhost/e/")
