"""What the status of a Tenant tells; the form of it, for the CRD and for whoever reads one."""

from typing import Annotated

from xdsserver.objects.meta import Part
from xdsserver.objects.statusconditions import CONDITIONS, StatusCondition
from xdsserver.objects.structural import about


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
    conditions: Annotated[tuple[StatusCondition, ...], CONDITIONS] = ()


class TenantStatus(Part):
    """Tenant.status."""

    current_state: Annotated[
        str | None, about("Ready, Reconciling, Updating, Degraded, NotReady, Blocked or Unknown.")
    ] = None
    available_replicas: Annotated[int | None, about("Servers that are ready.")] = None
    observed_generation: Annotated[int | None, about("The generation that this is about.", format="int64")] = None
    pools: Annotated[tuple[PoolStatus, ...], about("The pools, in the order of the spec.")] = ()
    conditions: Annotated[tuple[StatusCondition, ...], CONDITIONS] = ()
    next_actions: Annotated[tuple[str, ...], about("What to do about conditions that are not as they should be.")] = ()
    gateway: Annotated[GatewayStatus | None, about("How the Tenant is reached from outside.")] = None
