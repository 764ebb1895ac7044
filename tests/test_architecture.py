"""What the parts may know of each other, where no import shows it."""

from __future__ import annotations

import pytest

from tests.properties.gateway_worlds import ANSWERED, Answer, settled, take, world


@pytest.mark.parametrize("number", range(30))
def test_what_envoys_answered_reaches_nothing_that_is_sent_to_them(number: int) -> None:
    """A table reads only what stands before it, so it is enough that all readers of answers stand behind resources."""
    running = settled(world(number))
    pipeline = running.pipeline
    for resource in range(len(ANSWERED)):
        for answer in range(1, 5):
            outcome = take(running, Answer(resource, answer))

            assert not outcome.resources
            assert not outcome.failures
    sources = (pipeline.deliveries, pipeline.rejections)
    waiting = [found for one in sources for found in one._readers.values()]
    readers: set[object] = {one.table for found in waiting for one in (found if isinstance(found, set) else (found,))}
    readers |= {follower for one in sources for follower in one._followers}
    early = [reader for reader in readers if getattr(reader, "place", -1) <= pipeline.resources.place]
    assert not early


def test_somebody_reads_what_envoys_answered() -> None:
    """The test above would hold in a world without readers."""
    pipelines = [settled(world(number)).pipeline for number in range(30)]
    assert any(pipeline.deliveries._readers for pipeline in pipelines)
    assert any(pipeline.rejections._readers for pipeline in pipelines)
