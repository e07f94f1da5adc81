"""What people get to see of a file: its texts, each with the line it begins on."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeAlias

#: A text, and the number of the line it begins on.
Text: TypeAlias = tuple[int, str]

#: Where a template or a script puts in what isn't known here.
SOMETHING = "〇"

_CHINESE = re.compile(r"[一-鿿]")
_LITERAL = re.compile(r"'((?:[^'\\\n]|\\.)*)'|\"((?:[^\"\\\n]|\\.)*)\"")
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
#: Elements whose text runs on in the sentence around them.
_INLINE = frozenset({"a", "abbr", "b", "bdi", "em", "i", "small", "span", "strong", "time"})
_SEEN_ATTRIBUTES = frozenset({"alt", "aria-label", "content", "placeholder", "title", "value"})


def texts_of(name: str, content: str) -> Iterator[Text]:
    """The texts of a file, read as its name's ending says; none of any other."""
    read = READERS.get(Path(name).suffix)
    if read:
        yield from ((line, text) for line, text in read(content) if _CHINESE.search(text))


def of_toml(content: str) -> Iterator[Text]:
    """The strings among the values; comments are for organizers."""
    lines = [line.partition(" #")[0] for line in content.splitlines()]
    lines = ["" if line.lstrip().startswith("#") else line for line in lines]
    for value in _strings(tomllib.loads(content)):
        head = value.strip().partition("\n")[0]
        yield next((n for n, line in enumerate(lines, start=1) if head in line), 1), value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def of_template(content: str) -> Iterator[Text]:
    """Sentences between tags, across those that don't end one, and attributes that are read out."""
    page = _Page()
    page.feed(_JINJA.sub(_without_jinja, content))
    page.close()
    page.end()
    yield from page.texts


def _without_jinja(found: re.Match[str]) -> str:
    """What a piece of Jinja may put into the page, as many lines long as it was."""
    piece = found[0]
    lines = "\n" * piece.count("\n")
    if piece.startswith("{#"):
        return lines
    words = [a or b for a, b in _LITERAL.findall(piece) if _CHINESE.search(a or b)]
    if piece.startswith("{{"):
        return "，".join(words) + lines if words else SOMETHING + lines
    told = "".join(f"<p>{word}</p>" for word in words)
    return ("，" if re.match(r"\{%-?\s*el", piece) else told) + lines


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[Text] = []
        self._line, self._words, self._silent = 1, "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _INLINE:
            self.end()
        self._silent = tag in ("script", "style")
        line = self.getpos()[0]
        self.texts += [(line, value) for name, value in attrs if name in _SEEN_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        if tag not in _INLINE:
            self.end()
        self._silent = False

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if not self._words.strip():
            blank = data[: len(data) - len(data.lstrip())]
            self._line, self._words = self.getpos()[0] + blank.count("\n"), data.lstrip()
        else:
            self._words += data

    def end(self) -> None:
        if self._words.strip():
            # A line of a template that ends isn't a sentence that ends.
            self.texts.append((self._line, self._words.replace("\n", " ")))
        self._words = ""


_SCRIPT = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|`[^`]*`)",
    re.DOTALL,
)
_PUT_TOGETHER = re.compile(r"\s*\+(?:[^;{}'\"`]*\+)?\s*")


def of_script(content: str) -> Iterator[Text]:
    """The string literals, those that are added together as one text."""
    text, begins, ends = "", 0, 0
    for found in _SCRIPT.finditer(content):
        if found["comment"]:
            continue
        between = content[ends : found.start()]
        if text and _PUT_TOGETHER.fullmatch(between):
            text += (SOMETHING if between.count("+") > 1 else "") + found["text"][1:-1]
        else:
            if text:
                yield content.count("\n", 0, begins) + 1, text
            text, begins = found["text"][1:-1], found.start()
        ends = found.end()
    if text:
        yield content.count("\n", 0, begins) + 1, text


def of_python(content: str) -> Iterator[Text]:
    """The string literals that aren't docstrings."""
    tree = ast.parse(content)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
              for part in ast.walk(node) if part is not node}  # fmt: skip
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in inside | told:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (getattr(part, "value", "") for part in node.values)
            yield node.lineno, "".join(p if isinstance(p, str) else SOMETHING for p in parts)


READERS: dict[str, Callable[[str], Iterator[Text]]] = {
    ".toml": of_toml, ".html": of_template, ".js": of_script, ".py": of_python,
}  # fmt: skip
