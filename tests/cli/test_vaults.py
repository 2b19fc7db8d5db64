"""How commands on backups fail: with a word on what to mend."""

import errno
import sqlite3
import sys

import pytest
import typer

from entrepot.blobstore.place import Place
from entrepot.blobstore.store import RefusedError, StoreError
from entrepot.cli.vaults import told
from entrepot.upkeep.backup.vault import vault_at

FAILED = {
    "no room": (OSError(errno.ENOSPC, "No space left"), "No space left: make room where the"),
    "a store": (StoreError("the bucket does not answer"), "the bucket does not answer; run"),
    "the database": (sqlite3.OperationalError("database is locked"), "database is locked; run"),
}
REFUSED = {
    "a file": (FileNotFoundError(errno.ENOENT, "No such file", "ca.pem"), "ca.pem: No such file"),
    "rights": (PermissionError(errno.EACCES, "Denied", "d"), "d: Denied: run it as the user whose"),
    "credentials": (RefusedError("there are no credentials"), "there are no credentials"),
}


@pytest.mark.parametrize(("error", "words"), FAILED.values(), ids=FAILED)
def test_what_may_go_later_is_to_be_tried_again(
    error: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, told("run it again"):
        raise error
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err.startswith(f"entrepot: {words}")


@pytest.mark.parametrize(("error", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_to_be_mended_first_is_not_tried_again(
    error: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, told("run it again"):
        raise error
    assert ended.value.exit_code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"entrepot: {words}")
    assert "again" not in said


def test_a_bucket_without_the_packages_for_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "entrepot.upkeep.backup.bucket", None)
    with pytest.raises(typer.Exit) as ended, told("run it again"):
        vault_at("s3://backups/registry", Place("s3", "other"))
    assert ended.value.exit_code == 2
    said = capsys.readouterr().err
    assert said.endswith("wants more packages: pip install 'entrepot[objects]'\n")
