"""申诉: what people ask, the newest first; answering one, or marking some as abuse."""

from __future__ import annotations

from http import HTTPStatus

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from voting.appeal import LONGEST_ANSWER, STATE_WORDS, Appeal, cleaned
from voting.organizer import Power
from voting.store.appeals import MOST_WAITING, AnswerRefused
from voting.store.log import KIND_WORDS, OF_APPEALS
from voting.web.appeals import about_words
from voting.web.errors import Problem
from voting.web.organizer.entries import one_line
from voting.web.organizer.gate import console, may, me
from voting.web.site import this_site

PER_PAGE = 50


@console.get("/appeals")
@may(Power.LOOK)
def appeals() -> str:
    site = this_site()
    everything = request.args.get("all") == "yes"
    before = min(max(0, request.args.get("before", 0, type=int)), 1 << 31)
    listed = site.store.appeals.latest(PER_PAGE, before, only_waiting=not everything)
    return render_template(
        "organizer/appeals.html",
        listed=listed,
        everything=everything,
        newest=before == 0,
        older=listed[-1].number if len(listed) == PER_PAGE else 0,
        waiting=site.store.appeals.waiting(),
        count=site.store.appeals.count(),
        most=MOST_WAITING,
        states=STATE_WORDS,
        about=_about,
    )


@console.get("/appeals/<int:number>")
@may(Power.LOOK)
def appeal(number: int) -> str:
    return _one(_known(number))


@console.post("/appeals/<int:number>/answer")
@may(Power.ANSWER)
def answer_appeal(number: int) -> Response | tuple[str, int]:
    site, form = this_site(), request.form
    text = cleaned(form.get("answer", ""))
    published = form.get("published") == "yes"
    found = _known(number)
    if not text or len(text) > LONGEST_ANSWER:
        wrong = f"请写答复，不超过 {LONGEST_ANSWER:,} 字。"
        return _one(found, wrong, text, published=published, unfit=True), 422
    try:
        site.store.appeals.answer(
            number,
            text,
            site.now_ms(),
            me().name,
            published=published,
            seen_ms=form.get("seen_ms", 0, type=int),
        )
    except AnswerRefused as error:
        return _one(_known(number), f"{error}。", text, published=published), 409
    where = "公布在“申诉和答复”页" if published else "只有申诉人看得到"
    flash(f"第 {number} 号申诉已答复，{where}。")
    return _to_list()


@console.post("/appeals/refuse")
@may(Power.ANSWER)
def refuse_appeals() -> Response:
    """Mark those that were chosen as abuse, all for one reason."""
    site = this_site()
    numbers = sorted(set(request.form.getlist("number", type=int)))[:PER_PAGE]
    reason = one_line(request.form.get("reason", ""))
    if not reason or not numbers:
        flash("没有改动：请选中申诉，并用一句话写明理由。", "alarm")
        return _to_list()
    done = site.store.appeals.refuse(numbers, reason, site.now_ms(), me().name)
    left = len(numbers) - len(done)
    flash(
        f"{len(done)} 条标为不受理。" + (f"另外 {left} 条已经处理过，没有改动。" if left else ""),
        "good" if done else "warn",
    )
    return _to_list()


def _to_list() -> Response:
    return redirect(url_for("organizer.appeals"), HTTPStatus.SEE_OTHER)


def _known(number: int) -> Appeal:
    found = this_site().store.appeals.of(number)
    if found is None:
        raise Problem(404, "no_such_appeal", "没有这个编号的申诉")
    return found


def _one(
    found: Appeal,
    wrong: str = "",
    answer: str = "",
    *,
    published: bool = True,
    unfit: bool = False,
) -> str:
    """`wrong` is why an answer wasn't given; `unfit` if that is for its words."""
    acts, _ = this_site().store.log.find(
        lambda act: act.kind in OF_APPEALS and act.subject == str(found.number), 20
    )
    return render_template(
        "organizer/appeal.html",
        appeal=found,
        state=STATE_WORDS[found.state],
        about=_about(found),
        wrong=wrong,
        unfit=unfit,
        answer=answer or found.answer,
        published=published if wrong or not found.answer else found.published,
        longest=LONGEST_ANSWER,
        acts=acts,
        kinds=KIND_WORDS,
    )


def _about(one: Appeal) -> str:
    return about_words(one.about, this_site().board().entries)
