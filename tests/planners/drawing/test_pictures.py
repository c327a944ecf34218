"""Plans as SVG, PNG, DOT and text, and the files they go to."""

import xml.etree.ElementTree as Xml

import networkx
import pytest
from plan_samples import BALLS, CARRY, GRIPPER
from test_scenes import random_graph

from nsctl.errors import InvalidValue
from planners.drawing.graphs import GRAPHS, causal_graph, order_graph, plan_states
from planners.drawing.pictures import (
    ARROW,
    KINDS,
    SUFFIXES,
    arrowhead,
    check_target,
    to_dot,
    to_png,
    to_svg,
    to_text,
    write_graph,
)
from planners.drawing.scenes import Wire, scene
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
    assert "3  move(here, there)" in said
    assert "held(b2, right)" in said


def test_dot_names_every_node_and_edge(carried):
    text = to_dot(causal_graph(*carried))
    assert text.startswith("digraph plan {")
    assert '"2" [label="3  move(here, there)"];' in text
    assert '"3" -> "goal" [label="at(b1, there)"];' in text


def test_the_tree_hangs_each_step_under_the_last_before_it(carried):
    assert to_text(order_graph(*carried)).splitlines() == [
        "├─ 1 pick(b1, here, left)",
        "└─ 2 pick(b2, here, right)",
        "   3 move(here, there)   after 1, 2",
        "   ├─ 4 drop(b1, there, left)",
        "   └─ 5 drop(b2, there, right)",
    ]


def test_a_sequence_is_a_list_and_a_cycle_is_listed_edge_by_edge():
    chain = networkx.DiGraph([(0, 1), (1, 2)])
    assert to_text(chain) == "1 0\n2 1\n3 2\n"
    assert to_text(networkx.DiGraph([(0, 1), (1, 0)])) == "0\n   -> 1\n1\n   -> 0\n"


def test_states_are_listed_along_the_plan(carried):
    first, start, step, *rest = to_text(plan_states(*carried)).splitlines()
    assert first == "all 28 states"
    assert start.startswith("0: ")
    assert all(atom in start for atom in ("robot(here)", "at(b1, here)", "free(left)"))
    assert step == "   pick(b1, here, left) -> 1"
    assert [line.split(":")[0] for line in rest if not line.startswith(" ")] == ["1", "2", "3", "4", "5"]
    assert 'label="all 28 states; an edge without arrow goes both ways";' in to_dot(plan_states(*carried))


def corners_of(wire):
    (x, y), (ax, ay), (bx, by) = arrowhead(wire)
    assert abs((ax - x) * (by - y) - (ay - y) * (bx - x)) == pytest.approx(0.9 * ARROW**2)


@pytest.mark.parametrize("direction", ["down", "right"])
@pytest.mark.parametrize("seed", range(40))
def test_no_arrowhead_is_degenerate(seed, direction):
    for wire in scene(random_graph(seed), direction).wires:
        corners_of(wire)


def test_an_arrowhead_points_along_the_last_way_there_is():
    end = (10.0, 5.0)
    curve = ((0.0, 5.0), end, end, end)
    for pieces in (((curve,),), ((curve, (end,) * 4),), ((curve,), ((end,) * 4,))):
        wire = Wire(pieces, marked=False, arrow=True, title="")
        corners_of(wire)
        assert {x for x, _ in arrowhead(wire)} == {10.0, 10.0 - ARROW}


@pytest.mark.parametrize("suffix", [".svg", ".png", ".dot", ".txt"])
def test_the_suffix_says_how_to_write(tmp_path, carried, suffix):
    path = write_graph(order_graph(*carried), tmp_path / f"plan{suffix}")
    assert path.stat().st_size > 50


@pytest.mark.parametrize("name", ["plan.pdf", "plan"])
def test_other_suffixes_are_refused_helpfully(tmp_path, carried, name):
    with pytest.raises(InvalidValue, match=r"a graph is written as \.svg, \.png, \.dot, \.txt, not as"):
        write_graph(order_graph(*carried), tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_graph_without_nodes_is_refused_however_it_is_written(tmp_path, suffix):
    with pytest.raises(InvalidValue, match="there is nothing to draw: the graph has no nodes"):
        write_graph(networkx.DiGraph(), tmp_path / f"plan{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [*SUFFIXES, ".SVG"])
def test_a_target_that_is_accepted_can_be_written(tmp_path, carried, kind, suffix):
    path = tmp_path / f"plan{suffix}"
    check_target(path, kind)
    assert not path.exists()
    assert write_graph(GRAPHS[kind](*carried), path).stat().st_size > 50


def test_every_kind_of_graph_is_a_target():
    assert tuple(GRAPHS) == KINDS


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("plan.svg", "pie", "the kind of a graph must be one of plan, causal, states, got 'pie'"),
        ("plan.pdf", "plan", r"a graph is written as \.svg, \.png, \.dot, \.txt, not as '\.pdf' \(.*plan\.pdf\)"),
        ("plan", "plan", "not as a file without suffix"),
        ("gone/plan.svg", "plan", r"there is no folder .*gone to draw plan\.svg in: make it, or name one that exists"),
        ("folder.svg", "plan", r"folder\.svg is a folder: name a file to draw to, such as .*plan\.svg"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused_at_once(tmp_path, name, kind, message):
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(InvalidValue, match=message):
        check_target(tmp_path / name, kind)


def test_nothing_and_strange_directions_are_refused(carried):
    with pytest.raises(InvalidValue, match="the graph has no nodes"):
        to_svg(networkx.DiGraph())
    with pytest.raises(InvalidValue, match="direction must be 'down', 'right' or None, got 'up'"):
        to_svg(order_graph(*carried), "up")
