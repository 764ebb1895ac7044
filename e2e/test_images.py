"""The images as a cluster runs them: without root, without a capability, and without a file that can be written."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from e2e.images import ENVOY, SERVER, load_images
from tests.cli.run import xdsserver

if TYPE_CHECKING:
    from e2e.conftest import Cluster

NAMESPACE: Final = "images"
USER: Final = 65532
RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
FOLDER: Final = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: xdsserver}
spec: {controllerName: gateway.xdsserver.io/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: xdsserver
  listeners: [{name: http, port: 10080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: elsewhere}
spec:
  parentRefs: [{name: web}]
  rules:
  - filters: [{type: RequestRedirect, requestRedirect: {hostname: elsewhere.example, port: 80, statusCode: 302}}]
"""
PROC: Final = "/proc/1/status"


def world(bootstrap: str) -> list[dict[str, Any]]:
    """A server and an Envoy in one pod, with a folder as the source; port 80 of a Service leads to the Gateway."""
    server = {
        "name": "server",
        "image": SERVER,
        "args": ["standalone", "/gateway", "--no-envoy", "--addresses=0.0.0.0", "--xds=unix:/run/xds/xds.sock"],
        "securityContext": RESTRICTED,
        "volumeMounts": [
            {"name": "gateway", "mountPath": "/gateway", "readOnly": True},
            {"name": "state", "mountPath": "/var/lib/xdsserver"},
            {"name": "xds", "mountPath": "/run/xds"},
        ],
    }
    envoy = {
        "name": "envoy",
        "image": ENVOY,
        "args": ["--config-path", "/gateway/.envoy.yaml", "--disable-hot-restart", "--concurrency", "1"],
        "securityContext": RESTRICTED,
        "volumeMounts": [
            {"name": "gateway", "mountPath": "/gateway", "readOnly": True},
            {"name": "xds", "mountPath": "/run/xds"},
        ],
    }
    spec = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [server, envoy],
        "volumes": [
            {"name": "gateway", "configMap": {"name": "gateway"}},
            {"name": "state", "emptyDir": {}},
            {"name": "xds", "emptyDir": {"medium": "Memory"}},
        ],
    }
    # The namespace refuses every pod that asks for more than the strictest profile of Kubernetes gives.
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}},
        # A name that begins with a dot is no object of the folder.
        _object("ConfigMap", "gateway", data={"gateway.yaml": FOLDER, ".envoy.yaml": bootstrap}),
        _object(
            "Service", "gateway", spec={"selector": {"app": "gateway"}, "ports": [{"port": 80, "targetPort": 10080}]}
        ),
        _object("Pod", "gateway", spec=spec),
    ]


def _object(kind: str, name: str, **rest: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **rest}


async def test_s13_the_images_run_without_root_capabilities_or_a_writable_root(cluster: Cluster) -> None:
    """S13: user 65532, nothing writable, no capability nor a way to get one, seccomp; port 80 is served all the same.

    The user is the image's own: the pod asks only that it is not root.
    """
    load_images()
    bootstrap = xdsserver("bootstrap", "--xds", "unix:/run/xds/xds.sock", "--admin", "unix:/run/xds/admin.sock").out
    objects = world(bootstrap)
    _run(cluster, "apply", "-f", "-", stdin=json.dumps(objects[0]))
    _run(cluster, "-n", NAMESPACE, "wait", "--for=create", "serviceaccount/default", "--timeout=60s")
    _run(cluster, "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects[1:]}))
    try:
        _run(cluster, "-n", NAMESPACE, "wait", "--for=condition=Ready", "pod/gateway", "--timeout=120s")
        address = _run(cluster, "-n", NAMESPACE, "get", "service/gateway", "-o", "jsonpath={.spec.clusterIP}")
        async with asyncio.timeout(60), aiohttp.ClientSession() as client:
            assert await _redirected_to(client, address) == "http://elsewhere.example/"
        in_server = ("python", "-c", f"print(open('{PROC}').read())")
        in_envoy = ("perl", "-pe", "", PROC)
        for container, command in (("server", in_server), ("envoy", in_envoy)):
            told = _run(cluster, "-n", NAMESPACE, "exec", "gateway", "-c", container, "--", *command)
            process = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)
            assert set(process["Uid"].split()) == set(process["Gid"].split()) == {str(USER)}, container
            for kept in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                assert int(process[kept], 16) == 0, (container, kept)
            assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2"), container
        write = "import pathlib, sys\ntry: pathlib.Path(sys.argv[1]).touch()\nexcept OSError as e: print(e.strerror)"
        for place in ("/x", "/tmp/x", "/opt/xdsserver/x"):  # noqa: S108  (to see it refused)
            told = _run(cluster, "-n", NAMESPACE, "exec", "gateway", "-c", "server", "--", "python", "-c", write, place)
            assert told.strip() == "Read-only file system", place
    finally:
        cluster.run("delete", "namespace", NAMESPACE, "--wait=false")


async def _redirected_to(client: aiohttp.ClientSession, address: str) -> str:
    """Ask port 80 of the Service until somebody answers."""
    while True:
        try:
            async with client.get(f"http://{address}/", allow_redirects=False) as answer:
                if answer.status == 302:
                    return answer.headers["location"]
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.2)


def _run(cluster: Cluster, *arguments: str, stdin: str = "") -> str:
    done = cluster.run(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout
