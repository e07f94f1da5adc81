"""Files that are there when they are whole, and not before; and room left for the vote."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: The vote pauses at 100 MB: no report and no video may bring it there.
LEAVE: Final = 300 * 1024 * 1024
#: The errors of a disk without room, and of one on which nobody can go on at all.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
BROKEN: Final = FULL | {errno.EROFS, errno.EIO}


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place to write at; it becomes `path` at the end, and vanishes if there is an error."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def need_room(place: Path, more: int = 0) -> None:
    """Raises OSError (no space left) before writing `more` bytes would leave too little."""
    if shutil.disk_usage(place).free - more < LEAVE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(place))
