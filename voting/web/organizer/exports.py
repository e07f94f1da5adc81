"""导出: tables, the result pack, the QR pack; made by the worker, fetched when they are done."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from voting.contest import Phase
from voting.organizer import Power
from voting.store.jobs import Job, JobKind
from voting.store.log import Kind
from voting.web.errors import Problem
from voting.web.organizer.gate import console, may, me
from voting.web.organizer.jobs import needed
from voting.web.site import this_site

SHOWN: Final = 20
FORMATS: Final = {"csv": "CSV", "xlsx": "Excel"}


@dataclass(frozen=True, slots=True)
class Offer:
    """A table that can be taken away, and what for."""

    key: str
    name: str
    sentence: str
    power: Power = Power.EXPORT


OFFERS: Final = (
    Offer("tallies", "票数", "每件作品的名次和票数，各种身份的票各有多少。上报、存档用这一份。"),
    Offer("entries", "作品", "全部投稿和审核状态，连同收件时发现的问题。不含电话和地址。"),
    Offer("masked", "账本（脱敏）", "一行一票，可以自己重新点票。看不出谁投的、从哪里投的。"),
    Offer(
        "ledger",
        "账本（完整）",
        "一行一票，带网络、设备和分享来源的代号，核查刷票用。用完请删除。",
        Power.EXPORT_SIGNALS,
    ),
    Offer("decisions", "决定", "影响排名和公开内容的每个决定：谁、什么时候、为什么。"),
    Offer("log", "操作记录", "后台的全部操作，一行接一行，改动过就对不上校验码。"),
)
BY_KEY: Final = {offer.key: offer for offer in OFFERS}
PACKS: Final = {JobKind.RESULT_PACK: "结果包", JobKind.QR_PACK: "二维码包"}
#: What the result pack is before the result is published.
STANDING: Final = {
    Phase.UNDER_REVIEW: "结果还在核对，现在做出来的每一页都标着“草稿”。",
    Phase.CLOSED: "结果还没有核对，现在做出来的每一页都标着“未核对”。",
    Phase.PUBLISHED: "",
}
NOT_ENDED: Final = "投票还没有结束，现在做出来的每一页都标着“未结束”。"


@console.get("/exports")
@may(Power.EXPORT)
def exports() -> str:
    site = this_site()
    recent = [job for job in site.store.jobs.all() if _is_mine(job)]
    return render_template(
        "organizer/exports.html",
        offers=[offer for offer in OFFERS if me().may(offer.power)],
        formats=FORMATS,
        recent=[(job, name_of(job)) for job in recent[:SHOWN]],
        standing=STANDING.get(site.store.rules.phase(), NOT_ENDED),
        origin=site.origin(),
        unreachable=is_local(site.origin()),
    )


@console.post("/exports")
@may(Power.EXPORT)
def export() -> Response:
    """Ask for one table as one file."""
    offer, wanted = BY_KEY.get(request.form.get("table", "")), request.form.get("format", "")
    if offer is None or wanted not in FORMATS:
        raise Problem(400, "no_such_export", "没有这种导出", "请从页面上的几种里选")
    if not me().may(offer.power):
        raise Problem(403, "not_allowed", "您的账号不能导出这份表", "需要的话请找组织者")
    return _ask(JobKind.EXPORT, f"{offer.name}，{FORMATS[wanted]}", table=offer.key, format=wanted)


@console.post("/exports/result-pack")
@may(Power.EXPORT)
def result_pack() -> Response:
    return _ask(JobKind.RESULT_PACK, PACKS[JobKind.RESULT_PACK])


@console.post("/exports/qr-pack")
@may(Power.EXPORT)
def qr_pack() -> Response:
    return _ask(JobKind.QR_PACK, PACKS[JobKind.QR_PACK], origin=this_site().origin())


def _ask(kind: JobKind, name: str, **asked: str) -> Response:
    """Queue it, unless the very same is already on its way."""
    site = this_site()
    same = (job for job in site.store.jobs.all() if (job.kind, job.asked) == (kind, asked))
    if any(not job.ended for job in same):
        flash(f"“{name}”已经在做了，不用再点。", "warn")
    else:
        site.store.log.append(Kind.EXPORT, asked.get("table", kind), name, me().name)
        site.store.jobs.add(kind, me().name, site.now_ms(), **asked)
    return redirect(url_for("organizer.exports") + "#recent")


def _is_mine(job: Job) -> bool:
    """Whether this page shows the job to whoever looks."""
    return job.kind in (JobKind.EXPORT, *PACKS) and me().may(needed(job))


def name_of(job: Job) -> str:
    if job.kind in PACKS:
        return PACKS[job.kind]
    offer = BY_KEY.get(job.asked.get("table", ""))
    return f"{offer.name if offer else '表格'} · {FORMATS.get(job.asked.get('format', ''), '')}"


def is_local(origin: str) -> bool:
    """Whether an address means the machine itself, so that nobody else can open it."""
    host = urlsplit(origin).hostname or ""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return found.is_loopback or found.is_unspecified
