"""The rules that schemas carry in CEL, behind an interface so small that the engine can be replaced.

Rules come from shipped schemas only, never from a user: their cost is known. The functions are those of Kubernetes that
the shipped rules use.
"""

import ipaddress
from typing import TYPE_CHECKING, Protocol

# The package has stubs without the marker that would let mypy believe them.
from cel_expr_python import cel  # type: ignore[import-untyped]
from cel_expr_python.ext import ext_strings  # type: ignore[import-untyped]

from xdsserver.objects.names import is_label, is_qualified_name, is_subdomain

if TYPE_CHECKING:
    from collections.abc import Callable


class CelError(Exception):
    """A rule could not be compiled or decided; whoever asked must treat the object as refused."""


class Rule(Protocol):
    """A compiled rule."""

    def holds(self, value: object) -> bool:
        """Decide the rule with `self` bound to the value. Raises CelError where it cannot be decided."""
        ...


class CelEngine(Protocol):
    """Compiles rules."""

    def compile(self, rule: str) -> Rule:
        """Compile one rule. Raises CelError."""
        ...


def is_ip(text: str, version: int | None = None) -> bool:
    """Tell whether text is an IP address (of that version) as Kubernetes reads it: no zone, no leading zeros."""
    if "%" in text:
        return False
    try:
        return version in (None, ipaddress.ip_address(text).version)
    except ValueError:
        return False


FORMATS: "dict[str, Callable[[str], bool]]" = {
    "qualifiedName": is_qualified_name,
    "dns1123Subdomain": is_subdomain,
    "dns1123Label": is_label,
}


def _function(name: str, parameters: "list[cel.Type]", returns: "cel.Type", impl: "Callable[..., object]") -> object:
    member = name in {"validate", "hasValue"}
    overload = cel.Overload(name, return_type=returns, parameters=parameters, is_member=member, impl=impl)
    return cel.FunctionDecl(name, [overload])


def _validate(form: str, text: str) -> list[str]:
    """`format.X().validate(text)`: Kubernetes has an optional list of errors; here a list, empty if all is well."""
    return [] if FORMATS[form](text) else [f"not a {form}"]


class _Rule:
    def __init__(self, text: str, expression: "cel.Expression") -> None:
        self._text = text
        self._expression = expression

    def holds(self, value: object) -> bool:
        try:
            verdict = self._expression.eval(data={"self": value}).value()
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            message = f"{self._text}: {error}"
            raise CelError(message) from error
        if not isinstance(verdict, bool):
            # Errors of evaluation (a missing key, an overflow) are values of this engine, not exceptions.
            message = f"{self._text}: {verdict}"
            raise CelError(message)
        return verdict


class CppEngine:
    """CEL's reference implementation in C++ (the package cel-expr-python)."""

    def __init__(self) -> None:
        string, boolean, errors = cel.Type.STRING, cel.Type.BOOL, cel.Type.List(cel.Type.STRING)
        functions = [
            _function("isIP", [string], boolean, is_ip),
            _function("isIPv4", [string], boolean, lambda text: is_ip(text, 4)),
            _function("isIPv6", [string], boolean, lambda text: is_ip(text, 6)),
            _function("validate", [string, string], errors, _validate),
            _function("hasValue", [errors], boolean, bool),
            *(_function(f"format.{form}", [], string, lambda form=form: form) for form in FORMATS),
        ]
        self._env = cel.NewEnv(
            variables={"self": cel.Type.DYN},
            extensions=[ext_strings.ExtStrings()],
            functions=functions,
        )

    def compile(self, rule: str) -> Rule:
        """Compile one rule. Raises CelError."""
        # Kubernetes escapes field names that are reserved words of CEL; as a field selector they need no escape here.
        text = rule.replace("__namespace__", "namespace")
        try:
            return _Rule(rule, self._env.compile(text))
        except (RuntimeError, ValueError) as error:
            message = f"{rule}: {error}"
            raise CelError(message) from error
