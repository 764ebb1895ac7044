"""What the status of a Tenant tells; the form of it, for the CRD and for whoever reads one."""

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


_CONDITIONS = about(
    "What is so and what is not; a condition stays, and turns.",
    maxItems=32,
    **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
)


class PoolStatus(Part):
    """How one pool is."""

    ss_name: Annotated[str, about("The StatefulSet.")]
    state: Annotated[
        str,
        about("NotCreated, Created, Initialized, Updating, RolloutComplete, RolloutFailed or Degraded."),
    ]
    name: Annotated[str | None, about("The pool.")] = None
    replicas: Annotated[int | None, about("Pods that there are.")] = None
    ready_replicas: Annotated[int | None, about("Pods that are ready.")] = None
    current_replicas: Annotated[int | None, about("Pods of the revision before.")] = None
    updated_replicas: Annotated[int | None, about("Pods of the newest revision.")] = None
    current_revision: Annotated[str | None, about("The revision before.")] = None
    update_revision: Annotated[str | None, about("The newest revision.")] = None
    last_update_time: Annotated[str | None, about("Set by other operators.")] = None


class GatewayStatus(Part):
    """Where clients outside find the Tenant, and whether Envoys serve it."""

    endpoint: Annotated[str | None, about("The URL of the S3 API.")] = None
    console: Annotated[str | None, about("The URL of the console.")] = None
    conditions: Annotated[tuple[StatusCondition, ...], _CONDITIONS] = ()


class TenantStatus(Part):
    """Tenant.status."""

    current_state: Annotated[
        str | None, about("Ready, Reconciling, Updating, Degraded, NotReady, Blocked or Unknown.")
    ] = None
    available_replicas: Annotated[int | None, about("Servers that are ready.")] = None
    observed_generation: Annotated[int | None, about("The generation that this is about.", format="int64")] = None
    pools: Annotated[tuple[PoolStatus, ...], about("The pools, in the order of the spec.")] = ()
    conditions: Annotated[tuple[StatusCondition, ...], _CONDITIONS] = ()
    next_actions: Annotated[tuple[str, ...], about("What to do about conditions that are not as they should be.")] = ()
    gateway: Annotated[GatewayStatus | None, about("How the Tenant is reached from outside.")] = None
