"""For how long a registry wants to be left alone, as it says."""

import httpx2
import pytest

from entrepot.upstream.answer import Answer
from entrepot.upstream.place import BrokenError

AT = "Thu, 26 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("said", "date", "seconds"),
    [
        ("7", AT, 7),
        ("Thu, 26 Nov 2026 12:01:30 GMT", AT, 90),
        ("Thu, 26 Nov 2026 13:01:30 +0100", AT, 90),
        ("Thu, 26 Nov 2026 11:00:00 GMT", AT, 0),
        ("1795694490", AT, 0),
        ("-1", AT, 0),
        ("soon", AT, 0),
        ("", AT, 0),
        ("Thu, 99 Nov 99999 12:00:00 GMT", AT, 0),
        ("Thu, 26 Nov 2020 12:00:00 GMT", "", 0),
    ],
)
def test_what_is_said(said: str, date: str, seconds: float) -> None:
    """By its own clock, which may be hours apart from ours."""
    headers = httpx2.Headers({"retry-after": said, "date": date})
    with pytest.raises(BrokenError) as error:
        Answer(429, headers).checked("up.test")
    assert error.value.wait == seconds
