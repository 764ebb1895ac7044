"""Tenant (rustfs.com/v1alpha1): one RustFS cluster, of pools of servers with volumes.

As lenient as the operator that users come from: what it takes is taken here, under the same names, so that its
manifests apply as they are.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from xdsserver.objects.meta import KubeObject, Part
from xdsserver.objects.structural import about
from xdsserver.objects.tenantgateway import TenantGateway
from xdsserver.objects.tenantpools import Pool, SecurityContext
from xdsserver.objects.tenantsecrets import CredentialsSecret, Encryption, SecretKey, SecretName
from xdsserver.objects.tenantstatus import TenantStatus

__all__ = ["TENANT_GROUP", "EnvVar", "Logging", "Tenant", "TenantSpec", "TenantStatus"]

TENANT_GROUP = "rustfs.com"

NODE_DOWN_POLICIES = (
    "DoNothing",
    "Delete",
    "ForceDelete",
    "DeleteStatefulSetPod",
    "DeleteDeploymentPod",
    "DeleteBothStatefulSetAndDeploymentPod",
)
"""What may become of pods on a node that is down."""


class EnvVar(Part):
    """A variable of the environment of RustFS, as `core/v1` has it."""

    name: Annotated[str, about("Its name.", minLength=1)]
    value: Annotated[str | None, about("Its value.")] = None
    value_from: Annotated[Mapping[str, Any] | None, about("Where its value is found.")] = None


class Logging(Part):
    """Where RustFS writes its logs."""

    mode: Annotated[
        str,
        about(
            "stdout: to the container's output. emptydir: to files that go with the pod. persistent: to a volume.",
            enum=["stdout", "emptydir", "emptyDir", "persistent"],
        ),
    ] = "stdout"
    storage_size: Annotated[str | None, about("For persistent: the size of the volume; 5Gi without.")] = None
    storage_class: Annotated[str | None, about("For persistent: the StorageClass; the default one without.")] = None
    mount_path: Annotated[str | None, about("Where the files are; /logs without.", maxLength=512)] = None


class TenantSpec(Part):
    """Tenant.spec."""

    pools: Annotated[
        tuple[Pool, ...],
        about(
            "The pools, which form one cluster: data is spread over all of their volumes.",
            ("self.size() > 0", "pools must be configured"),
            maxItems=32,
            **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ]
    image: Annotated[
        str | None, about("The image of RustFS; that of the operator's settings without.", maxLength=512)
    ] = None
    image_pull_policy: Annotated[
        str | None, about("When the image is pulled.", enum=["Always", "Never", "IfNotPresent"])
    ] = None
    image_pull_secret: Annotated[SecretName | None, about("The Secret with which the image is pulled.")] = None
    mount_path: Annotated[
        str | None, about("Under which path volumes are mounted, where a pool says nothing; /data without.")
    ] = None
    scheduler: Annotated[str | None, about("The scheduler of the pods; the default one without.")] = None
    pod_management_policy: Annotated[
        str | None,
        about("Whether pods of a pool are started one after the other.", enum=["OrderedReady", "Parallel"]),
    ] = None
    pod_deletion_policy_when_node_is_down: Annotated[
        str | None,
        about(
            "What becomes of pods that are to go and cannot, since their node is down. Nothing is forced before the "
            "node has been down for five minutes and is known to be fenced.",
            enum=list(NODE_DOWN_POLICIES),
        ),
    ] = None
    env: Annotated[
        tuple[EnvVar, ...], about("More variables; they replace ours of the same name, but for credentials.")
    ] = ()
    lifecycle: Annotated[Mapping[str, Any] | None, about("The lifecycle of the container.")] = None
    service_account_name: Annotated[
        str | None, about("The ServiceAccount of the pods; one is made without.", maxLength=253)
    ] = None
    create_service_account_rbac: Annotated[
        bool, about("Whether a Role is made for the ServiceAccount that is named.")
    ] = False
    priority_class_name: Annotated[
        str | None, about("The PriorityClass of pods whose pool names none.", maxLength=253)
    ] = None
    logging: Annotated[Logging | None, about("Where RustFS writes its logs.")] = None
    creds_secret: Annotated[CredentialsSecret | None, about("The Secret with the root credentials.")] = None
    configuration: Annotated[
        CredentialsSecret | None, about("The former name of credsSecret; deprecated, and read where that is not given.")
    ] = None
    rpc_secret: Annotated[SecretKey | None, about("What servers prove themselves with to each other.")] = None
    encryption: Annotated[Encryption | None, about("Encryption at rest.")] = None
    security_context: Annotated[SecurityContext | None, about("Who the processes of the pods are.")] = None
    container_security_context: Annotated[Mapping[str, Any] | None, about("The securityContext of the container.")] = (
        None
    )
    gateway: Annotated[
        TenantGateway | None, about("How the S3 API and the console are reached from outside; inside only without.")
    ] = None


class Tenant(KubeObject):
    """A RustFS cluster."""

    spec: Annotated[TenantSpec, about("What is wanted.")]
