"""Long chains in columns: where they are cut, and that nothing covers anything."""

import networkx
import pytest
from test_scenes import clear

from planners.drawing.columns import columns
from planners.drawing.layout import layers_by_longest_path
from planners.drawing.scenes import scene


def chain(count):
    graph = networkx.path_graph(count, networkx.DiGraph)
    networkx.set_node_attributes(graph, {node: f"{node + 1}  place(disc1, disc{node % 7})" for node in graph}, "label")
    return graph


def beads(count):
    """Diamonds joined by single edges: it can be cut only between them."""
    graph = networkx.DiGraph()
    for n in range(0, 4 * count, 4):
        graph.add_edges_from([(n, n + 1), (n, n + 2), (n + 1, n + 3), (n + 2, n + 3), (n + 3, n + 4)])
    graph.remove_node(4 * count)
    networkx.set_node_attributes(graph, {node: f"step {node}" for node in graph}, "label")
    return graph


def parts(graph):
    edges = list(graph.edges)
    return columns(layers_by_longest_path(list(graph), edges), edges)


def test_a_long_chain_is_cut_evenly_and_a_short_one_not():
    assert [len(part) for part in parts(chain(62))] == [13, 13, 13, 13, 10]
    assert len(parts(chain(15))) == 1


def test_only_single_edges_are_cut():
    graph = beads(12)
    found = parts(graph)
    assert len(found) > 1
    assert sorted(node for part in found for node in part) == sorted(graph)
    assert all(min(part) % 4 == 0 and max(part) % 4 == 3 for part in found)
    graph.add_edge(0, 47)
    assert len(parts(graph)) == 1


@pytest.mark.parametrize("graph", [chain(16), chain(62), chain(300), beads(12)])
def test_columns_give_a_picture_and_no_ribbon_in_which_nothing_is_covered(graph):
    picture = scene(graph)
    width, height = picture.size
    assert 0.5 < width / height < 3.0
    assert len(picture.wires) == graph.number_of_edges()
    clear(picture)


def test_a_direction_that_is_asked_for_is_kept():
    width, height = scene(chain(62), "down").size
    assert height > 10 * width


def test_labels_on_edges_and_cycles_stay_in_one_piece():
    graph = chain(40)
    graph.edges[20, 21]["label"] = "held(b1)"
    assert len(scene(graph).words) == 1
    graph = chain(40)
    graph.add_edge(39, 0)
    assert len(scene(graph).wires) == 40
