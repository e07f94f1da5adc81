"""What every command does: run with the site, and say a failure in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click
from flask import current_app

from voting.contest import moment
from voting.settings import ROOT, Refused
from voting.shelf import Shelf
from voting.store.client import StoreDown
from voting.store.entries import LabelUnconfirmed, NoSuchEntry
from voting.store.rules import LawRefused, WrongStore
from voting.web.site import Site

LONGEST_REASON = 200


def told(command: Callable[..., Any]) -> Callable[..., Any]:
    """Run a command with the site, and say a failure in one sentence."""

    @wraps(command)
    def run(**parts: Any) -> Any:
        site: Site | Refused = current_app.extensions["site"]
        if isinstance(site, Refused):
            raise click.ClickException(str(site))
        try:
            return command(site, **parts)
        except StoreDown as error:
            raise click.ClickException(_why_not(str(error))) from error
        except (WrongStore, LawRefused, Refused) as error:
            raise click.ClickException(str(error)) from error
        except LabelUnconfirmed as error:
            raise click.ClickException(
                f"{error} 号是 AI 创作：请先看过视频，确认画面带有 AI 标识，再加上 --ai-labelled"
            ) from error
        except NoSuchEntry as error:
            raise click.ClickException(f"没有 {error} 号作品") from error
        except OSError as error:
            file = _named(error, site)
            raise click.ClickException(f"读写文件失败：{file}{error.strerror}") from error

    return run


def _why_not(reason: str) -> str:
    """What an organizer can do about a StoreDown; its text is all that is known."""
    if "acquire lock" in reason:
        return "另一条命令正在修改，请稍后再试"
    if "connect" in reason.lower():
        return f"连不上数据库，网站在运行吗？DATA_DIR、REDIS_URL 对吗？（{reason}）"
    return f"数据库没有办成这件事：{reason}"


def _named(error: OSError, site: Site) -> str:
    """The file if it is one of ours; others are not named, because a mailbox's carry phones."""
    file = Path(str(error.filename))
    ours = site.settings.media_dir, site.settings.public_dir, ROOT / "config"
    return f"{file} " if any(file.is_relative_to(folder) for folder in ours) else ""


def _one_line(_context: click.Context, _option: click.Parameter, reason: str) -> str:
    """Reasons are published, so an empty one won't do."""
    reason = reason.strip()
    if len(reason.splitlines()) != 1 or len(reason) > LONGEST_REASON:
        raise click.BadParameter(f"请用一行话写明理由，不超过 {LONGEST_REASON} 字")
    return reason


reason_option = partial(click.option, "--reason", callback=_one_line)


def minute(ms: int) -> str:
    """`2025-08-20 18:00`, in Shanghai."""
    return f"{moment(ms):%Y-%m-%d %H:%M}"


def shelf_of(site: Site) -> Shelf:
    return Shelf(site.settings.media_dir, site.settings.public_dir)
