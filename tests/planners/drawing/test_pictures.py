"""Plans as SVG, PNG, DOT and text, and the files they go to."""

import xml.etree.ElementTree as Xml

import networkx
import pytest
from plan_samples import BALLS, CARRY, GRIPPER

from nsctl.errors import InvalidValue
from planners.drawing.graphs import causal_graph, order_graph
from planners.drawing.pictures import to_dot, to_png, to_svg, to_text, write_graph
from planners.pddl import domain_from_pddl, problem_from_pddl
from planners.pddl.plan_files import plan_from_text


@pytest.fixture(scope="module")
def carried():
    problem = problem_from_pddl(BALLS, domain_from_pddl(GRIPPER))
    return problem, plan_from_text(CARRY, problem)


def test_the_same_graph_gives_the_same_picture(carried):
    assert to_svg(order_graph(*carried)) == to_svg(order_graph(*carried))
    assert to_png(causal_graph(*carried)) == to_png(causal_graph(*carried))


def test_svg_is_well_formed_and_says_everything(carried):
    graph = causal_graph(*carried)
    graph.nodes[0]["label"] = "a < b & c"
    tree = Xml.fromstring(to_svg(graph))
    said = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert "a < b & c" in said
    assert "move(here, there)" in said
    assert "held(b2, right)" in said


def test_dot_names_every_node_and_edge(carried):
    text = to_dot(causal_graph(*carried))
    assert text.startswith("digraph plan {")
    assert '"2" [label="move(here, there)"];' in text
    assert '"3" -> "goal" [label="at(b1, there)"];' in text


def test_the_tree_hangs_each_step_under_the_last_before_it(carried):
    assert to_text(order_graph(*carried)).splitlines() == [
        "├─ 1 pick(b1, here, left)",
        "└─ 2 pick(b2, here, right)",
        "   3 move(here, there)   after 1, 2",
        "   ├─ 4 drop(b1, there, left)",
        "   └─ 5 drop(b2, there, right)",
    ]


def test_a_sequence_is_a_list_and_a_cycle_no_tree():
    chain = networkx.DiGraph([(0, 1), (1, 2)])
    assert to_text(chain) == "1 0\n2 1\n3 2\n"
    with pytest.raises(InvalidValue, match="a graph with cycles is no tree"):
        to_text(networkx.DiGraph([(0, 1), (1, 0)]))


@pytest.mark.parametrize("suffix", [".svg", ".png", ".dot", ".txt"])
def test_the_suffix_says_how_to_write(tmp_path, carried, suffix):
    path = write_graph(order_graph(*carried), tmp_path / f"plan{suffix}")
    assert path.stat().st_size > 50


@pytest.mark.parametrize("name", ["plan.pdf", "plan"])
def test_other_suffixes_are_refused_helpfully(tmp_path, carried, name):
    with pytest.raises(InvalidValue, match=r"a graph is written as \.svg, \.png, \.dot, \.txt, not as"):
        write_graph(order_graph(*carried), tmp_path / name)
    assert not (tmp_path / name).exists()


def test_nothing_and_strange_directions_are_refused(carried):
    with pytest.raises(InvalidValue, match="the graph has no nodes"):
        to_svg(networkx.DiGraph())
    with pytest.raises(InvalidValue, match="direction must be 'down', 'right' or None, got 'up'"):
        to_svg(order_graph(*carried), "up")
