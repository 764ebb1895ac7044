"""An operator that is killed between any two steps leaves nothing that the next one does not finish."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.kube.virtual import in_virtual_time
from tests.tenant.scene import TENANT, a_pool, a_secret, a_tenant, operating, world

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tenant.simulated import Simulated


def bare(cluster: Simulated) -> dict[str, Any]:
    """Give all that there is, without what is another in every run."""
    return {str(key): _bare(document) for key, document in sorted(cluster.objects.items())}


_CHANGING = {"uid", "resourceVersion", "lastTransitionTime", "creationTimestamp", "generation", "observedGeneration"}


def _bare(value: Any) -> Any:  # noqa: ANN401
    match value:
        case dict():
            return {name: _bare(part) for name, part in value.items() if name not in _CHANGING}
        case list():
            return [_bare(part) for part in value]
        case _:
            return value


class Killed:
    """Stops an operator for good at one of its steps."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.happened = asyncio.Event()

    async def __call__(self) -> None:
        if self.left == 0:
            self.happened.set()
            await asyncio.Event().wait()
        self.left -= 1


def _appeared(cluster: Simulated) -> None:
    cluster.put(a_tenant())


def _grown(cluster: Simulated) -> None:
    """Change a Tenant in all ways at once: a pool more, another image, larger volumes."""
    template = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}}
    pools = [a_pool(persistence={"volumeClaimTemplate": template}), a_pool("more", 1, 4)]
    cluster.edit(TENANT, lambda one: one["spec"].update(pools=pools, image="rustfs/rustfs:next"))


async def _told(cluster: Simulated, change: Callable[[Simulated], None], killed: Killed | None) -> None:
    """Let operators work until nothing changes, the first one until it is killed."""
    async with operating(cluster) as scene:
        await scene.settle(1)
        cluster.at = killed
        change(cluster)
        if killed is not None:
            waits = [asyncio.ensure_future(killed.happened.wait()), asyncio.ensure_future(asyncio.sleep(120))]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for one in waits:
                one.cancel()
        else:
            await scene.settle(120)
    cluster.at = None
    if killed is not None:
        async with operating(cluster) as scene:
            await scene.settle(120)


def _ends_the_same(make: Callable[[], Simulated], change: Callable[[Simulated], None]) -> int:
    """Kill an operator at its first step, its second, and so on, until it gets through; give how many steps it has."""
    whole = make()
    in_virtual_time(_told(whole, change, None))
    wanted = bare(whole)
    for step in range(1000):
        cluster = make()

        async def story(cluster: Simulated = cluster, step: int = step) -> bool:
            killed = Killed(step)
            await _told(cluster, change, killed)
            return killed.happened.is_set()

        was_killed = in_virtual_time(story())
        assert bare(cluster) == wanted, f"killed at step {step}"
        if not was_killed:
            return step
    message = "it never got through"
    raise AssertionError(message)


def test_t10_a_crash_at_every_await_of_a_new_tenant_ends_the_same() -> None:
    """T10: killed at each await of the executor, started anew: the end state is that of a run that was not killed."""
    assert _ends_the_same(lambda: world(a_secret()), _appeared) >= 20


def test_t10_a_crash_at_every_await_of_a_change_ends_the_same() -> None:
    """T10: the same for a change of everything at once: a pool more, another image, larger volumes."""
    assert _ends_the_same(lambda: world(a_secret(), a_tenant()), _grown) >= 20
