"""The engine decides rules, and refuses where it cannot."""

import pytest

from xdsserver.objects.cel import CelError, CppEngine, is_ip
from xdsserver.objects.names import is_label, is_qualified_name, is_subdomain

ENGINE = CppEngine()


@pytest.mark.parametrize(
    ("rule", "value", "verdict"),
    [
        ("self.__namespace__ == 'a'", {"namespace": "a"}, True),
        ("has(self.__namespace__)", {"namespace": "a"}, True),
        ("isIP(self)", "127.0.0.1", True),
        ("isIP(self)", "127.0.0.01", False),
        ("isIP(self)", "fe80::1%eth0", False),
        ("!format.qualifiedName().validate(self).hasValue()", "example.com/a", True),
        ("!format.qualifiedName().validate(self).hasValue()", "a b", False),
        ("!format.dns1123Subdomain().validate(self).hasValue()", "A", False),
        ("duration(self) > duration('1s')", "2s", True),
        ("self.substring(2).matches('^a')", "*.a", True),
    ],
)
def test_rules_of_kubernetes_are_decided(rule: str, value: object, *, verdict: bool) -> None:
    assert ENGINE.compile(rule).holds(value) is verdict


@pytest.mark.parametrize(
    ("rule", "value"),
    [("self.a == 1", {}), ("duration(self) > duration('1s')", "soon"), ("self", 1), ("self == 1", 2**70)],
)
def test_what_cannot_be_decided_is_an_error(rule: str, value: object) -> None:
    with pytest.raises(CelError):
        ENGINE.compile(rule).holds(value)


def test_what_does_not_compile_is_an_error() -> None:
    with pytest.raises(CelError):
        ENGINE.compile("self ==")


def test_forms_of_names() -> None:
    assert is_label("a-1")
    assert not is_label("a" * 64)
    assert not is_label("-a")
    assert not is_label("a\n")
    assert is_subdomain("a.b")
    assert not is_subdomain("a..b")
    assert is_qualified_name("example.com/Name_1.x")
    assert not is_qualified_name("/name")
    assert not is_qualified_name("a" * 64)
    assert is_ip("::1", 6)
    assert not is_ip("::1", 4)
