"""Specs of EnvoyFleets: what is taken, with every field there is, and what is refused, with the words."""

from __future__ import annotations

from typing import Any, Final

_NO_OUTSIDE: Final = "externalTrafficPolicy is for LoadBalancer and NodePort: a ClusterIP takes no traffic from outside"
_SELECTOR: Final = {
    "matchLabels": {"app": "web"},
    "matchExpressions": [{"key": "tier", "operator": "In", "values": ["edge"]}],
}
_PODS: Final = {
    "topologyKey": "kubernetes.io/hostname",
    "labelSelector": _SELECTOR,
    "namespaces": ["shop"],
    "namespaceSelector": {"matchLabels": {"team": "edge"}},
    "matchLabelKeys": ["pod-template-hash"],
    "mismatchLabelKeys": ["tenant"],
}
_NEAR: Final = {
    "requiredDuringSchedulingIgnoredDuringExecution": [_PODS],
    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "podAffinityTerm": _PODS}],
}
_NODES: Final = {
    "matchExpressions": [{"key": "disk", "operator": "Gt", "values": ["1"]}],
    "matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["a"]}],
}
SCHEDULED: Final[dict[str, Any]] = {
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [
        {"key": "edge", "operator": "Equal", "value": "only", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
    ],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [_NODES]},
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": _NODES}],
        },
        "podAffinity": _NEAR,
        "podAntiAffinity": _NEAR,
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": _SELECTOR,
            "minDomains": 2,
            "matchLabelKeys": ["pod-template-hash"],
            "nodeAffinityPolicy": "Honor",
            "nodeTaintsPolicy": "Ignore",
        }
    ],
    "priorityClassName": "system-cluster-critical",
}

TAKEN: Final[dict[str, dict[str, Any]]] = {
    "all defaults": {},
    "a Deployment with everything": {
        "mode": "Dedicated",
        "exposure": {
            "type": "Service",
            "service": {
                "type": "LoadBalancer",
                "externalTrafficPolicy": "Local",
                "loadBalancerClass": "example.com/edge",
            },
            "addresses": ["192.0.2.0/24"],
        },
        "workload": {
            "image": "registry.example.com/envoy:1",
            "resources": {"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "1Gi", "cpu": 2}},
            "autoscaling": {"minReplicas": 2, "maxReplicas": 8, "targetCPUUtilizationPercentage": 60},
            "disruptionBudget": {"minAvailable": "50%"},
            "terminationGracePeriodSeconds": 120,
            "podLabels": {"team": "edge"},
            "podAnnotations": {"example.com/scrape": "yes"},
            **SCHEDULED,
        },
    },
    "a DaemonSet on ports of its nodes": {
        "exposure": {"type": "HostPort", "hostPorts": [80, 443, 8443]},
        "workload": {"kind": "DaemonSet", "disruptionBudget": {"maxUnavailable": 1}},
    },
    "a pool of addresses": {
        "exposure": {
            "type": "AddressPool",
            "addresses": ["192.0.2.1", "192.0.2.8-192.0.2.15", "198.51.100.0/28", "2001:db8::/120"],
        },
        "workload": {"replicas": 1},
    },
    "a ClusterIP": {"exposure": {"service": {"type": "ClusterIP"}}},
}

REFUSED: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "a mode that there is not": (
        {"mode": "Alone"},
        'spec.mode: found "Alone", expected one of Shared, Dedicated',
    ),
    "a pool without addresses": (
        {"exposure": {"type": "AddressPool"}},
        "spec.exposure: type AddressPool needs addresses",
    ),
    "addresses for host ports": (
        {"exposure": {"type": "HostPort", "addresses": ["192.0.2.1"]}, "workload": {"kind": "DaemonSet"}},
        "spec.exposure: addresses are for types AddressPool and Service: with HostPort they are those of the nodes",
    ),
    "half a range": (
        {"exposure": {"type": "AddressPool", "addresses": ["192.0.2.1-9"]}},
        "spec.exposure.addresses[0]: must be an address, a range FIRST-LAST or a network ADDRESS/BITS",
    ),
    "an address that is none": (
        {"exposure": {"type": "AddressPool", "addresses": ["host-1"]}},
        'spec.exposure.addresses[0]: found "host-1", expected an address, a range FIRST-LAST or a network ADDRESS/BITS',
    ),
    "a Service for host ports": (
        {"exposure": {"type": "HostPort", "service": {}}, "workload": {"kind": "DaemonSet"}},
        "spec.exposure: service is for type Service",
    ),
    "no host port at all": (
        {"exposure": {"type": "HostPort", "hostPorts": []}, "workload": {"kind": "DaemonSet"}},
        "spec.exposure.hostPorts: must not be empty",
    ),
    "host ports of a Deployment": (
        {"exposure": {"type": "HostPort"}},
        "spec: exposure HostPort needs workload.kind DaemonSet and mode Shared: a port of a node is opened once",
    ),
    "host ports of one Gateway": (
        {"mode": "Dedicated", "exposure": {"type": "HostPort"}, "workload": {"kind": "DaemonSet"}},
        "spec: exposure HostPort needs workload.kind DaemonSet and mode Shared: a port of a node is opened once",
    ),
    "a ClusterIP with a policy for traffic from outside": (
        {"exposure": {"service": {"type": "ClusterIP", "externalTrafficPolicy": "Local"}}},
        f"spec.exposure.service: {_NO_OUTSIDE}",
    ),
    "a NodePort with a class of load balancers": (
        {"exposure": {"service": {"type": "NodePort", "loadBalancerClass": "a"}}},
        "spec.exposure.service: loadBalancerClass is for type LoadBalancer",
    ),
    "replicas of a DaemonSet": (
        {"workload": {"kind": "DaemonSet", "replicas": 2}},
        "spec.workload: replicas and autoscaling are for a Deployment: a DaemonSet has one pod on each node",
    ),
    "replicas and an autoscaler": (
        {"workload": {"replicas": 2, "autoscaling": {"maxReplicas": 3}}},
        "spec.workload: give either replicas or autoscaling: the autoscaler decides how many there are",
    ),
    "more replicas at least than at most": (
        {"workload": {"autoscaling": {"minReplicas": 3, "maxReplicas": 2}}},
        "spec.workload.autoscaling: minReplicas must not be more than maxReplicas",
    ),
    "two budgets": (
        {"workload": {"disruptionBudget": {"minAvailable": 1, "maxUnavailable": 1}}},
        "spec.workload.disruptionBudget: give either minAvailable or maxUnavailable",
    ),
    "a share that is none": (
        {"workload": {"disruptionBudget": {"minAvailable": "half"}}},
        'spec.workload.disruptionBudget.minAvailable: found "half", expected a share such as 50%',
    ),
    "an amount that is none": (
        {"workload": {"resources": {"limits": {"memory": "1 GB"}}}},
        'spec.workload.resources.limits.memory: found "1 GB", expected a quantity such as 500m or 1Gi',
    ),
    "less time to stop than Envoy serves on": (
        {"workload": {"terminationGracePeriodSeconds": 10}},
        "spec.workload.terminationGracePeriodSeconds: found the number 10, expected at least 30",
    ),
    "an operator that there is not": (
        {"workload": {"tolerations": [{"operator": "Maybe"}]}},
        'spec.workload.tolerations[0].operator: found "Maybe", expected one of Exists, Equal',
    ),
}
