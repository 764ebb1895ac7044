"""Any fleet that a user may ask for and an API server would take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.infrastructure.fleets import dedicated, shared, spec_of
from tests.objects.fleets import SCHEDULED
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from xdsserver.infrastructure.dataplane import Envoys

_LABELS = st.dictionaries(
    st.sampled_from(["team", "app.kubernetes.io/name", "gateway.xdsserver.io/fleet", "example.com/a.b_c"]),
    st.sampled_from(["", "a", "A.b-c_d"]),
    max_size=3,
)
_NAMES = st.sampled_from(["edge", "a.b", "x" * 63, "y" * 252, "0-1.2"])
_SHARES = st.one_of(st.integers(0, 9), st.sampled_from(["0%", "50%", "100%"]))
_AMOUNTS = st.sampled_from(["1", 2, "250m", "1.5", "2e3"])
_MEMORY = st.sampled_from(["64Mi", "1Gi", "2e9", 134217728, "0.5Gi"])
_RESOURCES = st.fixed_dictionaries(
    # Never more asked for than may be taken: an API server refuses such pods.
    {},
    optional={
        "limits": st.fixed_dictionaries({}, optional={"memory": _MEMORY}),
        "requests": st.fixed_dictionaries({}, optional={"cpu": _AMOUNTS}),
    },
)


@st.composite
def _exposures(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["Service", "HostPort", "AddressPool"]))
    if kind == "Service":
        service = draw(st.fixed_dictionaries({}, optional={"type": st.sampled_from(["NodePort", "ClusterIP"])}))
        return {"type": kind, **draw(st.sampled_from([{}, {"service": service}]))}
    if kind == "HostPort":
        ports = draw(st.lists(st.integers(1, 65535), min_size=1, max_size=8, unique=True))
        return {"type": kind, "hostPorts": ports}
    return {"type": kind, "addresses": ["192.0.2.0/28"]}


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a spec as a user writes it."""
    exposure = draw(_exposures())
    host_ports = exposure["type"] == "HostPort"
    kind = "DaemonSet" if host_ports else draw(st.sampled_from(["Deployment", "DaemonSet"]))
    workload = draw(
        st.fixed_dictionaries(
            {"kind": st.just(kind)},
            optional={
                "image": st.sampled_from(["localhost/envoy:1", "envoy@sha256:" + "0" * 64]),
                "resources": _RESOURCES,
                "podLabels": _LABELS,
                "podAnnotations": _LABELS,
                "terminationGracePeriodSeconds": st.integers(30, 3600),
                "disruptionBudget": st.one_of(
                    st.fixed_dictionaries({"minAvailable": _SHARES}), st.fixed_dictionaries({"maxUnavailable": _SHARES})
                ),
                **{name: st.just(value) for name, value in SCHEDULED.items()},
            },
        )
    )
    if kind == "Deployment":
        workload |= draw(
            st.sampled_from(
                [{}, {"replicas": 0}, {"replicas": 3}, {"autoscaling": {"maxReplicas": 4, "minReplicas": 2}}]
            )
        )
    mode = "Shared" if host_ports else draw(st.sampled_from(["Shared", "Dedicated"]))
    return {"mode": mode, "exposure": exposure, "workload": workload}


@st.composite
def envoys_of_any_spec(draw: st.DrawFn, namespace: str = "default") -> Envoys:
    """Draw the Envoys of any fleet."""
    spec, name = spec_of(draw(specs())), Name(namespace, draw(_NAMES))
    return shared(spec, name) if spec.mode == "Shared" else dedicated(spec, name)
