"""What organizers take away: tables for spreadsheets, the result to sign, packs."""
