"""`Automaton`: what an expression over tags becomes, so that a tag is read once and never again.

It is the automaton of the expression's places (Glushkov's). The places where a reading may be are
bits of a number, so a character costs one step, however many ways lead on. Next: `oci.expression`.
"""

import string
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

ALPHABET = frozenset(string.ascii_letters + string.digits + "_.-")
"""What tags are made of."""

_MAX_PLACES = 200
_MAX_STEPS = 10_000
"""Of making it: parts that mean nothing have no places, and could be repeated without end."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an automaton; places are bits."""

    empty: bool
    """Whether it also means the empty text."""
    first: int
    last: int


NOTHING = Part(True, 0, 0)


class Automaton:
    """The places made so far: which characters each takes, and which come behind it."""

    def __init__(self) -> None:
        self._takes = dict.fromkeys(ALPHABET, 0)
        self._behind: list[int] = []
        self._steps = 0

    def place(self, chars: frozenset[str]) -> Part:
        """A new place, for one of these characters. Raises ValueError where there are too many."""
        if len(self._behind) == _MAX_PLACES:
            raise ValueError("the expression is too large: write fewer or smaller repetitions")
        bit = 1 << len(self._behind)
        self._behind.append(0)
        for char in chars & ALPHABET:
            self._takes[char] |= bit
        return Part(False, bit, bit)

    def then(self, one: Part, two: Part) -> Part:
        """One part behind another. Raises ValueError after too many of them."""
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise ValueError("the expression is too large: write fewer or smaller repetitions")
        self._link(one.last, two.first)
        first = one.first | (two.first if one.empty else 0)
        last = two.last | (one.last if two.empty else 0)
        return Part(one.empty and two.empty, first, last)

    def ever(self, part: Part) -> Part:
        """A part, as often as one likes."""
        self._link(part.last, part.first)
        return Part(True, part.first, part.last)

    def _link(self, last: int, first: int) -> None:
        for place in _bits(last):
            self._behind[place] |= first

    @property
    def size(self) -> int:
        """How many places there are: so many steps of a bit a character costs at most."""
        return len(self._behind)

    def reads(self, whole: Part, text: str) -> bool:
        """Whether a part means the whole of a text."""
        ahead, here, length = whole.first, 0, len(self._tables)
        for char in text:
            here = ahead & self._takes.get(char, 0)
            if not here:
                return False
            ahead = 0
            for byte, table in zip(here.to_bytes(length, "little"), self._tables, strict=True):
                ahead |= table[byte]
        return bool(here & whole.last) if text else whole.empty

    @cached_property
    def _tables(self) -> list[list[int]]:
        """What comes behind each eight places, by which of them it is; made when all are there."""
        tables = []
        for begin in range(0, self.size, 8):
            table = [0]
            for behind in self._behind[begin : begin + 8]:
                table += [each | behind for each in table]
            tables.append(table)
        return tables


def either(parts: list[Part]) -> Part:
    """One of several parts."""
    first = last = 0
    for each in parts:
        first, last = first | each.first, last | each.last
    return Part(any(each.empty for each in parts), first, last)


Build = Callable[[Automaton], Part]
"""Makes new places for a part; a repetition calls it several times."""


def _bits(places: int) -> list[int]:
    found = []
    while places:
        low = places & -places
        found.append(low.bit_length() - 1)
        places ^= low
    return found
