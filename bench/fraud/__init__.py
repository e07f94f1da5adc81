"""What judges scrutiny: labelled vote ledgers of made-up worlds, a scorer, and a table."""
