"""Tables on a terminal: whole where they fit, and never cut off."""

import pytest

from entrepot.cli import output


@pytest.mark.parametrize("columns", [40, 30, 12])
def test_nothing_is_cut_off(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    rows = [{"id": "20261126T130028.103051Z-857e", "tags": 5}]
    output.show_list(rows, {"id": "id", "tags": "tags"}, as_json=False)
    said = capsys.readouterr().out.splitlines()
    assert said[1].split() == [rows[0]["id"], "5"]
