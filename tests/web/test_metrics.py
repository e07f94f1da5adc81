"""`/metrics`: who may read it, what it says, and what it never says."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from cases import a_world, load
from casting import SIGNALS, a_ballot
from flask import Flask
from people import Town, Visitor
from prometheus_client.parser import text_string_to_metric_families
from staging import OwnStore, build, refresh

from voting.contest import Phase, Verdict
from voting.store.jobs import JobKind
from voting.web.site import Site

TOKEN = "0123456789abcdef0123456789abcdef"
NOWHERE = "unix:///tmp/nobody-listens-here.sock"
Samples = dict[tuple[str, str], float]


@pytest.fixture
def machine(town: Town) -> Visitor:
    """Somebody who sits at the machine."""
    return town.visitor("127.0.0.1")


def read(one: Visitor, **parts: object) -> Samples:
    """Name and its label's value ('' for none) → value."""
    answer = one.get("/metrics", **parts)
    assert answer.status_code == 200
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def vote(site: Site) -> None:
    assert site.store.ballots.cast(a_ballot(1), SIGNALS).verdict is Verdict.ACCEPTED


# --- who ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.9.9.9", "::ffff:127.0.0.1"])
def test_without_a_token_this_machine_reads_it(town: Town, address: str):
    assert town.visitor(address).get("/metrics").status_code == 200


@pytest.mark.parametrize("address", ["10.0.0.1", "202.194.15.7", "", "::", "127.0.0.1.evil"])
def test_for_everybody_else_there_is_no_such_page(town: Town, address: str):
    answer = Visitor(town.app.test_client(), address).get("/metrics")
    assert answer.status_code == 404
    assert "voting_" not in answer.text


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host", "Via"]
)
@pytest.mark.parametrize("hops", ["0", "1"])
def test_what_a_proxy_passes_on_is_not_this_machine(
    raise_site: Callable[..., Flask], header: str, hops: str
):
    machine = Visitor(raise_site(TRUSTED_PROXIES=hops).test_client(), "127.0.0.1")
    assert machine.get("/metrics").status_code == 200
    assert machine.get("/metrics", headers={header: "127.0.0.1"}).status_code == 404


def test_with_a_token_whoever_sends_it_reads_it_from_anywhere(raise_site: Callable[..., Flask]):
    stranger = Visitor(raise_site(METRICS_TOKEN=TOKEN).test_client(), "202.194.15.7")
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {TOKEN}"}
        assert stranger.get("/metrics", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "sent", ["", "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}0", f"Basic {TOKEN}",
             TOKEN, "Bearer 口令", f"Bearer {TOKEN.upper()}", "Bearer " + "0" * 9_000],
)  # fmt: skip
def test_with_a_token_nobody_reads_it_without(raise_site: Callable[..., Flask], sent: str):
    app = raise_site(METRICS_TOKEN=TOKEN)
    for address in ("127.0.0.1", "202.194.15.7"):
        headers = {"Authorization": sent.encode().decode("latin-1")} if sent else {}
        one = Visitor(app.test_client(), address)
        assert one.get("/metrics", headers=headers).status_code == 404
        assert one.get(f"/metrics?token={TOKEN}").status_code == 404


# --- what --------------------------------------------------------------------------------------


def test_it_tells_how_the_site_is(machine: Visitor, site: Site):
    vote(site)
    site.store.refusals.count("already_voted", site.now_ms())
    site.store.refusals.write()
    site.store.networks.declare("202.194.15.0/24", 800, "趵突泉校区", "开学典礼", "王组织")
    site.store.jobs.add(JobKind.RESULT, "王组织", site.now_ms())
    site.store.figures.keep_up(site.board())
    refresh(site)
    found = read(machine)
    assert found["voting_store_up", "law"] == found["voting_store_up", "throttle"] == 1
    assert found["voting_store_latency_seconds", "law"] > 0
    assert found["voting_disk_free_bytes", ""] > 0
    assert found["voting_votes", ""] == 1
    assert found["voting_entries", ""] == 12
    assert found["voting_declared_networks", ""] == 1
    assert found["voting_jobs", "waiting"] == 1
    assert found["voting_jobs", "failed"] == 0
    assert found["voting_refusals_total", "already_voted"] == 1
    assert found["voting_refusals_today", "already_voted"] == 1
    assert found["voting_standings_stale", ""] == 0
    for name in ("worker_beat", "standings"):
        assert abs(site.clock() - found[f"voting_{name}_timestamp_seconds", ""]) < 60
    phases = {label: value for (name, label), value in found.items() if name == "voting_phase"}
    assert phases == {one.value: float(one is Phase.OPEN) for one in Phase}


def test_refusals_of_other_days_are_in_the_total_only(machine: Visitor, site: Site):
    now_ms = site.now_ms()
    site.store.refusals.count("quota_used", now_ms - 24 * 3_600_000)
    site.store.refusals.count("quota_used", now_ms)
    site.store.refusals.write()
    found = read(machine)
    # The contest began yesterday, where its first rules are as old as that.
    assert found["voting_refusals_today", "quota_used"] == 1
    assert found["voting_refusals_total", "quota_used"] >= 1


def test_votes_are_told_only_where_everybody_may_see_them(raise_site: Callable[..., Flask]):
    app = raise_site(('counts = "live"', 'counts = "after_close"'))
    machine = Visitor(app.test_client(), "127.0.0.1")
    before = machine.get("/metrics").text
    vote(app.extensions["site"])
    refresh(app.extensions["site"])
    found = read(machine)
    assert ("voting_votes", "") not in found
    names = {line.split(" ")[0] for line in machine.get("/metrics").text.splitlines()}
    assert names == {line.split(" ")[0] for line in before.splitlines()}


def test_cases_are_told_once_scrutiny_has_run(machine: Visitor, app: Flask, site: Site):
    assert ("voting_scrutiny_timestamp_seconds", "") not in read(machine)
    world = load(site.store, a_world(site.now_ms()))
    refresh(site)
    del app.extensions["metrics"]  # it may be a few seconds old
    found = read(machine)
    assert found["voting_scrutiny_timestamp_seconds", ""] == world.run.at_ms / 1000
    assert found["voting_cases", "open"] == len(world.run.cases)
    assert 0 < found["voting_cases", "urgent"] <= len(world.run.cases)


def test_a_law_store_that_is_away_is_told_and_takes_its_figures_along(
    raise_site: Callable[..., Flask], own_law: OwnStore
):
    app = raise_site(REDIS_URL=own_law.url)
    machine = Visitor(app.test_client(), "127.0.0.1")
    assert read(machine)["voting_store_up", "law"] == 1
    own_law.kill()
    found = read(machine)
    assert found["voting_store_up", "law"] == 0
    assert found["voting_store_up", "throttle"] == 1
    assert ("voting_store_latency_seconds", "law") not in found
    assert ("voting_phase", "open") in found
    assert not any(name.startswith(("voting_refusals", "voting_jobs")) for name, _ in found)


def test_without_either_store_it_still_answers(environ: dict[str, str]):
    app = build(environ | {"REDIS_URL": NOWHERE, "THROTTLE_URL": NOWHERE})
    found = read(Visitor(app.test_client(), "127.0.0.1"))
    assert found["voting_store_up", "law"] == found["voting_store_up", "throttle"] == 0
    assert ("voting_phase", "open") not in found


def test_it_holds_no_word_about_anybody(machine: Visitor, alice: Visitor, site: Site):
    site.store.networks.declare("202.194.15.0/24", 800, "趵突泉校区", "开学典礼", "王组织")
    site.store.jobs.add(JobKind.RESULT, "王组织", site.now_ms())
    vote(site)
    alice.cast(2, "junk")
    site.store.refusals.write()
    refresh(site)
    text = machine.get("/metrics").text
    assert text.isascii()
    assert not re.search(r"\d+\.\d+\.\d+\.\d+|202\.194", text)
    values = set(re.findall(r'="([^"]*)"', text))
    assert all(re.fullmatch(r"[a-z_]+", value) for value in values)


def test_it_speaks_both_dialects_and_is_never_kept(machine: Visitor):
    answer = machine.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    accept = "application/openmetrics-text; version=1.0.0"
    answer = machine.get("/metrics", headers={"Accept": accept})
    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_every_name_is_in_base_units_and_explained(machine: Visitor):
    families = list(text_string_to_metric_families(machine.get("/metrics").text))
    for family in families:
        assert re.fullmatch(r"voting_[a-z_]+", family.name)
        assert not re.search(r"_(ms|kb|mb|percent)$", family.name)
        assert family.documentation.endswith(".")
    assert len({family.name for family in families}) == len(families)
