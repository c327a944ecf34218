"""Layers that are few, and places that keep apart."""

import networkx
import pytest
from test_scenes import random_graph

from planners.drawing.layout import arrange, layers_by_longest_path


@pytest.mark.parametrize("seed", range(20))
def test_layers_lead_on_and_are_as_few_as_can_be(seed):
    graph = random_graph(seed)
    layer = layers_by_longest_path(list(graph), list(graph.edges))
    assert all(layer[first] < layer[then] for first, then in graph.edges)
    assert max(layer.values()) == networkx.dag_longest_path_length(graph, weight=None)


def test_a_chain_is_straight_and_its_long_edge_bends_around():
    sizes = dict.fromkeys(range(4), (60.0, 20.0))
    chain = [(0, 1), (1, 2), (2, 3)]
    straight = arrange(sizes, {n: n for n in range(4)}, chain, {})
    assert len({round(x, 6) for x, _ in straight.nodes.values()}) == 1
    bent = arrange(sizes, {n: n for n in range(4)}, [*chain, (0, 3)], {})
    (route,) = bent.edges[0, 3]
    for number in (1, 2):
        x, y = bent.nodes[number]
        assert all(abs(px - x) > 30 for px, py in route if abs(py - y) <= 10)


def test_an_edge_stops_at_its_label_and_goes_on_behind_it():
    sizes = dict.fromkeys("ab", (40.0, 20.0))
    layout = arrange(sizes, {"a": 0, "b": 1}, [("a", "b")], {("a", "b"): (30.0, 12.0)})
    above, below = layout.edges["a", "b"]
    centre = layout.labels["a", "b"][1]
    assert (above[-1][1], below[0][1]) == (centre - 6, centre + 6)
