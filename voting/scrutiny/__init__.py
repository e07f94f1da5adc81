"""The ledger, looked at whole: groups of votes that two kinds of evidence speak against.

Pure and vectorised; knows neither the stores nor the web. Nothing here is needed to vote.
"""

from __future__ import annotations

from pathlib import Path

from voting.scrutiny.look import Findings, look
from voting.scrutiny.votes import Votes, read


def scrutinize(ledger: Path | Votes, winners: int = 10) -> Findings:
    """Look for fraud in an exported ledger, or in votes at hand. Raises LedgerUnreadable."""
    return look(ledger if isinstance(ledger, Votes) else read(ledger), winners)
