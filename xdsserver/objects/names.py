"""The forms of Kubernetes names, labels and annotation keys."""

import re

QUALIFIED_NAME = re.compile(
    r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]",
)
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
MAX_SUBDOMAIN = 253
MAX_LABEL = 63


def is_qualified_name(text: str) -> bool:
    """Tell whether text is a label or annotation key: `[prefix/]name`."""
    prefix, slash, name = text.rpartition("/")
    fits = len(prefix) <= MAX_SUBDOMAIN and len(name) <= MAX_LABEL and bool(prefix) == bool(slash)
    return fits and bool(QUALIFIED_NAME.fullmatch(text))


def is_subdomain(text: str) -> bool:
    """Tell whether text is an RFC 1123 subdomain, the form of most object names."""
    return len(text) <= MAX_SUBDOMAIN and bool(SUBDOMAIN.fullmatch(text))


def is_label(text: str) -> bool:
    """Tell whether text is an RFC 1123 label, the form of namespace and Service names."""
    return len(text) <= MAX_LABEL and bool(LABEL.fullmatch(text))


def is_label_value(text: str) -> bool:
    """Tell whether text may be the value of a label."""
    return len(text) <= MAX_LABEL and bool(LABEL_VALUE.fullmatch(text))
