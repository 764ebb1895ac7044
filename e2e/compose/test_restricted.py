"""What containers of the stack are allowed, as the kernel sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from e2e.compose.stack import Stack

STATUS = "/proc/1/status"


def test_s13_no_container_is_root_has_a_capability_or_can_write_to_its_image(stack: Stack) -> None:
    """S13: all are user 65532 with a read-only root, no capability in any set, no new privileges, and seccomp."""
    containers = stack.containers()
    assert len(containers) == 6
    for container in containers:
        service = container.labels["com.docker.compose.service"]
        read = (
            ["perl", "-pe", "", STATUS] if "envoy" in service else ["python", "-c", f"print(open('{STATUS}').read())"]
        )
        code, told = container.exec_run(read)
        assert code == 0, (service, told)
        process = dict(line.split(":\t", 1) for line in told.decode().splitlines() if ":\t" in line)
        assert set(process["Uid"].split()) == set(process["Gid"].split()) == {"65532"}, service
        sets = {name: int(process[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        assert set(sets.values()) == {0}, (service, sets)
        assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2"), service
        assert container.attrs["HostConfig"]["ReadonlyRootfs"], service
