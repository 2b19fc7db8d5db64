"""`entrepot kube`: what a Kubernetes cluster needs to pull from this registry."""

import json
from pathlib import Path
from typing import Annotated

import typer

from entrepot.cli import kube_connect, kube_controller, kube_doctor, kube_images, kube_set_image
from entrepot.cli.hosts import parse_host, read_ca
from entrepot.cli.options import Json, fail
from entrepot.cli.output import done
from entrepot.kube.connecting import audience_roles
from entrepot.kube.provider_config import PYTHON, Installation, InUseError

app = typer.Typer(no_args_is_help=True, help="Kubernetes: pulls with no stored secret; what runs.")
provider = typer.Typer(no_args_is_help=True, help="The kubelet's plugin that gets passwords here.")
app.add_typer(provider, name="credential-provider")
app.command("connect")(kube_connect.connect)
app.command("disconnect")(kube_connect.disconnect)
app.command("doctor")(kube_doctor.doctor)
app.command("set-image")(kube_set_image.set_image)
app.command("images")(kube_images.images)
app.command("clusters")(kube_images.clusters)
app.command("forget")(kube_images.forget)
app.command("controller")(kube_controller.controller)


@provider.command()
def install(
    folder: Annotated[Path, typer.Argument(help="Folder to write to; made if need be.")],
    *,
    registry: Annotated[str, typer.Option(help="HOST[:PORT] that images begin with.")],
    audience: Annotated[
        str | None,
        typer.Option(
            help="Audience of the tokens, as the trust rule names it.", show_default="registry"
        ),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(help="File with the CA of the registry.", show_default="those of the node"),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(help="HOST[:PORT] to ask instead.", show_default="the registry"),
    ] = None,
    node_folder: Annotated[
        str | None,
        typer.Option(help="Where the folder will lie on the nodes.", show_default="FOLDER"),
    ] = None,
    python: Annotated[str, typer.Option(help="Python 3.9 or newer on the nodes.")] = PYTHON,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over a config that says something else.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write entrepot-credential-provider and the kubelet's config for it into a folder.

    Say the same on each node, or copy the folder there. Nothing that is so already is written
    again. Next: start the kubelet with the flags that are printed.

    Examples: `entrepot kube credential-provider install /etc/kubernetes/entrepot
    --registry registry.example.com`, `entrepot kube credential-provider install ./node
    --registry registry.internal:5000 --ca ca.pem --node-folder /etc/kubernetes/entrepot`
    """
    found = Installation(
        folder=node_folder or str(folder.absolute()),
        registry=parse_host(registry, "--registry"),
        audience=audience or registry,
        ca=read_ca(ca) if ca else None,
        server=parse_host(server, "--server") if server else None,
        python=python,
    )
    try:
        written = found.write(folder, replace=replace)
    except InUseError as error:
        fail(f"{error}: say --replace, or add the provider to it by hand", 1)
    except OSError as error:
        fail(f"cannot write to {folder}: {error.strerror}", 1)
    sentence = "\n".join([_wrote(written, folder), "start the kubelet with:", *_indented(found)])
    document = {"folder": str(folder), "written": written, "flags": found.flags()}
    done(sentence, document, as_json=as_json)


def _wrote(names: list[str], folder: Path) -> str:
    return f"wrote {', '.join(names)} to {folder}" if names else f"all is in {folder} already"


def _indented(found: Installation) -> list[str]:
    return [f"  {flag}" for flag in found.flags()]


@provider.command()
def rbac(
    *,
    audience: Annotated[str, typer.Option(help="Audience of the tokens.")],
    as_json: Json = False,
) -> None:
    """Print what lets kubelets ask tokens for an audience: pipe it to kubectl.

    Example: `entrepot kube credential-provider rbac --audience registry.example.com |
    kubectl apply -f -`
    """
    items = audience_roles(audience)
    document = {"apiVersion": "v1", "kind": "List", "items": items}
    done(json.dumps(document, indent=2), document, as_json=as_json)
