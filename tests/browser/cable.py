"""The wire between a phone and the site, to pull out."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Cable:
    """Passes bytes on to a site; while it is cut, nobody answers."""

    def __init__(self, address: str) -> None:
        there = urlsplit(address)
        self._site = there.hostname, there.port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self.is_cut = False
        self._to_lose = b""
        self._ends: set[socket.socket] = set()
        threading.Thread(target=self._take_calls, daemon=True).start()

    @contextmanager
    def cut(self) -> Iterator[None]:
        self.is_cut = True
        self._hang_up()
        try:
            yield
        finally:
            self.is_cut = False

    def lose_the_next_answer(self, path: str) -> None:
        """The next POST to an address with this end arrives, and its answer doesn't."""
        self._to_lose = f"{path} HTTP/1.1".encode()

    def close(self) -> None:
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._hang_up()

    def _hang_up(self) -> None:
        for end in list(self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _take_calls(self) -> None:
        with suppress(OSError):
            while True:
                phone, _ = self._door.accept()
                if self.is_cut:
                    phone.close()
                    continue
                site = socket.create_connection(self._site)
                self._ends |= {phone, site}
                lost = threading.Event()
                for one, other in ((phone, site), (site, phone)):
                    ends = one, other, one is phone, lost
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(
        self, one: socket.socket, other: socket.socket, asks: bool, lost: threading.Event
    ) -> None:
        with suppress(OSError):
            while piece := one.recv(65_536):
                if asks and self._to_lose and self._to_lose in piece.split(b"\r\n")[0]:
                    self._to_lose = b""
                    lost.set()
                if lost.is_set() and not asks:
                    break
                other.sendall(piece)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends -= {one, other}
        one.close()
