"""Nothing that a record says becomes markup or script."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from energy.board.markup import Html, joined, script_json, tag, text

NASTY = '</script><img src=x onerror="alert(1)">&\'<!--'


def test_text_is_escaped_once() -> None:
    assert text('a < b & "c"') == "a &lt; b &amp; &quot;c&quot;"
    assert tag("p", text("<")) == "<p>&lt;</p>"
    assert tag("p", Html("<b></b>"), "<b>") == "<p><b></b>&lt;b&gt;</p>"


def test_attributes() -> None:
    made = tag("a", "x", href='"<', class_="k", data_run="r", hidden=True, title=None, id=False)
    assert made == '<a href="&quot;&lt;" class="k" data-run="r" hidden>x</a>'


def test_joined_escapes_what_is_between() -> None:
    assert joined(["a", Html("<i></i>")], "<") == "a&lt;<i></i>"


@given(st.text() | st.just(NASTY))
def test_json_in_a_script_stays_data(words: str) -> None:
    packed = script_json({"a": words})
    assert json.loads(packed) == {"a": words}
    assert not set("<>&") & set(packed)
