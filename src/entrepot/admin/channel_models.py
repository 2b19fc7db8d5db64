"""Channels, gates and stays, as the API shows and takes them."""

import re
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from entrepot.admin.page import Model, Text, moment, printable
from entrepot.auth.roles import Role
from entrepot.db.freezes import Freeze as FreezeRow
from entrepot.db.stays import Stay as StayRow
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Tag
from entrepot.versions import windows
from entrepot.versions.gates import APPROVERS, NO_GATES, PROMOTERS
from entrepot.versions.gates import Gates as Meant

YEAR = 366 * 24 * 3600

_label = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
_media_type = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}").fullmatch


def _channel(text: str) -> str:
    try:
        return Tag.parse(text).name
    except OCIError as error:
        raise ValueError(error.message) from None


def _window(text: str) -> str:
    return windows.parse(text).text


def _report(text: str) -> str:
    if not _label(text):
        raise ValueError("a report's name has 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'")
    return text


def _artifact(text: str) -> str:
    if not _media_type(text):
        raise ValueError("a type is written as application/vnd.example.report")
    return text


def _promoter(role: Role) -> Role:
    if role not in PROMOTERS:
        raise ValueError(f"who promotes is {', '.join(PROMOTERS)}")
    return role


def _approver(role: Role) -> Role:
    if role not in APPROVERS:
        raise ValueError(f"who approves is {', '.join(APPROVERS)}")
    return role


ChannelName = Annotated[str, AfterValidator(_channel)]
ReportName = Annotated[str, AfterValidator(_report)]
Reason = Annotated[Text, AfterValidator(printable)]
_Count = Annotated[int, Field(ge=0, le=50)]
_Some = Field(max_length=10)


class Gates(Model):
    """What a channel asks for; what is not given stays as it is, null takes it away."""

    role: Annotated[Role, AfterValidator(_promoter)] | None = None
    """Of whoever promotes, or rolls back; maintainer, where nothing is said."""
    approvals: _Count | None = None
    """By so many people, none of whom pushed it."""
    approver_role: Annotated[Role, AfterValidator(_approver)] | None = None
    reports: Annotated[list[ReportName], _Some] | None = None
    """Names of tests that must have passed."""
    artifacts: Annotated[list[Annotated[str, AfterValidator(_artifact)]], _Some] | None = None
    """Types of artifacts that must be attached, and not say that something failed."""
    signed_by: Annotated[list[Annotated[str, Field(max_length=128)]], _Some] | None = None
    """Names of signers, each of whom must have signed it."""
    soak: Annotated[float, Field(ge=0, le=YEAR)] | None = None
    """Seconds that it must have been in the channel before, at once."""
    windows: Annotated[list[Annotated[str, AfterValidator(_window)]], _Some] | None = None
    """When it is open: mon-fri 09:00-16:00 Europe/Berlin."""
    only_forward: bool | None = None
    """Only to newer versions; back it goes by a rollback."""
    skip: bool | None = None
    """Also for what was not in the channel before."""
    keep: _Count | None = None
    """How many earlier versions are kept for a rollback; 3, where nothing is said."""

    def over(self, gates: Meant) -> Meant:
        """These, and the rest as it was."""
        bare = asdict(NO_GATES)
        given: dict[str, Any] = {
            name: bare[name] if value is None else value
            for name, value in self.model_dump(exclude_unset=True).items()
        }
        return Meant(
            **{
                **asdict(gates),
                **{
                    name: tuple(value) if isinstance(value, list) else value
                    for name, value in given.items()
                },
            }
        )


def gates_shown(gates: Meant) -> Gates:
    """Gates, all of them."""
    return Gates.model_validate(
        {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(gates).items()
        }
    )


class Freeze(Model):
    """Until when nothing is promoted."""

    scope: str
    """Of which project or repository."""
    until: datetime | None
    """Null until it is thawed."""
    reason: str
    created_at: datetime | None
    created_by: str


def freeze_shown(freeze: FreezeRow) -> Freeze:
    """A freeze."""
    return Freeze(
        scope=freeze.scope,
        until=moment(freeze.until),
        reason=freeze.reason,
        created_at=moment(freeze.created_at),
        created_by=freeze.created_by,
    )


class Stay(Model):
    """A version's time in a channel."""

    channel: str
    version: str
    """The tag by which it came, or its digest."""
    digest: str
    since: datetime | None
    by: str
    """Who brought it; "" where it was there before the channel."""
    reason: str
    until: datetime | None
    """Null while it is there."""
    ended: str | None
    """superseded, rolled back or closed."""
    kept: bool
    """Whether it is there, or kept for a rollback."""


def stay_shown(stay: StayRow) -> Stay:
    """A stay."""
    return Stay(
        channel=stay.channel,
        version=stay.version,
        digest=stay.digest,
        since=moment(stay.since),
        by=stay.actor,
        reason=stay.reason,
        until=moment(stay.until),
        ended=stay.ended,
        kept=stay.kept,
    )
