"""Conditions as they stand in statuses of our own kinds, in the form that all of Kubernetes has for them."""

from typing import Annotated

from xdsserver.objects.meta import Part
from xdsserver.objects.structural import about


class StatusCondition(Part):
    """One aspect of the state."""

    type: Annotated[str, about("The aspect.", maxLength=316)]
    status: Annotated[str, about("Whether it is so.", enum=["True", "False", "Unknown"])]
    reason: Annotated[str, about("Why, for machines.", maxLength=1024)]
    message: Annotated[str, about("Why, for people, and what to do.", maxLength=32768)]
    last_transition_time: Annotated[str, about("Since when the status is so.", format="date-time")]
    observed_generation: Annotated[int | None, about("The generation that was judged.", format="int64")] = None


CONDITIONS = about(
    "What is so and what is not; a condition stays, and turns.",
    maxItems=32,
    **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
)
