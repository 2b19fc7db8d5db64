"""What containerd is told of a registry with a CA of its own. Source: containerd, docs/hosts.md."""


def hosts_toml(registry: str, folder: str, *, push: bool = False) -> str:
    """Its hosts.toml, which lies in `folder` beside ca.crt.

    The CA is said twice: after a 404 containerd asks the server, too, and its word is the last.
    """
    capabilities = '"pull", "resolve", "push"' if push else '"pull", "resolve"'
    lines = [
        f'server = "https://{registry}"',
        f'ca = "{folder}/ca.crt"',
        "",
        f'[host."https://{registry}"]',
        f"  capabilities = [{capabilities}]",
        f'  ca = "{folder}/ca.crt"',
    ]
    return "\n".join(lines) + "\n"
