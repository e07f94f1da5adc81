"""共用网络: networks that many people share, announced in advance so that they hold nobody up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from ipaddress import ip_network

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from voting.contest import SHANGHAI, moment
from voting.network import (
    MOST_PEOPLE,
    Declared,
    Network,
    NotANetwork,
    ip_of,
    is_inside,
    read_network,
    site_of,
)
from voting.organizer import Power
from voting.store.networks import LONGEST_WORDS, DeclarationRefused, terms
from voting.web.organizer.entries import NO_REASON, one_line
from voting.web.organizer.gate import console, may, me
from voting.web.site import Site, this_site

PROXY = (
    "多半是网站前面还有一层代理（Nginx、负载均衡或 CDN）没有算进去："
    "请维护网站的人把 TRUSTED_PROXIES 改成代理的层数"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A declared network as the page tells of it. `around` is the wider one that it lies in; `came`
    how many newcomers have come in freely from there within the hour, None if nobody knows."""

    one: Declared
    size: str
    over: bool
    around: Declared | None
    came: int | None


@dataclass(frozen=True, slots=True)
class Here:
    """Where this request comes from: its address, and the networks that could be declared for it.
    `wrong` is why not, '' if they can."""

    address: str
    site: str = ""
    alone: str = ""
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form. `instead_of` is the declaration that it changes, 0 for a new one."""

    network: str = ""
    people: str = ""
    words: str = ""
    until: str = ""
    reason: str = ""
    instead_of: int = 0


@console.get("/networks")
@may(Power.LOOK)
def networks() -> str:
    site = this_site()
    here, declared = _here(), site.store.networks.all()
    change = request.args.get("change", 0, type=int)
    for one in declared:
        if one.n == change:
            return _page(site, declared, here, _again(one))
    found = {"site": here.site, "address": here.alone}.get(request.args.get("here", ""), "")
    return _page(site, declared, here, Typed(found))


@console.post("/networks")
@may(Power.RULE)
def declare_network() -> Response | tuple[str, int]:
    site, typed = this_site(), _typed()
    try:
        one = _declare(site, typed)
    except (DeclarationRefused, NotANetwork) as error:
        page = _page(site, site.store.networks.all(), _here(), typed, wrong=f"{error}。")
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    flash(f"已登记 {one.network}：{terms(one)}。马上生效。", "good")
    return redirect(url_for("organizer.networks"), HTTPStatus.SEE_OTHER)


@console.post("/networks/withdraw")
@may(Power.RULE)
def withdraw_network() -> Response:
    network, reason = request.form.get("network", ""), one_line(request.form.get("reason", ""))
    try:
        if not reason:
            raise DeclarationRefused(NO_REASON)
        seen = request.form.get("seen", 0, type=int)
        this_site().store.networks.withdraw(network, reason, me().name, seen=seen)
    except DeclarationRefused as error:
        flash(f"{error}。", "alarm")
    else:
        flash(f"已撤销 {network}；那里从现在起和别的网络一样。", "good")
    return redirect(url_for("organizer.networks"), HTTPStatus.SEE_OTHER)


def _typed() -> Typed:
    def text(name: str) -> str:
        return request.form.get(name, "").strip()[:300]

    instead_of = request.form.get("instead_of", 0, type=int)
    return Typed(
        text("network"), text("people"), text("words"), text("until"), text("reason"), instead_of
    )


def _declare(site: Site, typed: Typed) -> Declared:
    network = read_network(typed.network)
    if is_inside(network):
        raise DeclarationRefused(
            f"{network} 是内网地址，从外面来投票的人不会显示成它；"
            f"如果网站真把访客都看成这个地址，{PROXY}"
        )
    until_ms = _ms(typed.until)
    reason = one_line(typed.reason)
    if not reason:
        raise DeclarationRefused(NO_REASON)
    return site.store.networks.declare(
        str(network),
        _number(typed.people),
        " ".join(typed.words.split()),
        reason,
        me().name,
        until_ms=until_ms,
        instead_of=typed.instead_of,
    )


def _page(
    site: Site, declared: Sequence[Declared], here: Here, typed: Typed, wrong: str = ""
) -> str:
    closes_ms, now_ms = site.board().rules.closes_ms, site.now_ms()
    return render_template(
        "organizer/networks.html",
        rows=_rows(declared, site.store.gate.came_freely(declared), closes_ms, now_ms),
        yours=here,
        typed=typed,
        wrong=wrong,
        closes_ms=closes_ms,
        ended=now_ms >= closes_ms,
        earliest=_local(now_ms),
        most_people=MOST_PEOPLE,
        longest_words=LONGEST_WORDS,
        free=site.contest.new_passes_per_hour,
        wechat=site.wechat is not None,
    )


def _rows(
    declared: Sequence[Declared], came: Sequence[int] | None, closes_ms: int, now_ms: int
) -> list[Row]:
    """Those in force first, each with the moment until which it is."""
    resolved = [replace(one, until_ms=one.until_ms or closes_ms) for one in declared]
    valid = [(ip_network(one.network), one) for one in resolved if now_ms < one.until_ms]
    rows = [
        Row(
            one,
            _size(ip_network(one.network)),
            over=now_ms >= one.until_ms,
            around=_around(one, valid),
            came=came[n] if came else None,
        )
        for n, one in enumerate(resolved)
    ]
    return sorted(rows, key=lambda row: row.over)


def _around(one: Declared, valid: Sequence[tuple[Network, Declared]]) -> Declared | None:
    """The narrowest network in force that is wider than this one and holds it."""
    mine = ip_network(one.network)
    wider = [
        (network.prefixlen, other)
        for network, other in valid
        if network.version == mine.version
        and network.prefixlen < mine.prefixlen
        and network.overlaps(mine)
    ]
    return max(wider, key=lambda found: found[0])[1] if wider else None


def _size(network: Network) -> str:
    if network.version == 6:
        return "IPv6"
    return f"{network.num_addresses:,} 个地址" if network.num_addresses > 1 else "1 个地址"


def _here() -> Here:
    ip = ip_of(request.remote_addr or "")
    if ip is None:
        return Here("", wrong=f"网站看不到您的地址。{PROXY}。")
    if is_inside(ip):
        own = f"网站看到您来自 {ip}，这是内网地址，不能登记。"
        return Here(str(ip), wrong=f"{own}{PROXY}。就在服务器那里打开的，请换一处上网再来。")
    return Here(str(ip), str(site_of(ip)), str(read_network(str(ip))))


def _again(one: Declared) -> Typed:
    until = _local(one.until_ms) if one.until_ms else ""
    return Typed(one.network, str(one.people), one.words, until, "", one.n)


def _local(ms: int) -> str:
    return f"{moment(ms):%Y-%m-%dT%H:%M}"


def _ms(text: str) -> int:
    """`2026-11-23T18:00`, in the contest's time zone, in ms; 0 for nothing."""
    if not text:
        return 0
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise DeclarationRefused("截止时间请写日期和时间；不写就到投票结束") from error


def _number(text: str) -> int:
    """0 for what is no number; that is refused with the bounds."""
    try:
        return int(text.replace(",", "").replace("，", ""))
    except ValueError:
        return 0
