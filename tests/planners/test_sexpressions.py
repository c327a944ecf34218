"""Reading parentheses: the tree, its lines, and what is refused."""

import pytest

from planners.sexpressions import Form, PddlError, Word, parse


def test_words_are_lower_case_and_know_their_lines():
    tree = parse("; a title\n(Define ; a comment (\n  (X-1 ?y))\n")
    assert tree == Form((Word("define", 2), Form((Word("x-1", 3), Word("?y", 3)), 3)), 2)
    assert (tree.head, tree.rest[0].head) == ("define", "x-1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: found the end of the text, expected '('"),
        ("a", "line 1: found 'a', expected '('"),
        ("(a\n(b)\n", "line 2: found the end of the text, expected ')' for the '(' of line 1"),
        ("(a)\n)", "line 2: found ')', expected the end of the text"),
    ],
)
def test_what_is_no_single_form_is_refused(text, message):
    with pytest.raises(PddlError) as refusal:
        parse(text)
    assert str(refusal.value) == message
