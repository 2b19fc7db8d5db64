"""containerd: a hosts.toml for each registry, the places in it in the order they are asked in.

The last is its `server`, which containerd asks in any case. One that is not the registry itself is
never pushed to. Source: containerd, docs/hosts.md.
"""

from collections.abc import Iterator, Mapping, Sequence

from entrepot.upstream.copies import Copy, Registry, Trust
from entrepot.upstream.nodes.heading import heading
from entrepot.upstream.place import UpstreamError

CERTS = "etc/containerd/certs.d"
NOTE = (
    "containerd reads this for each pull, and needs no restart, where its config.toml says "
    f'config_path = /{CERTS}: under [plugins."io.containerd.cri.v1.images".registry], or for '
    'containerd 1 under [plugins."io.containerd.grpc.v1.cri".registry].'
)
_DIAL = "5s"
"""How long a dead place holds up a pull; containerd 2.1 and later know it, others wait 30 s."""


def files(chains: Mapping[Registry, Sequence[Copy]], trust: Trust) -> dict[str, str]:
    """Text by path. Raises `UpstreamError`."""
    found: dict[str, str] = {}
    for upstream, copies in chains.items():
        if upstream.path:
            raise UpstreamError(
                f"containerd knows hosts, and no paths: write {upstream.host} for {upstream}"
            )
        folder = f"{CERTS}/{_name(upstream.host)}"
        found[f"{folder}/hosts.toml"] = _hosts(upstream, copies, trust)
        if any(map(trust.has_ca, copies)):
            found[f"{folder}/ca.crt"] = trust.ca
    return found


def _name(host: str) -> str:
    """A colon may not be in the name of a folder everywhere."""
    name, colon, port = host.rpartition(":")
    return f"{name}_{port}_" if colon else host


def _hosts(upstream: Registry, copies: Sequence[Copy], trust: Trust) -> str:
    *before, last = copies
    lines = [*heading(upstream, copies), f'server = "{_url(last, trust)}"']
    lines += _table(upstream, last, trust)
    if not before:  # containerd before 2 takes no file without any
        lines += ["", "[host]"]
    for each in before:
        lines += ["", f'[host."{_url(each, trust)}"]']
        lines += [f"  {line}" for line in _table(upstream, each, trust)]
    return "\n".join(lines) + "\n"


def _url(copy: Copy, trust: Trust) -> str:
    scheme = "http" if trust.is_plain(copy) else "https"
    return f"{scheme}://{copy.at.server}{f'/v2/{copy.at.path}' if copy.at.path else ''}"


def _table(upstream: Registry, copy: Copy, trust: Trust) -> Iterator[str]:
    push = ', "push"' if copy.at == upstream else ""
    yield f'capabilities = ["pull", "resolve"{push}]'
    if copy.at.path:
        yield "override_path = true"
    if trust.has_ca(copy):
        yield 'ca = "ca.crt"'
    yield f'dial_timeout = "{_DIAL}"'
