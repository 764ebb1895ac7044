"""What containers of the stack are allowed, as the kernel sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tools.images.recipe import SERVER

if TYPE_CHECKING:
    from e2e.compose.stack import Stack

STATUS = "/proc/1/status"


def test_s13_no_container_is_root_has_a_capability_or_can_write_to_its_image(stack: Stack) -> None:
    """S13: all are user 65532 with a read-only root, no capability in any set, no new privileges, and seccomp."""
    containers = stack.containers()
    assert len(containers) == (6 if stack.without_prometheus else 7)
    for container in containers:
        service = container.labels["com.docker.compose.service"]
        process = dict(line.split(":\t", 1) for line in status(stack, container).splitlines() if ":\t" in line)
        assert set(process["Uid"].split()) == set(process["Gid"].split()) == {"65532"}, service
        sets = {name: int(process[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        assert set(sets.values()) == {0}, (service, sets)
        assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2"), service
        assert container.attrs["HostConfig"]["ReadonlyRootfs"], service


def status(stack: Stack, container: Any) -> str:  # noqa: ANN401  (the docker SDK has no types)
    """Read what the kernel says of a container's first process: from one beside it, since not each has a reader."""
    script = f"print(open('{STATUS}').read())"
    beside = {"pid_mode": f"container:{container.id}", "network_mode": "none", "remove": True}
    told: bytes = stack.client.containers.run(SERVER.name, ["-c", script], entrypoint=["python"], **beside)
    return told.decode()
