"""Reading parentheses: the tree, its lines, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planners.pddl.sexpressions import DEEPEST, Form, PddlError, Word, parse


def test_words_are_lower_case_and_know_their_lines():
    tree = parse("; a title\n(Define ; a comment (\n  (X-1 ?y))\n")
    assert tree == Form((Word("define", 2), Form((Word("x-1", 3), Word("?y", 3)), 3)), 2)
    assert (tree.head, tree.rest[0].head) == ("define", "x-1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: found the end of the text, expected '('"),
        ("; only a comment\n", "line 1: found the end of the text, expected '('"),
        ("a", "line 1: found 'a', expected '('"),
        ("(a\n(b)\n", "line 2: found the end of the text, expected ')' for the '(' of line 1"),
        ("(a)\n)", "line 2: found ')', expected the end of the text"),
        ("(a)\nb", "line 2: found 'b', expected the end of the text"),
        ("(a\nb\0c)", r"line 2: found 'b\x00c', expected text without control characters"),
        ("(a \ud800)", r"line 1: found '\ud800', expected text without control characters"),
    ],
)
def test_what_is_no_single_form_is_refused(text, message):
    with pytest.raises(PddlError) as refusal:
        parse(text)
    assert str(refusal.value) == message
    assert refusal.value.line == int(message.split()[1].rstrip(":"))


def test_comments_and_line_ends_of_all_kinds_are_read_over():
    assert parse("\ufeff(a\r\n;b)\r\n\tc)").items == (Word("a", 1), Word("c", 3))
    assert parse("(a;\0\nb)").rest == (Word("b", 2),)


def test_as_deep_as_allowed_and_no_deeper():
    assert parse("(" * DEEPEST + ")" * DEEPEST).line == 1
    with pytest.raises(PddlError, match=r"^line 1: found parentheses nested more than 100 deep, expected"):
        parse("(" * (DEEPEST + 1) + ")" * (DEEPEST + 1))


def test_messages_quote_the_beginning_of_a_long_list():
    assert str(parse("(a b (c d) e f g h i j)")) == "'(a b (...) e f g h i ...)'"


TREES = st.recursive(
    st.sampled_from(["a", "?x", "-", "1.5", ":key", "grösse"]), lambda inner: st.lists(inner, max_size=4), max_leaves=20
)


def written(tree):
    return tree if isinstance(tree, str) else f"( {' '.join(map(written, tree))})"


def plain(node):
    return node.text if isinstance(node, Word) else [plain(item) for item in node.items]


@given(st.lists(TREES, max_size=4))
def test_what_is_written_is_read(tree):
    assert plain(parse(written(tree))) == tree
