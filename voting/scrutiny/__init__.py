"""The ledger, looked at whole: groups of votes that two kinds of evidence speak against."""
