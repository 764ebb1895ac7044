"""What a schema's validator found, in words for the person who wrote the document."""

from collections.abc import Iterable, Iterator

from jsonschema_rs import ValidationError, ValidationErrorKind

from xdsserver.objects.paths import FieldError, did_you_mean, quote

EXPECTED_BY_PATTERN = {
    "[a-z0-9]([-a-z0-9]*[a-z0-9])?": "lower-case letters, digits and '-', with a letter or digit at both ends",
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*": "a DNS name such as example.com, in lower case",
    r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*": (
        "a DNS name such as example.com or *.example.com, in lower case and without a port"
    ),
    r"$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*": (
        'an API group such as apps.example.com, or "" for the Kubernetes core'
    ),
    r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?": "a kind such as Service",
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+": (
        "a name such as example.com/controller"
    ),
    r"([0-9]{1,5}(h|m|s|ms)){1,4}": "a duration such as 10s, 500ms or 1m30s",
    r"[!-~]+([\t ]?[!-~]+)*": "visible ASCII characters with single spaces between them",
    r"[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+": "the name of an HTTP header",
    r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?": "a quantity such as 500m or 1Gi",
    "([0-9]|[1-9][0-9]|100)%": "a share such as 50%",
    "[0-9a-fA-F.:]+([/-][0-9a-fA-F.:]+)?": "an address, a range FIRST-LAST or a network ADDRESS/BITS",
}
TYPE_NAMES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a mapping",
    "string": "text",
}
FORMATS = {"date-time": "a time such as 2026-11-21T08:00:00Z", "ipv4": "an IPv4 address", "ipv6": "an IPv6 address"}


def describe(value: object, *, secret: bool = False) -> str:
    """Name a value that a user wrote; of a secret only its type."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean" if secret else str(value).lower()
        case int() | float():
            return "a number" if secret else f"the number {value}"
        case str():
            return "text" if secret else quote(value)
        case list():
            return "a list"
        case _:
            return "a mapping"


def explain(error: ValidationError, *, secret: bool = False) -> Iterator[FieldError]:
    """Say what is wrong and what was expected: one entry per field. `secret`: the found value is not repeated."""
    path = tuple(error.instance_path)
    found = describe(error.instance, secret=secret)
    Kind = ValidationErrorKind  # noqa: N806  (a namespace of classes)
    match error.kind:
        case Kind.Required() as kind:
            yield FieldError((*path, kind.property), "is required")
        case Kind.Type() as kind:
            hint = ""
            if kind.types == ["string"] and isinstance(error.instance, bool | int | float):
                hint = "; put it in quotes"
            yield FieldError(path, f"found {found}, expected {_either(TYPE_NAMES[name] for name in kind.types)}{hint}")
        case Kind.Enum() as kind:
            options = [str(option) for option in kind.options]
            near = did_you_mean(error.instance, options) if isinstance(error.instance, str) and not secret else ""
            several = "one of " if len(options) > 1 else ""
            yield FieldError(path, f"found {found}, expected {several}{', '.join(options)}{near}")
        case Kind.AnyOf() | Kind.OneOfNotValid() as kind:
            yield from _alternatives(error, kind.context, secret=secret)
        case Kind.Not():
            yield FieldError(path, f"{found} is not allowed here")
        case _:
            yield FieldError(path, _limit(error, found))


def _limit(error: ValidationError, found: str) -> str:
    """Explain a limit on one value."""
    Kind = ValidationErrorKind  # noqa: N806
    size = len(error.instance) if isinstance(error.instance, str | list | dict) else 0
    match error.kind:
        case Kind.MinLength(limit=1) | Kind.MinItems(limit=1) | Kind.MinProperties(limit=1):
            text = "must not be empty"
        case Kind.Minimum() as kind:
            text = f"found {found}, expected at least {kind.limit}"
        case Kind.Maximum() as kind:
            text = f"found {found}, expected at most {kind.limit}"
        case Kind.MinLength() as kind:
            text = f"has {size} characters, expected at least {kind.limit}"
        case Kind.MaxLength() as kind:
            text = f"has {size} characters, expected at most {kind.limit}"
        case Kind.MinItems() | Kind.MinProperties() as kind:
            text = f"has {size} entries, expected at least {kind.limit}"
        case Kind.MaxItems() | Kind.MaxProperties() as kind:
            text = f"has {size} entries, expected at most {kind.limit}"
        case Kind.Pattern() as kind:
            bare = kind.pattern.removeprefix("^").removesuffix("$")
            text = f"found {found}, expected {EXPECTED_BY_PATTERN.get(bare) or f'text that matches {kind.pattern}'}"
        case Kind.Format() as kind:
            text = f"found {found}, expected {FORMATS.get(kind.format, kind.format)}"
        case other:
            text = f"found {found}, which breaks the schema ({type(other).__name__})"
    return text


def _alternatives(
    error: ValidationError,
    branches: list[list[ValidationError]],
    *,
    secret: bool,
) -> Iterator[FieldError]:
    """Explain a choice by the branch that was meant, where one can be told; else by what each would have wanted."""
    # A branch that the value's own discriminator rules out ("type is not IPAddress") is not what its writer meant.
    other = (ValidationErrorKind.Not, ValidationErrorKind.Enum)
    meant = [branch for branch in branches if not any(isinstance(nested.kind, other) for nested in branch)]
    if len(meant) == 1:
        for nested in meant[0]:
            yield from explain(nested, secret=secret)
        return
    entries = [entry for branch in branches for nested in branch for entry in explain(nested, secret=secret)]
    wanted = dict.fromkeys(entry.message.rpartition("expected ")[2] for entry in entries)
    found = describe(error.instance, secret=secret)
    yield FieldError(tuple(error.instance_path), f"found {found}, expected {_either(wanted)}")


def _either(names: Iterable[str]) -> str:
    return " or ".join(names)
