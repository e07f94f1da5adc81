"""核查: the cases that scrutiny has found, the evidence of each, and what people decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from voting.batch import DECISION_WORDS, Decision
from voting.case import PATTERN_WORDS, SIGN_WORDS
from voting.organizer import Power
from voting.phrases import chance, observed, when
from voting.settings import missing_for_scrutiny
from voting.sheet import Sheet
from voting.store import Store
from voting.store.batches import DecisionRefused, NoSuchBatch
from voting.store.client import StoreDown
from voting.store.jobs import Job, JobKind, JobState
from voting.web.organizer.deciding import ANOTHER, DEEDS, Asked, choices, decide
from voting.web.organizer.docket import Clerk, Docket, Matter
from voting.web.organizer.entries import NO_REASON, one_line
from voting.web.organizer.gate import console, may, me
from voting.web.organizer.telling import ago, badges, drawn, effect, history, moves, title
from voting.web.site import Site, this_site


@console.get("/cases")
@may(Power.INSPECT)
def cases() -> str:
    site = this_site()
    docket = _docket(site)
    return render_template(
        "organizer/cases.html",
        docket=docket,
        sections=_sections(docket),
        slopes=moves(docket.together, (*docket.together.leave, *docket.together.enter)),
        late=docket.late(site.now_ms()) and not _is_over(site),
        looking=_looking(site),
        missing=missing_for_scrutiny(),
        every=site.settings.scrutiny_minutes,
        **_words(site),
    )


@console.post("/cases")
@may(Power.INSPECT)
def look_now() -> Response:
    """Have the ledger scrutinized now; the worker does it, like all long work."""
    site = this_site()
    if missing := missing_for_scrutiny():
        flash(f"没有核查：服务器上没有装核查要用的软件（{'、'.join(missing)}）。", "alarm")
    else:  # the very same isn't queued twice
        site.store.jobs.add(JobKind.SCRUTINY, me().name, site.now_ms())
    return redirect(url_for("organizer.cases"), HTTPStatus.SEE_OTHER)


def _looking(site: Site) -> Job | None:
    """The look that somebody asked for, and that hasn't ended; or the last one, if it failed after
    the newest run was made."""
    job = next((job for job in site.store.jobs.all() if job.kind is JobKind.SCRUTINY), None)
    if job is None or not job.ended:
        return job
    failed = job.state is JobState.FAILED and job.ended_ms > site.store.cases.at_ms()
    return job if failed else None


@console.get("/cases/<case_id>")
@may(Power.INSPECT)
def case(case_id: str) -> str | Response:
    site = this_site()
    matter = _docket(site).of(case_id)
    if matter is None:
        flash("最近一次核查里没有这一组了：它可能并到了别的组里，也可能不再可疑。", "warn")
        return redirect(url_for("organizer.cases"))
    sheet = _sheet(site.store, matter)
    return render_template(
        "organizer/case.html",
        matter=matter,
        case=matter.case,
        sheet=sheet,
        drawn=drawn(sheet) if sheet else None,
        slopes=moves(matter.change, matter.entries),
        choices=[choices(site.store, matter, part) for part in matter.parts],
        history=history(matter.batches),
        **_words(site),
    )


@console.post("/cases/<case_id>/<decision>")
@may(Power.DECIDE)
def decide_about(case_id: str, decision: str) -> Response:
    """One decision about one batch, or about what no batch holds yet."""
    if decision not in set(Decision):
        abort(404)
    form = request.form
    reason = one_line(form.get("reason", ""))
    asked = Asked(Decision(decision), form.get("batch", ""), form.get("seen", ""), reason)
    site = this_site()
    try:
        if not reason:
            raise DecisionRefused(NO_REASON)
        decide(site.store, _docket(site).of(case_id), asked)
    except (DecisionRefused, NoSuchBatch) as error:
        return _back(case_id, f"没有改动：{str(error) or ANOTHER}。", "alarm")
    finally:
        _clerk().forget()
    return _back(case_id, f"{DEEDS[asked.decision].done}。", "good")


def lately(site: Site) -> Docket | None:
    """A few seconds old at most; None while the store is away, or there never was a board."""
    try:
        return _clerk().lately(site.store, site.board())
    except StoreDown:
        return None


@console.context_processor
def in_the_navigation() -> dict[str, Callable[[], int]]:
    """How many cases want a person soon; asked for only by who may see them."""

    def cases_pressing() -> int:
        docket = lately(this_site())
        return docket.pressing if docket else 0

    return {"cases_pressing": cases_pressing}


def _back(case_id: str, sentence: str, kind: str) -> Response:
    flash(sentence, kind)
    return redirect(url_for("organizer.case", case_id=case_id), HTTPStatus.SEE_OTHER)


def _words(site: Site) -> dict[str, object]:
    board = site.board()
    return {
        "board": board,
        "patterns": PATTERN_WORDS,
        "signs": SIGN_WORDS,
        "decisions": DECISION_WORDS,
        "badges_of": badges,
        "effect_of": effect,
        "observed_of": observed,
        "when_of": when,
        "title_of": lambda number: title(board.entries.get(number), number),
        "chance_of": chance,
        "ago": ago(site.now_ms() - docket_ms) if (docket_ms := site.store.cases.at_ms()) else "",
    }


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    about: str
    matters: tuple[Matter, ...]


def _sections(docket: Docket) -> list[Section]:
    """Those to decide first; each case once."""
    kinds: tuple[tuple[str, str], ...] = (
        ("要决定的", ""),
        ("等第二人确认", "移除要两位组织者：一位提请，另一位确认。"),
        ("只是提示", "知道大约多了多少，不知道是哪些票，所以不能标记，也不能移除。"),
        ("决定过的", "每个决定都可以由另一个决定改回来。"),
    )
    found: tuple[list[Matter], ...] = ([], [], [], [])
    for one in docket.matters:
        found[_kind(one)].append(one)
    return [
        Section(name, about, tuple(some))
        for (name, about), some in zip(kinds, found, strict=True)
        if some
    ]


def _kind(one: Matter) -> int:
    if not one.open:
        return 3
    if not one.named:
        return 2
    return 0 if one.undecided else 1


def _sheet(store: Store, matter: Matter) -> Sheet | None:
    """The newest run's, or the one kept when somebody first decided."""
    if matter.latest:
        return store.cases.sheet_of(matter.case.id)
    kept = store.cases.kept(matter.batches[-1].batch.id)
    return kept.sheet if kept else None


def _docket(site: Site) -> Docket:
    return _clerk().docket(site.store, site.board())


def _clerk() -> Clerk:
    clerk: Clerk = current_app.extensions.setdefault("docket", Clerk())
    return clerk


def _is_over(site: Site) -> bool:
    """No vote can come any more, so one look is enough."""
    return site.now_ms() >= site.board().rules.closes_ms
