"""What WeChat punishes in a text, and where a text of ours can be read."""
