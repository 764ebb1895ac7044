"""Which names a Tenant has outside, for routes and for RustFS."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.objects.documents import tenant
from xdsserver.objects.decode import decode
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.tenant import EnvVar, Tenant
from xdsserver.tenant import endpoint
from xdsserver.tenant.environment import environment
from xdsserver.tenant.rendering import Rendering

HERE = "data-io.storage.svc.cluster.local,data-io.storage.svc,data-io.storage,data-io,localhost"


def exposed(**gateway: Any) -> Tenant:  # noqa: ANN401 (a document)
    found = decode(BY_NAME["Tenant"], tenant(gateway={"parentRefs": [{"name": "edge"}], **gateway}))
    assert isinstance(found, Tenant)
    return found


def variables(**gateway: Any) -> dict[str, str]:  # noqa: ANN401 (a document)
    return {one["name"]: one["value"] for one in endpoint.variables(exposed(**gateway))}


def test_a_tenant_without_a_gateway_has_no_names_outside() -> None:
    inside = decode(BY_NAME["Tenant"], tenant())
    assert isinstance(inside, Tenant)
    assert (endpoint.api(inside), endpoint.console(inside), endpoint.variables(inside)) == (None, None, ())


def test_buckets_stand_in_front_of_each_name() -> None:
    found = endpoint.api(exposed(api={"hostnames": ["a.test", "b.test"]}))
    assert found is not None
    assert found.hostnames == ("a.test", "*.a.test", "b.test", "*.b.test")
    assert (found.service, found.port, found.signed) == ("data-io", 9000, True)


def test_the_console_is_there_where_it_is_asked_for_and_nobody_signs_for_it() -> None:
    assert endpoint.console(exposed()) is None
    found = endpoint.console(exposed(console={"hostnames": ["c.test"]}))
    assert found is not None
    assert (found.service, found.port, found.signed, found.hostnames) == ("data-console", 9001, False, ("c.test",))


@pytest.mark.parametrize(
    ("reference", "port", "narrowed"),
    [
        ({}, None, [None]),
        ({}, 9000, [9000]),
        ({"port": 9000}, 9000, [9000]),
        ({"port": 443}, 9000, []),
        ({"port": 443}, None, [443]),
    ],
)
def test_the_port_of_the_api_narrows_its_parents(
    reference: dict[str, int], port: int | None, narrowed: list[int]
) -> None:
    api = {} if port is None else {"port": port}
    tenant_ = exposed(parentRefs=[{"name": "edge", **reference}], api=api, console={})
    faces = endpoint.api(tenant_), endpoint.console(tenant_)
    ports = [None if face is None else [one.port for one in face.parents] for face in faces]
    assert ports == [narrowed, [reference.get("port")]]


def test_rustfs_finds_buckets_in_front_of_its_names_and_is_asked_by_those_inside_too() -> None:
    """With any domain given it takes every other host for a bucket, so none by which it is reached may be missing."""
    assert variables(api={"hostnames": ["a.test", "b.test"]}) == {"RUSTFS_SERVER_DOMAINS": f"a.test,b.test,{HERE}"}


def test_without_hostnames_buckets_are_found_by_path_alone() -> None:
    assert variables(console={}) == {}


def test_a_port_that_clients_say_belongs_to_the_name() -> None:
    """Host carries it, but for those of the web."""
    found = variables(parentRefs=[{"name": "edge", "port": 443}], api={"hostnames": ["a.test"], "port": 8443})
    assert found["RUSTFS_SERVER_DOMAINS"] == f"a.test,a.test:8443,{HERE}"


@pytest.mark.parametrize(
    ("port", "url"),
    [(None, "https://c.test"), (443, "https://c.test"), (80, "http://c.test"), (8443, "https://c.test:8443")],
)
def test_browsers_are_sent_to_the_console(port: int | None, url: str) -> None:
    reference = {"name": "edge"} | ({} if port is None else {"port": port})
    found = variables(parentRefs=[reference], console={"hostnames": ["c.test", "d.test"]})
    assert found == {"RUSTFS_BROWSER_REDIRECT_URL": url}


def test_pods_get_these_names_and_their_users_may_say_others() -> None:
    outside = exposed(api={"hostnames": ["a.test"]})
    (pool,) = outside.spec.pools
    ours = {one["name"]: one.get("value") for one in environment(outside, pool, Rendering.OURS)}
    assert ours["RUSTFS_SERVER_DOMAINS"] == f"a.test,{HERE}"
    reference = {one["name"] for one in environment(outside, pool, Rendering.REFERENCE)}
    assert "RUSTFS_SERVER_DOMAINS" not in reference
    theirs = msgspec.structs.replace(outside.spec, env=(EnvVar(name="RUSTFS_SERVER_DOMAINS", value="b.test"),))
    found = environment(msgspec.structs.replace(outside, spec=theirs), pool, Rendering.OURS)
    assert [one["value"] for one in found if one["name"] == "RUSTFS_SERVER_DOMAINS"] == ["b.test"]
