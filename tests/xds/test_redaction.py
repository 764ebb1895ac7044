"""What is secret in a resource is not in what people's tools are shown of it."""

from __future__ import annotations

from envoy.config.core.v3 import extension_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.http.basic_auth.v3 import basic_auth_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as manager_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, secret_pb2, tls_pb2
from google.protobuf import any_pb2

from xdsserver.xds.redaction import HIDDEN, redacted
from xdsserver.xds.resource import SECRET, Resource

KEY = b"-----BEGIN PRIVATE KEY-----canary"


def secret_of(name: str, **kind: object) -> Resource:
    return Resource.of(secret_pb2.Secret(name=name, **kind), name)  # type: ignore[arg-type]


def shown(resource: Resource) -> secret_pb2.Secret:
    content = redacted(resource)
    assert content.type_url == SECRET
    assert b"canary" not in content.value
    return secret_pb2.Secret.FromString(content.value)


def test_a_private_key_is_hidden_and_its_certificate_is_shown() -> None:
    certificate = common_pb2.TlsCertificate()
    certificate.certificate_chain.inline_bytes = b"public"
    certificate.private_key.inline_bytes = KEY
    certificate.password.inline_string = "canary"
    found = shown(secret_of("web", tls_certificate=certificate)).tls_certificate
    assert found.certificate_chain.inline_bytes == b"public"
    assert found.private_key.inline_bytes == HIDDEN.encode()
    assert found.password.inline_string == HIDDEN


def test_other_kinds_of_secrets_are_hidden() -> None:
    keys = common_pb2.TlsSessionTicketKeys()
    keys.keys.add().inline_bytes = KEY
    assert shown(secret_of("tickets", session_ticket_keys=keys)).session_ticket_keys.keys[0].inline_bytes
    generic = secret_pb2.GenericSecret()
    generic.secret.inline_string = "canary"
    generic.secrets["more"].inline_bytes = KEY
    found = shown(secret_of("token", generic_secret=generic)).generic_secret
    assert found.secret.inline_string == HIDDEN


def test_what_is_secret_is_found_however_deep_it_is() -> None:
    """A key in a listener, and users of a filter inside a connection manager inside a filter chain."""
    listener = listener_pb2.Listener(name="l")
    chain = listener.filter_chains.add()
    tls = tls_pb2.DownstreamTlsContext()
    tls.common_tls_context.tls_certificates.add().private_key.inline_bytes = KEY
    chain.transport_socket.typed_config.Pack(tls)
    users = basic_auth_pb2.BasicAuth()
    users.users.inline_string = "me:canary"
    manager = manager_pb2.HttpConnectionManager(stat_prefix="shown")
    manager.http_filters.add(name="auth").typed_config.Pack(users)
    chain.filters.add(name="http").typed_config.Pack(manager)
    resource = Resource.of(listener, "l")
    content = redacted(resource).value
    assert b"canary" in resource.body
    assert b"canary" not in content
    assert b"shown" in content
    assert HIDDEN.encode() in content


def test_what_cannot_be_read_is_not_shown() -> None:
    unknown = any_pb2.Any(type_url="type.googleapis.com/example.Unknown", value=KEY)
    config = extension_pb2.TypedExtensionConfig(name="e", typed_config=unknown)
    content = redacted(Resource.of(config, "e"))
    assert b"canary" not in content.value
    assert extension_pb2.TypedExtensionConfig.FromString(content.value).typed_config.type_url == unknown.type_url
    assert redacted(Resource.of_bytes(SECRET, "broken", b"\xff" + KEY)).value == b""
