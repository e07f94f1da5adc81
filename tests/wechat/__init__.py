"""A stand-in for WeChat, and what it is held to."""
