"""`make bench`: what a vote and a page cost, measured against an empty view of the same stack."""
