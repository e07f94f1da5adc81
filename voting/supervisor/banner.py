"""What is shown when the site is open: its addresses, and a QR code for a phone nearby."""

from __future__ import annotations

import io
import socket
import sys

import qrcode

from voting.settings import Settings
from voting.supervisor.checks import local_host

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 compared, not bound


def banner(settings: Settings) -> str:
    """The text; its QR code holds the address that a phone can open, if there is one."""
    here = f"http://{_bracketed(local_host(settings.host))}:{settings.port}/"
    lines = ["", "  The site is open.", "", f"  On this machine   {here}"]
    if phone := phone_address(settings):
        lines += [f"  On a phone        {phone}", "", qr_code(phone, sys.stdout.isatty())]
    else:
        lines += ["  (only this machine can open it)", ""]
    return "\n".join([*lines, "  Ctrl-C stops everything.", ""])


def phone_address(settings: Settings) -> str:
    """PUBLIC_URL, else this machine's address in the LAN, else an empty string."""
    if settings.public_url:
        return f"{settings.public_url}/"
    address = lan_address() if settings.host in EVERYWHERE else settings.host
    if not address or address == "localhost" or address.startswith("127.") or address == "::1":
        return ""
    return f"http://{_bracketed(address)}:{settings.port}/"


def lan_address() -> str:
    """The address that this machine would send from, or an empty string without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address; UDP connect sends nothing
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def qr_code(text: str, colours: bool) -> str:
    """Half-block characters, two modules high. Light on dark, and in colours fixed for every theme
    where the terminal has them."""
    code = qrcode.QRCode(border=2, error_correction=qrcode.ERROR_CORRECT_L)
    code.add_data(text)
    drawn = io.StringIO()
    code.print_ascii(out=drawn, invert=True)
    rows = drawn.getvalue().splitlines()
    if colours:
        rows = [f"\x1b[38;5;231;48;5;16m{row}\x1b[0m" for row in rows]
    return "\n".join(f"  {row}" for row in rows) + "\n"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
