"""How commands on backups fail: with a word on what to mend."""

import errno
import sqlite3

import pytest
import typer

from entrepot.cli.vaults import told

FAILED = {
    "no room": (OSError(errno.ENOSPC, "No space left"), "No space left: make room where the"),
    "a file": (FileNotFoundError(errno.ENOENT, "No such file", "ca.pem"), "ca.pem: No such file"),
    "a store": (OSError("the bucket does not answer"), "the bucket does not answer; run"),
    "the database": (sqlite3.OperationalError("database is locked"), "database is locked; run"),
}


@pytest.mark.parametrize(("error", "words"), FAILED.values(), ids=FAILED)
def test_told(error: Exception, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, told("run it again"):
        raise error
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err.startswith(f"entrepot: {words}")
