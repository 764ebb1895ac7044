"""YAML is read as kubectl reads it, and refused where it would harm."""

import json
import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from xdsserver.files.jsontext import parse_json
from xdsserver.files.values import Limits
from xdsserver.files.yamltext import YamlError, lines, parse

LIMITS = Limits(aliases=5, copied_nodes=20, depth=5)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: -0x1F", {"a": -31}),
        ("a: 0xb1", {"a": 177}),
        ("a: 0b11", {"a": 3}),
        ("a: 017", {"a": 15}),
        ("a: 0o17", {"a": 15}),
        ("a: 1_000", {"a": 1000}),
        ("a: 1.5e3", {"a": 1500.0}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: 2026-11-21", {"a": "2026-11-21"}),
        ("a: 1.2.3.4", {"a": "1.2.3.4"}),
        ("a: yes\nb: Off\nc: ~\nd:", {"a": True, "b": False, "c": None, "d": None}),
        ("a: 'yes'\nb: \"1\"\nc: !!str 1", {"a": "yes", "b": "1", "c": "1"}),
        ("80: a", {"80": "a"}),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: &x {b: 1}\nc:\n  b: 3\n  <<: [*x, {e: 4}]", {"a": {"b": 1}, "c": {"b": 3, "e": 4}}),
        ("a: |\n  x\n  y", {"a": "x\ny"}),
        ("# nothing", None),
    ],
)
def test_values_are_those_of_kubectl(text: str, value: object) -> None:
    assert parse(text, LIMITS) == value


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3", 2, 'has the key "a" twice in one mapping'),
        ("a: .inf", 0, 'has the number ".inf", which JSON does not know'),
        ("a: 1e999", 0, 'has the number "1e999", which JSON does not know'),
        ("a:\n  b: !!python/object:os.system x", 1, "has the tag"),
        ("a: !!binary aGk=", 0, "has the tag"),
        ("true: a", 0, 'has "true" as a key, expected text; put it in quotes'),
        ("? [a]\n: b", 0, "has a collection as a key, expected text"),
        ("a: *b", 0, 'uses the alias "b", which names nothing before it'),
        ("&a [*a]", 0, 'uses the alias "a", which names nothing before it'),
        ("a: &a 1\n<<: *a", 1, 'merges with "<<" what is no mapping'),
        ("[[[[[[", 0, "is nested deeper than 5 levels"),
        ("a: &a 1\nb: [*a, *a, *a, *a, *a, *a]", 1, "uses more than 5 aliases"),
        ("a: &a [1,1,1,1,1,1]\nb: [*a, *a, *a]", 1, "grows by more than 20 values through aliases"),
        ("a: b: c", 0, "is not valid YAML: mapping values are not allowed in this context"),
        ("a: 1\nb: \0", 1, "holds a character that YAML does not allow"),
    ],
)
def test_what_would_harm_is_refused_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(YamlError) as error:
        parse(text, LIMITS)
    assert (error.value.line, error.value.message[: len(message)]) == (line, message)


def test_p11_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    """P11: YAML bombs (anchors): alias cap. Nine levels of nine would be 387 million values."""
    levels = "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]\n" for i in range(1, 10))
    with pytest.raises(YamlError, match="grows by more than 10000 values through aliases"):
        parse("l0: &l0 [x, x, x, x, x, x, x, x, x]\n" + levels, Limits())


def test_lines_are_those_of_keys_and_list_entries() -> None:
    text = "a:\n- b: 1\n  c:\n  - x\n  - y: 2\n- d\ne: {f: 1,\n  g: [2, 3]}\n"
    assert lines(text) == {
        (): 0,
        ("a",): 0,
        ("a", 0): 1,
        ("a", 0, "b"): 1,
        ("a", 0, "c"): 2,
        ("a", 0, "c", 0): 3,
        ("a", 0, "c", 1): 4,
        ("a", 0, "c", 1, "y"): 4,
        ("a", 1): 5,
        ("e",): 6,
        ("e", "f"): 6,
        ("e", "g"): 7,
        ("e", "g", 0): 7,
        ("e", "g", 1): 7,
    }


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', '{"a": }', "[" * 100_000, '{"a": 1} x'])
def test_json_makes_the_same_promises(text: str) -> None:
    with pytest.raises(YamlError):
        parse_json(text)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)


@given(value=PLAIN)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_what_is_dumped_is_read_back(value: object) -> None:
    generous = Limits()
    text = yaml.safe_dump(value)
    assert parse(text, generous) == value
    assert parse_json(json.dumps(value)) == value


@given(text=st.text(alphabet="ab:-[]{}&*!|>'\"#%\n 01.~<,?\t", max_size=40))
@settings(max_examples=1000, deadline=None, derandomize=True)
def test_any_text_is_read_or_refused(text: str) -> None:
    last = text.count("\n")
    try:
        value = parse(text, LIMITS)
    except YamlError as error:
        last, value = max(last, error.line - 1), None
    assert last <= text.count("\n")
    assert not isinstance(value, float) or math.isfinite(value)
    assert all(0 <= line <= last for line in lines(text).values())
