"""The public vote of a video contest. This is the whole wiring, on one screen.

Whoever imports any part of the house comes through here first, so what is wired is imported where
it is wired: a process that opens strangers' files, or watches over others, is light without it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from voting.settings import (
    ROOT,
    Contest,
    Keys,
    Refused,
    Settings,
    load_contest,
    load_settings,
    refuse_without_voters,
)

if TYPE_CHECKING:
    from flask import Flask

    from voting.store import Store


def create_app(environ: Mapping[str, str] | None = None) -> Flask:
    """The site as a WSGI app; `environ` replaces the process's environment (tests)."""
    from flask import Flask

    from voting import cli, web
    from voting.wechat import Api

    settings = load_settings(environ)
    contest = load_contest(settings.contest_file)
    keys = settings.keys(environ)
    app = Flask("voting", root_path=str(ROOT), static_folder=None)
    wechat = Api(settings.wechat) if settings.wechat else None
    store = _store(settings, contest, keys)
    web.mount(app, web.Site(settings, contest, keys, store, wechat=wechat))
    cli.mount(app)
    return app


def prepare(environ: Mapping[str, str] | None = None) -> None:
    """Before the first process serves: make the secrets, open the contest in the law store, or make
    sure that it is ours.

    Raises Refused if configuration and store don't belong together. A store that is away is no
    reason not to start: pages are served from what was kept.
    """
    from voting.store.client import Durability, StoreDown, durability
    from voting.store.rules import WrongStore

    settings = load_settings(environ)
    contest = load_contest(settings.contest_file)
    refuse_without_voters(contest, settings)
    settings.make_keys(environ)
    try:
        store = _store(settings, contest, settings.keys(environ))
        store.rules.open(contest.id, contest.law, int(time.time() * 1000))
        kept = durability(store.law)
    except WrongStore as error:
        raise Refused(f"{settings.contest_file}：{error}") from error
    except StoreDown:
        return
    if kept is Durability.WRONG:
        raise Refused(
            f"REDIS_URL={settings.redis_url}: this store could lose votes that it has accepted;"
            " it needs appendonly yes, appendfsync always, no-appendfsync-on-rewrite no and"
            " maxmemory-policy noeviction (config/redis.conf)"
        )
    if kept is Durability.UNKNOWN and not settings.accept_unknown_durability:
        raise Refused(
            f"REDIS_URL={settings.redis_url}: this store doesn't say whether it keeps what it has"
            " accepted; set ACCEPT_UNKNOWN_DURABILITY=yes if you know that it does"
        )


def _store(settings: Settings, contest: Contest, keys: Keys) -> Store:
    from voting.store import open_store

    return open_store(
        contest.id,
        settings.law_url,
        settings.politeness_url,
        settings.shards,
        settings.data_dir / "board",
        accept_unknown=settings.accept_unknown_durability,
        sealing=keys.sealing,
    )
