"""ClusterTrustBundle (certificates.k8s.io/v1 and v1beta1): authorities that a whole cluster may rely on."""

from xdsserver.objects.meta import KubeObject, Part

CERTIFICATES_GROUP = "certificates.k8s.io"


class ClusterTrustBundleSpec(Part):
    """ClusterTrustBundle.spec; `trust_bundle` are certificates in PEM, of which the order says nothing."""

    trust_bundle: str
    signer_name: str = ""


class ClusterTrustBundle(KubeObject):
    """Certificates of authorities, cluster scoped."""

    spec: ClusterTrustBundleSpec
