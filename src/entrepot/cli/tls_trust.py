"""What to put where, so that clients trust the registry, and show it who they are."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from entrepot.kube.containerd import hosts_toml

if TYPE_CHECKING:
    from entrepot.auth.ca_folder import Pair

_CERTS = "/etc/containerd/certs.d"

SERVER = """\
Start the registry:

  entrepot serve --listen :{port} --tls-cert {server_cert} --tls-key {server_key}

Tell the clients that {ca} may vouch for {at}. Each wants it in its own place:

  docker (nothing to restart)
    sudo install -D -m 644 {ca} /etc/docker/certs.d/{at}/ca.crt

  podman, buildah, skopeo, CRI-O
    sudo install -D -m 644 {ca} /etc/containers/certs.d/{at}/ca.crt

  containerd, on each node of a cluster (its config_path is /etc/containerd/certs.d)
    sudo install -D -m 644 {ca} /etc/containerd/certs.d/{at}/ca.crt
    sudo tee /etc/containerd/certs.d/{at}/hosts.toml <<'END'
{hosts}END

  crane, curl and whatever else uses the system's store
    SSL_CERT_FILE={ca} crane ls {at}/team/app
    curl --cacert {ca} https://{at}/v2/

  oras, helm
    oras pull --ca-file {ca} {at}/team/app:1.0.0
    helm pull --ca-file {ca} oci://{at}/charts/chart

  every program of a machine
    sudo install -m 644 {ca} /usr/local/share/ca-certificates/entrepot.crt    # Debian, Ubuntu
    sudo update-ca-certificates
    sudo install -m 644 {ca} /etc/pki/ca-trust/source/anchors/entrepot.crt    # Fedora, RHEL
    sudo update-ca-trust

Whoever has {ca_key} can pretend to be any of these: keep it away from the server.
"""

CLIENT = """\
The registry believes it once it knows the CA:

  ENTREPOT_TLS_CLIENT_CA={ca} entrepot serve --tls-cert FILE --tls-key FILE

Hand it to the client, who puts it beside the registry's ca.crt (HOST:PORT as it is pulled from):

  docker
    sudo install -D -m 600 -t /etc/docker/certs.d/HOST:PORT {cert} {key}

  podman, buildah, skopeo, CRI-O
    sudo install -D -m 600 -t /etc/containers/certs.d/HOST:PORT {cert} {key}

  containerd, one more line in hosts.toml, under [host."https://HOST:PORT"]
    sudo install -D -m 600 -t /etc/containerd/certs.d/HOST:PORT {cert} {key}
{client}
  curl, oras
    curl --cacert {ca} --cert {cert} --key {key} https://HOST:PORT/v2/
    oras pull --ca-file {ca} --cert-file {cert} --key-file {key} HOST:PORT/team/app:1.0.0
"""


def location(names: Sequence[str], port: int) -> str:
    """HOST:PORT as images are named, by the first of the names that can be called."""
    host = next((name for name in names if not name.startswith("*")), "HOST")
    host = f"[{host}]" if ":" in host else host
    return host if port == 443 else f"{host}:{port}"


def of_server(at: str, port: int, ca: "Pair", server: "Pair") -> str:
    """After `tls init`."""
    return SERVER.format(
        at=at,
        port=port,
        ca=ca.cert,
        ca_key=ca.key,
        server_cert=server.cert,
        server_key=server.key,
        hosts=hosts_toml(at, f"{_CERTS}/{at}", push=True),
    )


def of_client(ca: Path, cert: Path, key: Path) -> str:
    """After `tls client`."""
    folder = f"{_CERTS}/HOST:PORT"
    line = f'  client = [["{folder}/client.cert", "{folder}/client.key"]]'
    return CLIENT.format(ca=ca, cert=cert, key=key, client=f"  {line}\n")
