"""`Expression`: a regular expression over tags that nobody can make slow.

Nothing is tried again as it is matched, so no expression backtracks (ReDoS); what needs that, as
lookarounds and back references do, is refused. It means whole tags: ^ and $ are but borne with.
"""

import string
from functools import lru_cache
from typing import Self

from entrepot.oci.automaton import ALPHABET, NOTHING, Automaton, Build, Part, either

MAX_LENGTH = 200
"""Characters of an expression."""
_MAX_DEPTH = 20
_MAX_COUNT = 128
"""No tag is longer."""

_DIGITS = frozenset(string.digits)
_SETS = {"d": _DIGITS, "w": ALPHABET - {".", "-"}, "s": frozenset[str]()}
_SETS |= {name.upper(): ALPHABET - chars for name, chars in _SETS.items()}
_SIGNS = frozenset("*+?{}[]()|^$\\")
_COUNTS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class Expression:
    """Made by `parse`."""

    __slots__ = ("_automaton", "_whole")

    def __init__(self, automaton: Automaton, whole: Part) -> None:
        self._automaton = automaton
        self._whole = whole

    @classmethod
    @lru_cache(256)
    def parse(cls, text: str) -> Self:
        """Read an expression. Raises ValueError, which says what is wrong with it."""
        if not 0 < len(text) <= MAX_LENGTH:
            raise ValueError(f"write an expression of 1 to {MAX_LENGTH} characters")
        automaton = Automaton()
        return cls(automaton, _Reader(text).whole()(automaton))

    @property
    def size(self) -> int:
        """What a character of a tag costs at most, in steps of a bit."""
        return self._automaton.size

    def matches(self, tag: str) -> bool:
        """Whether it means the whole of a tag."""
        return self._automaton.reads(self._whole, tag)


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text.removeprefix("^")
        if self._text.endswith("$") and not self._text.endswith("\\$"):
            self._text = self._text[:-1]
        self._at = 0
        self._depth = 0

    def whole(self) -> Build:
        found = self._either()
        if self._at < len(self._text):
            raise self._wrong("there is no ( for this )")
        return found

    def _wrong(self, why: str) -> ValueError:
        return ValueError(f"{why}, behind {self._text[: self._at]!r}")

    def _ahead(self, place: int = 0) -> str:
        return self._text[self._at + place : self._at + place + 1]

    def _take(self, sign: str) -> bool:
        if not self._text.startswith(sign, self._at):
            return False
        self._at += len(sign)
        return True

    def _next(self) -> str:
        found = self._ahead()
        if not found:
            raise self._wrong("it ends too early")
        self._at += 1
        return found

    def _either(self) -> Build:
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())

        return lambda automaton: either([part(automaton) for part in parts])

    def _sequence(self) -> Build:
        parts = []
        while self._ahead() not in ("", "|", ")"):
            parts.append(self._repeated())

        def build(automaton: Automaton) -> Part:
            found = NOTHING
            for part in parts:
                found = automaton.then(found, part(automaton))
            return found

        return build

    def _repeated(self) -> Build:
        part = self._atom()
        if self._ahead() not in ("*", "+", "?", "{"):
            return part
        least, most = _COUNTS.get(self._ahead()) or self._count()
        self._at += 1
        self._take("?")  # whether as few as can be makes no difference to a whole tag
        if self._ahead() in ("*", "+", "?", "{"):
            raise self._wrong("one repetition is enough")

        def build(automaton: Automaton) -> Part:
            found = NOTHING
            for number in range(least if most is None else most):
                made = part(automaton)
                if number >= least:
                    made = Part(True, made.first, made.last)
                found = automaton.then(found, made)
            if most is None:
                found = automaton.then(found, automaton.ever(part(automaton)))
            return found

        return build

    def _count(self) -> tuple[int, int | None]:
        """What {2}, {2,} or {2,3} says; up to the closing brace."""
        end = self._text.find("}", self._at)
        least, comma, most = self._text[self._at + 1 : max(end, self._at)].partition(",")
        given = [each for each in (least, most) if each]
        if not given or not all(each.isdecimal() and len(each) < 4 for each in given):
            raise self._wrong("write a count as {2}, {2,} or {2,3}")
        low, high = int(least or 0), int(most) if most else None if comma else int(least)
        if max(low, high or 0) > _MAX_COUNT or (high is not None and high < low):
            raise self._wrong(f"write counts up to {_MAX_COUNT}, the smaller one first")
        self._at = end
        return low, high

    def _atom(self) -> Build:
        sign = self._next()
        if sign == "(":
            return self._group()
        if sign == "[":
            chars = self._class()
        elif sign == "\\":
            chars = self._escaped()
        elif sign == ".":
            chars = ALPHABET
        elif sign in _SIGNS:
            self._at -= 1
            raise self._wrong(f"{sign} cannot stand here")
        else:
            chars = frozenset(sign)
        return lambda automaton: automaton.place(chars)

    def _group(self) -> Build:
        if self._ahead() == "?" and not self._take("?:"):
            raise self._wrong("groups are ( ) or (?: ): no lookarounds, names or flags")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._wrong(f"groups lie at most {_MAX_DEPTH} deep")
        found = self._either()
        if not self._take(")"):
            raise self._wrong("there is no ) for a (")
        self._depth -= 1
        return found

    def _class(self) -> frozenset[str]:
        without, chars = self._take("^"), set[str]()
        while (char := self._next()) != "]":
            if char == "\\":
                chars |= self._escaped()
            elif self._ahead() == "-" and self._ahead(1) not in ("", "]"):
                self._at += 1
                last = self._next()
                if last < char or last == "\\":
                    raise self._wrong("a range goes up, as a-z does")
                chars |= {each for each in ALPHABET if char <= each <= last}
            else:
                chars.add(char)
        if not chars:
            raise self._wrong("nothing is in [ ]")
        return ALPHABET - chars if without else frozenset(chars)

    def _escaped(self) -> frozenset[str]:
        char = self._next()
        if char in _SETS:
            return _SETS[char]
        if char.isalnum():
            raise self._wrong(f"\\{char} means nothing here: there are \\d, \\w and \\s")
        return frozenset(char)
