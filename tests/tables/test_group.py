"""Group, index and count: rows that belong together, in an order that is no accident of history."""

from itertools import permutations

import pytest

from xdsserver.tables import Change, Graph, TableError


class Words:
    """Words by number, grouped by their first letter; a word of no letters is in no group."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.words = self.graph.source("words", str)
        self.joined = self.graph.group(
            "joined",
            self.words,
            by=lambda _key, word: word[:1] or None,
            order=lambda _key, word: len(word),
            fold=lambda letter, members: f"{letter}: {' '.join(word for _, word in members)}",
        )
        self.index = self.graph.index("index", self.words, by=lambda _key, word: word[:1] or None)
        self.count = self.graph.count("count", self.words, by=lambda _key, word: word[:1] or None)

    def put(self, words: dict[int, str | None]) -> None:
        self.graph.apply([Change(self.words, key, word) for key, word in words.items()])


def test_members_come_by_order_and_ties_by_key_whatever_came_first() -> None:
    expected = {"a": "a: a ax ay abc"}
    for history in permutations([(1, "abc"), (2, "a"), (3, "ax"), (4, "ay")]):
        words = Words()
        for key, word in history:
            words.put({key: word})
        assert words.joined.rows == expected
        assert words.index.rows == {"a": (1, 2, 3, 4)}
        assert words.count.rows == {"a": 4}


def test_a_new_row_of_a_member_is_folded_again_and_moves_in_the_order() -> None:
    words = Words()
    words.put({1: "a", 2: "ab"})

    words.put({1: "abc"})

    assert words.joined.rows == {"a": "a: ab abc"}
    assert words.index.rows == {"a": (1, 2)}
    assert words.count.rows == {"a": 2}


def test_a_member_moves_from_group_to_group() -> None:
    words = Words()
    words.put({1: "a", 2: "ab", 3: "b"})

    words.put({2: "bb"})

    assert words.joined.rows == {"a": "a: a", "b": "b: b bb"}
    assert words.index.rows == {"a": (1,), "b": (2, 3)}
    assert words.count.rows == {"a": 1, "b": 2}


def test_two_members_change_places() -> None:
    words = Words()
    words.put({1: "a", 2: "b"})

    words.put({1: "b", 2: "a"})

    assert words.joined.rows == {"a": "a: a", "b": "b: b"}
    assert words.index.rows == {"a": (2,), "b": (1,)}
    assert words.count.rows == {"a": 1, "b": 1}


@pytest.mark.parametrize("last", [None, ""], ids=["deleted", "in no group"])
def test_a_group_without_members_has_no_row(last: str | None) -> None:
    words = Words()
    words.put({1: "a", 2: "b"})

    words.put({1: last})

    assert words.joined.rows == {"b": "b: b"}
    assert words.index.rows == {"b": (2,)}
    assert words.count.rows == {"b": 1}


def test_a_member_of_no_group_enters_one_later() -> None:
    words = Words()
    words.put({1: ""})
    assert not words.joined.rows
    assert not words.index.rows
    assert not words.count.rows

    words.put({1: "a"})

    assert words.joined.rows == {"a": "a: a"}
    assert words.index.rows == {"a": (1,)}
    assert words.count.rows == {"a": 1}


def test_nothing_is_left_when_all_members_are_gone() -> None:
    words = Words()
    words.put({1: "a", 2: "ab", 3: "b", 4: ""})

    words.put({1: None, 2: None, 3: None, 4: None})

    assert all(table.empty for table in words.graph.tables)


def test_an_index_and_a_count_do_nothing_for_a_member_that_stays() -> None:
    graph = Graph()
    words = graph.source("words", str)
    index = graph.index("index", words, by=lambda _key, word: word[0])
    count = graph.count("count", words, by=lambda _key, word: word[0])
    graph.apply([Change(words, 1, "a"), Change(words, 2, "ab")])

    delta = graph.apply([Change(words, 1, "abc")])

    assert delta.stats.folds == 0
    assert delta[index] == {}
    assert delta[count] == {}


def test_a_false_key_is_a_group_like_any_other() -> None:
    graph = Graph()
    words = graph.source("words", str)
    by_length = graph.index("by_length", words, by=lambda _key, word: len(word))
    lengths = graph.count("lengths", words, by=lambda _key, word: len(word))

    graph.apply([Change(words, 1, "")])

    assert by_length.rows == {0: (1,)}
    assert lengths.rows == {0: 1}


def test_members_that_cannot_be_compared_are_an_error() -> None:
    graph = Graph()
    words = graph.source("words", str)
    graph.group(
        "mixed", words, by=lambda _key, _word: 0, order=lambda key, word: (word, key)[key % 2], fold=lambda _g, _m: 0
    )

    with pytest.raises(TableError, match=r"mixed: the members of 0 cannot be sorted: .*'(int|str)'"):
        graph.apply([Change(words, 1, "a"), Change(words, 2, "b")])


def test_a_group_of_which_the_fold_says_nothing_has_no_row() -> None:
    graph = Graph()
    words = graph.source("words", str)
    several = graph.group(
        "several",
        words,
        by=lambda _key, word: word[:1],
        fold=lambda _letter, members: len(members) if len(members) > 1 else None,
    )

    graph.apply([Change(words, 1, "a"), Change(words, 2, "b"), Change(words, 3, "ab")])
    assert several.rows == {"a": 2}
    assert graph.apply([Change(words, 3, None)])[several] == {"a": None}
