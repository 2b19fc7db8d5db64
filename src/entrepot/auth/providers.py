"""Identity providers elsewhere: what speaks to them is made when it is first needed.

Importing it takes a tenth of a second, so that happens in a thread, and no start waits for it.
What it has learned of providers is kept once for all who ask. Next: `workload`, `oidc.sso`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.addresses import Network
from entrepot.auth.directory import Directory

if TYPE_CHECKING:
    from entrepot.auth.oidc.provider import Provider
    from entrepot.auth.oidc.sso import SignOn
    from entrepot.auth.workload import Workloads


@dataclass(frozen=True, slots=True)
class _Parts:
    workloads: "Workloads"
    sign_on: "SignOn | None"


class Providers:
    """Those of workloads, and the one of people."""

    def __init__(
        self,
        directory: Directory,
        allow: tuple[Network, ...],
        provider: "Callable[[], Provider] | None" = None,
    ) -> None:
        self._directory = directory
        self._allow = allow
        self._provider = provider
        self._parts: _Parts | None = None
        self._making = asyncio.Lock()

    async def workloads(self) -> "Workloads":
        """What lets workloads in."""
        return (await self._made()).workloads

    async def sign_on(self) -> "SignOn | None":
        """What signs people on; None where that is not set up."""
        return (await self._made()).sign_on if self._provider else None

    async def _made(self) -> _Parts:
        async with self._making:
            if self._parts is None:
                self._parts = await asyncio.to_thread(self._make)
            return self._parts

    def _make(self) -> _Parts:
        from entrepot.auth.oidc.discovery import Discovery
        from entrepot.auth.oidc.issuers import Issuers
        from entrepot.auth.oidc.outbound import Outbound
        from entrepot.auth.oidc.sso import SignOn
        from entrepot.auth.workload import Workloads

        outbound = Outbound(self._allow)
        discovery = Discovery(outbound)
        sign_on = SignOn(self._provider(), outbound, discovery) if self._provider else None
        return _Parts(Workloads(self._directory, Issuers(discovery)), sign_on)
