"""How fast and how sound the public pages are, as Lighthouse sees them."""
