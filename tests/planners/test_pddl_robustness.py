"""Damaged, strange and huge texts: read or refused with a line, never anything else."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probes import READ

from nsctl.errors import DomainError
from planners.grounding import ground
from planners.pddl import domain_from_pddl, domain_to_pddl, problem_from_pddl, problem_to_pddl

HEAD = "(define (domain d) (:predicates (p ?x) (q))\n"


@pytest.mark.parametrize(
    "text",
    ["(" * 100_000, "(" * 100_000 + ")" * 100_000, HEAD + "(:action a :precondition " + "(and " * 99_999],
    ids=["open", "closed", "and"],
)
def test_parentheses_without_end_are_refused_with_their_line(text):
    with pytest.raises(DomainError, match=r"^line \d+: found parentheses nested more than 100 deep"):
        domain_from_pddl(text)


def test_a_condition_as_deep_as_allowed_can_be_read_written_and_ground():
    depth = 90
    deep = "".join("(not (or (q) " if i % 2 else "(exists (?x) (and (p ?x) " for i in range(depth // 2))
    domain = domain_from_pddl(HEAD + f"(:action a :precondition {deep}(q){'))' * (depth // 2)} :effect (q)))")
    assert domain_from_pddl(domain_to_pddl(domain)) == domain
    assert ground(problem_from_pddl("(define (problem x) (:domain d) (:objects o) (:goal (q)))", domain)).atoms


def test_types_in_a_chain_without_end_are_refused():
    chain = " ".join(f"t{i} - t{i + 1}" for i in range(20_000))
    with pytest.raises(DomainError, match="nested too deeply"):
        domain_from_pddl(f"(define (domain d) (:types {chain}))")


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "\0", "\x7fELF\x02\x01(\0)", "(define (domain d\0))", "\ufffd\ufffe(", "(define (domain \ud800))"],
)
def test_what_is_no_text_is_refused(text):
    with pytest.raises(DomainError, match=r"^line \d+: found "):
        domain_from_pddl(text)


def test_a_byte_order_mark_is_read_over():
    assert domain_from_pddl("\ufeff" + HEAD + ")").name == "d"


def test_ten_thousand_objects_take_less_than_a_second():
    names = [f"thing{i}" for i in range(10_000)]
    domain = domain_from_pddl("(define (domain d) (:types t) (:predicates (p ?x - t) (q)) (:action a :effect (q)))")
    init = " ".join(f"(p {name})" for name in names)
    begun = process_time()
    problem = problem_from_pddl(
        f"(define (problem x) (:domain d) (:objects {' '.join(names)} - t) (:init {init}) (:goal (q)))", domain
    )
    assert process_time() - begun < 1
    assert (len(problem.objects), len(problem.init)) == (10_000, 10_000)


def test_a_message_about_a_long_list_is_short():
    names = " ".join(f"thing{i}" for i in range(10_000))
    with pytest.raises(DomainError) as refusal:
        domain_from_pddl(f"(define (domain d) (:object {names}))")
    assert len(str(refusal.value)) < 300


TOKENS = [probe.domain.replace("(", " ( ").replace(")", " ) ").split() for probe in READ]
PROBLEM_TOKENS = [probe.problem.replace("(", " ( ").replace(")", " ) ").split() for probe in READ]
STRANGE = [
    "(",
    ")",
    "-",
    "?x",
    "and",
    "not",
    "=",
    "when",
    "forall",
    "either",
    ":goal",
    "object",
    "1/0",
    "1e999999999",
    "\0",
    "()",
]
MUTATIONS = st.lists(
    st.tuples(st.sampled_from(["delete", "double", "swap", "strange"]), st.integers(0, 10_000), st.integers(0, 10_000)),
    min_size=1,
    max_size=4,
)


def mutated(tokens: list[str], mutations: list[tuple[str, int, int]]) -> str:
    found = list(tokens)
    for kind, first, second in mutations:
        i, j = first % len(found), second % len(found)
        if kind == "delete" and len(found) > 1:
            del found[i]
        elif kind == "double":
            found.insert(i, found[i])
        elif kind == "swap":
            found[i], found[j] = found[j], found[i]
        else:
            found[i] = STRANGE[second % len(STRANGE)]
    return "\n".join(found)


@given(st.integers(0, len(READ) - 1), MUTATIONS, MUTATIONS, st.booleans())
@settings(max_examples=400, deadline=None)
def test_damaged_texts_are_read_or_refused_with_a_line(number, in_domain, in_problem, both):
    """Nothing but a DomainError may come out; and what can be read can be written, read again and ground."""
    problem, refusal = None, ""
    try:
        domain = domain_from_pddl(mutated(TOKENS[number], in_domain) if both else READ[number].domain)
        problem = problem_from_pddl(mutated(PROBLEM_TOKENS[number], in_problem), domain)
    except DomainError as raised:
        refusal = str(raised)
    assert (problem is None) == refusal.startswith("line ")
    if problem is None:
        return
    again = problem_from_pddl(problem_to_pddl(problem), domain_from_pddl(domain_to_pddl(domain)))
    assert again == problem
    ground(problem)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_line(text):
    with pytest.raises(DomainError, match=r"^line \d+: "):
        domain_from_pddl(text)
