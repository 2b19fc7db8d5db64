"""The metadata server at its own address, in a network of its own: for the server's identity alone.

What the rules allow there can be seen nowhere else, as no other address will do.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.tools import as_root, lacking, run, tool

NETWORK = 'ip link set lo up; ip address add 169.254.169.254/32 dev lo; exec "$0" -c "$1"'
ASKS = """
import json
from tests.upstream.clouds.google_cloud import Google, private_key
from tests.upstream.scripted import scripted
from entrepot.db.upstreams import Kind, Upstream
from entrepot.upstream.clouds.login import login_of
from entrepot.upstream.place import UpstreamError

def ask(secret=""):
    row = Upstream("gar", "https://gcr.io", kind=Kind.GOOGLE, secret=secret)
    try:
        return login_of(row, ())().password
    except UpstreamError as error:
        return str(error)

cloud = Google(private_key(), address="169.254.169.254")
with scripted(cloud.answer, where=("169.254.169.254", 80)) as server:
    own, asked = ask(), len(server.asked)
    key = ask(json.dumps(cloud.service_key()))
    print(json.dumps([own, key, len(server.asked) - asked]))
"""


def test_it_is_asked_for_the_servers_own_identity_and_by_no_key(tmp_path: Path) -> None:
    as_root("a network of its own")
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path]),
        "GCE_METADATA_HOST": "169.254.169.254",
        "CLOUDSDK_CONFIG": str(tmp_path),
    }
    env.pop("GOOGLE_APPLICATION_CREDENTIALS", None)
    tool("ip")
    apart = (tool("unshare"), "--net")
    if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        lacking("this machine lets nobody have a network of their own")
    command = (*apart, "sh", "-euc", NETWORK, sys.executable, ASKS)
    own, key, asked = json.loads(run(*command, env=env).stdout)
    assert own == "ya29.token-1"
    assert "not global" in key
    assert asked == 0
