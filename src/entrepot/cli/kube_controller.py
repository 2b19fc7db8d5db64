"""`entrepot kube controller`: gives pods of a cluster what they pull with, and keeps it fresh."""

import asyncio
import gc
import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from entrepot.cli.hosts import parse_host
from entrepot.cli.options import fail

_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def controller(
    *,
    cluster: Annotated[str, typer.Option(help="What the cluster is called at its registries.")],
    namespace: Annotated[
        str,
        typer.Option(help="Its own, where its secrets are.", show_default="the pod's"),
    ] = "",
    service_account: Annotated[
        str, typer.Option(help="Its own, as which it logs in to registries.")
    ] = "entrepot-controller",
    ca: Annotated[
        Path | None,
        typer.Option(help="File with a CA to trust besides those of the system."),
    ] = None,
    pod_templates: Annotated[
        bool, typer.Option("--pod-templates", help="Also change templates of workloads.")
    ] = False,
    report: Annotated[
        str,
        typer.Option(help="URL of the registry to tell what runs.", show_default="none"),
    ] = "",
    listen: Annotated[
        str, typer.Option(help="HOST:PORT of /metrics and /livez.")
    ] = "127.0.0.1:8080",
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Do what the PullAccess resources of a cluster say, until SIGTERM or Ctrl-C.

    It makes a robot at the registry for each namespace, writes its password into a pull secret,
    and renews it long before it ends. Several may run: one works, and the others wait. Takes
    Entrepot's extra `kube`; runs in a pod, or anywhere with a kubeconfig.

    Examples: `entrepot kube controller --cluster prod`, `entrepot kube controller --cluster dev
    --namespace entrepot --ca ca.pem --report https://registry.example.com`
    """
    try:
        from entrepot.kube.controller.cluster import ClusterError
        from entrepot.kube.controller.controller import Controller, Options
    except ImportError as error:
        fail(f"the controller needs {error.name}: pip install 'entrepot[kube]'", 1)
    from entrepot.observe import logs

    host, _, port = parse_host(listen, "--listen").rpartition(":")
    if not host:
        fail(f"--listen {listen} has no port: say HOST:PORT")
    options = Options(
        cluster=cluster,
        namespace=namespace or _own_namespace(),
        account=service_account,
        identity=f"{socket.gethostname()}_{os.getpid()}",
        listen=(host.strip("[]"), int(port)),
        ca=ca,
        templates=pod_templates,
        report=report.rstrip("/"),
    )
    logs.configure(as_json=not os.isatty(2), level=log_level)
    gc.set_threshold(10_000, 20, 20)  # unlike other commands it stays, and its pod has a limit
    try:
        asyncio.run(Controller(options).run())
    except (ClusterError, OSError) as error:
        fail(str(error), 1)


def _own_namespace() -> str:
    try:
        return _NAMESPACE.read_text().strip()
    except OSError:
        return fail("say in which --namespace its secrets are: this is no pod")
