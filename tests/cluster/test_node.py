"""The cluster itself: what the other tests stand on."""

from tests.cluster.cluster import Cluster
from tests.cluster.pod import SLEEPS, Pods, pod
from tests.cluster.site import Site


def test_node_is_ready(cluster: Cluster) -> None:
    node = cluster.get("nodes")["items"][0]
    info = node["status"]["nodeInfo"]

    assert info["kubeletVersion"].startswith("v1.34.")
    assert info["containerRuntimeVersion"].startswith("containerd://")


def test_pods_reach_each_other_by_services(cluster: Cluster, site: Site, namespace: str) -> None:
    site.accounts.project("services", public=True)
    image = site.push("services/greeter")
    pods = Pods(cluster, namespace)
    serves = ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/"]
    pods.create(pod("server", image, command=serves))
    pods.until("server", "Running")
    pods.kubectl("expose", "pod", "server", "--port=80", "--target-port=8080")
    address = cluster.get("service", "server", f"--namespace={namespace}")["spec"]["clusterIP"]
    pods.create(pod("client", image, command=SLEEPS))
    pods.until("client", "Running")

    def answer() -> bool:
        asks = f"/bin/busybox timeout 10 /bin/busybox wget -q -O /dev/null http://{address}/random"
        words = ("sh", "-c", f"{asks} && echo yes || echo no")
        said = pods.kubectl("exec", "client", "--", "/bin/busybox", *words)
        return said.strip() == "yes"

    cluster.until("the service answers", answer, namespace=namespace)
