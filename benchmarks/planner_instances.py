"""The tasks that the planner benchmark is run on: a dozen families of PDDL tasks, drawn from seeds, in two frozen halves.

    python benchmarks/planner_instances.py                 # lists the instances and their common fingerprint
    python benchmarks/planner_instances.py --write FOLDER  # and writes them as PDDL files

Each generator is a pure function of a seed and a few sizes and returns the texts of a domain and of a problem. Seven
families are well-known benchmark domains with their usual meaning, written and drawn anew here; five are tasks of an arm.
All stay within STRIPS and typing, without negative preconditions, so that every planner compared can read them. Every
task drawn can be solved, and none is solved at the start.

``INSTANCES`` is split in halves before anything is tuned: planners are tuned on ``"development"`` only, and ``"held-out"``
is what results are reported on. Both halves have the same families and sizes with other seeds; where a seed makes no
difference (the standard tasks of Hanoi and gripper, seed 0), sizes alternate. How hard the sizes are was looked at with
Fast Downward and pyperplan, on the development half alone. A fingerprint of all texts is kept, so that a change shows.
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

Texts = tuple[str, str]
"""The text of a domain and the text of a problem."""
Split = Literal["development", "held-out"]

FINGERPRINT = "ff162339fe0ccfb3"
"""What :func:`fingerprint` gave when the list was frozen."""

_ROBOT_HANOI = Path(__file__).parents[1] / "envs" / "tasks" / "hanoi.pddl"


# --------------------------------------------------------------------------------------------------------------- Hanoi

_HANOI = """
; Towers of Hanoi with one operator: a disc goes from what it lies on to a larger disc or to a peg.
(define (domain hanoi-classical)
  (:requirements :strips :typing)
  (:types support - object disc peg - support)
  (:predicates (on ?d - disc ?s - support) (clear ?s - support) (smaller ?d - disc ?s - support))
  (:action move
    :parameters (?d - disc ?from ?to - support)
    :precondition (and (clear ?d) (on ?d ?from) (clear ?to) (smaller ?d ?to))
    :effect (and (on ?d ?to) (clear ?from) (not (on ?d ?from)) (not (clear ?to)))))
"""


def hanoi(seed: int, discs: int) -> Texts:
    """Seed 0: the whole tower from the first peg to the third. Others: from a random legal state to another."""
    draw = random.Random(seed)
    start, end = _two_peg_states(draw, discs) if seed else ([0] * discs, [2] * discs)
    names = [f"d{i}" for i in range(1, discs + 1)]
    init, goal = _piled(names, start), _piled(names, end)
    return _HANOI, _hanoi_problem("hanoi-classical", names, init, goal, {})


def robot_hanoi(seed: int, discs: int) -> Texts:
    """The robot's own domain: pick and place. Seeds other than 0 may also have a disc that has fallen on the table."""
    draw = random.Random(seed)
    start, end = _two_peg_states(draw, discs) if seed else ([0] * discs, [2] * discs)
    names = [f"d{i}" for i in range(1, discs + 1)]
    fallen = names[draw.randrange(discs)] if seed and draw.random() < 0.5 else None
    init = _piled([n for n in names if n != fallen], [p for n, p in zip(names, start, strict=True) if n != fallen])
    if fallen:
        init += [f"on {fallen} table", f"clear {fallen}"]
    init += ["handempty", "clear table"]
    # pyperplan wants every type declared, parents too; all other planners read the same either way.
    domain = _ROBOT_HANOI.read_text().replace("(:types disc", "(:types support - object disc")
    return domain, _hanoi_problem("hanoi", names, init, _piled(names, end), {"surface": ["table"]})


def _two_peg_states(draw: random.Random, discs: int) -> tuple[list[int], list[int]]:
    """Two legal states, as the peg of each disc; the largest disc must move, or the task is that of fewer discs."""
    start, end = ([draw.randrange(3) for _ in range(discs)] for _ in range(2))
    end[-1] = (start[-1] + draw.randint(1, 2)) % 3
    return start, end


def _piled(discs: Sequence[str], pegs: Sequence[int]) -> list[str]:
    """The facts ``on`` and ``clear`` of a legal state; discs come smallest first."""
    facts = []
    for peg in range(3):
        pile = [name for name, at in zip(discs, pegs, strict=True) if at == peg] + [f"peg{peg}"]
        facts += [f"on {upper} {lower}" for upper, lower in pairwise(pile)] + [f"clear {pile[0]}"]
    return facts


def _hanoi_problem(
    domain: str, discs: Sequence[str], init: list[str], goal: list[str], more: Mapping[str, Sequence[str]]
) -> str:
    pegs = ["peg0", "peg1", "peg2"]
    smaller = [f"smaller {d} {s}" for i, d in enumerate(discs) for s in (*discs[i + 1 :], *pegs)]
    wanted = [fact for fact in goal if fact.startswith("on ")]
    return _problem(domain, {"disc": discs, "peg": pegs, **more}, init + smaller, wanted)


# ------------------------------------------------------------------------------------------------------ towers of blocks

_BLOCKSWORLD = """
; Blocks on a table that has room for all of them, and one hand.
(define (domain blocksworld)
  (:requirements :strips :typing)
  (:types block)
  (:predicates (on ?a ?b - block) (ontable ?a - block) (clear ?a - block) (holding ?a - block) (handempty))
  (:action pick-up
    :parameters (?a - block)
    :precondition (and (handempty) (clear ?a) (ontable ?a))
    :effect (and (holding ?a) (not (handempty)) (not (clear ?a)) (not (ontable ?a))))
  (:action put-down
    :parameters (?a - block)
    :precondition (holding ?a)
    :effect (and (handempty) (clear ?a) (ontable ?a) (not (holding ?a))))
  (:action stack
    :parameters (?a ?b - block)
    :precondition (and (holding ?a) (clear ?b))
    :effect (and (handempty) (clear ?a) (on ?a ?b) (not (holding ?a)) (not (clear ?b))))
  (:action unstack
    :parameters (?a ?b - block)
    :precondition (and (handempty) (clear ?a) (on ?a ?b))
    :effect (and (holding ?a) (clear ?b) (not (handempty)) (not (clear ?a)) (not (on ?a ?b)))))
"""

_ROBOT_STACK = """
; An arm stacks named blocks; the table has only a few places for them.
(define (domain robot-stack)
  (:requirements :strips :typing)
  (:types block place)
  (:predicates (at ?b - block ?p - place) (on ?b ?c - block) (clear ?b - block) (free ?p - place)
               (holding ?b - block) (handempty))
  (:action pick
    :parameters (?b - block ?p - place)
    :precondition (and (handempty) (clear ?b) (at ?b ?p))
    :effect (and (holding ?b) (free ?p) (not (handempty)) (not (clear ?b)) (not (at ?b ?p))))
  (:action place
    :parameters (?b - block ?p - place)
    :precondition (and (holding ?b) (free ?p))
    :effect (and (handempty) (clear ?b) (at ?b ?p) (not (holding ?b)) (not (free ?p))))
  (:action unstack
    :parameters (?b ?c - block)
    :precondition (and (handempty) (clear ?b) (on ?b ?c))
    :effect (and (holding ?b) (clear ?c) (not (handempty)) (not (clear ?b)) (not (on ?b ?c))))
  (:action stack
    :parameters (?b ?c - block)
    :precondition (and (holding ?b) (clear ?c))
    :effect (and (handempty) (clear ?b) (on ?b ?c) (not (holding ?b)) (not (clear ?c)))))
"""


def blocksworld(seed: int, blocks: int) -> Texts:
    """Random towers to random towers."""
    draw, names = random.Random(seed), [f"b{i}" for i in range(1, blocks + 1)]
    start = _towers(draw, names, blocks)
    init = [*_stacked(start), *(f"ontable {t[0]}" for t in start), *(f"clear {t[-1]}" for t in start), "handempty"]
    goal = _until(lambda: _stacked(_towers(draw, names, blocks)), init)
    return _BLOCKSWORLD, _problem("blocksworld", {"block": names}, init, goal)


def robot_stack(seed: int, blocks: int, places: int) -> Texts:
    """Random towers on the places to other towers on named places; with few places, towers are in each other's way."""
    draw, names = random.Random(seed), [f"block{i}" for i in range(1, blocks + 1)]
    spots = [f"place{i}" for i in range(1, places + 1)]

    def towers() -> tuple[list[list[str]], list[str]]:
        built = _towers(draw, names, places - 1)
        return built, draw.sample(spots, len(built))

    start, at = towers()
    init = _stacked(start) + [f"at {t[0]} {p}" for t, p in zip(start, at, strict=True)]
    init += [f"clear {t[-1]}" for t in start] + [f"free {p}" for p in spots if p not in at] + ["handempty"]

    def wish() -> list[str]:
        wanted, where = towers()
        return _stacked(wanted) + [f"at {t[0]} {p}" for t, p in zip(wanted, where, strict=True)]

    return _ROBOT_STACK, _problem("robot-stack", {"block": names, "place": spots}, init, _until(wish, init))


def _towers(draw: random.Random, names: Sequence[str], most: int) -> list[list[str]]:
    """All ``names`` in at most ``most`` random towers, each lowest first."""
    towers: list[list[str]] = []
    for name in draw.sample(list(names), len(names)):
        at = draw.randrange(len(towers) + 1)
        if at == len(towers) < most:
            towers.append([name])
        else:
            towers[min(at, len(towers) - 1)].append(name)
    return towers


def _stacked(towers: Iterable[Sequence[str]]) -> list[str]:
    return [f"on {upper} {lower}" for tower in towers for lower, upper in pairwise(tower)]


# ----------------------------------------------------------------------------------------------------------- transport

_GRIPPER = """
; A robot with two grippers carries balls from room to room.
(define (domain gripper)
  (:requirements :strips :typing)
  (:types room ball gripper)
  (:predicates (robot-in ?r - room) (lies-in ?b - ball ?r - room) (free ?g - gripper) (carries ?g - gripper ?b - ball))
  (:action move
    :parameters (?from ?to - room)
    :precondition (robot-in ?from)
    :effect (and (not (robot-in ?from)) (robot-in ?to)))
  (:action pick
    :parameters (?b - ball ?r - room ?g - gripper)
    :precondition (and (lies-in ?b ?r) (robot-in ?r) (free ?g))
    :effect (and (carries ?g ?b) (not (lies-in ?b ?r)) (not (free ?g))))
  (:action drop
    :parameters (?b - ball ?r - room ?g - gripper)
    :precondition (and (carries ?g ?b) (robot-in ?r))
    :effect (and (lies-in ?b ?r) (free ?g) (not (carries ?g ?b)))))
"""

_LOGISTICS = """
; Trucks carry packages within a city, airplanes from airport to airport.
(define (domain logistics)
  (:requirements :strips :typing)
  (:types thing location city - object
          package vehicle - thing
          truck airplane - vehicle
          airport - location)
  (:predicates (in-city ?l - location ?c - city) (at ?t - thing ?l - location) (inside ?p - package ?v - vehicle))
  (:action load
    :parameters (?p - package ?v - vehicle ?l - location)
    :precondition (and (at ?v ?l) (at ?p ?l))
    :effect (and (inside ?p ?v) (not (at ?p ?l))))
  (:action unload
    :parameters (?p - package ?v - vehicle ?l - location)
    :precondition (and (at ?v ?l) (inside ?p ?v))
    :effect (and (at ?p ?l) (not (inside ?p ?v))))
  (:action drive
    :parameters (?t - truck ?from ?to - location ?c - city)
    :precondition (and (at ?t ?from) (in-city ?from ?c) (in-city ?to ?c))
    :effect (and (not (at ?t ?from)) (at ?t ?to)))
  (:action fly
    :parameters (?a - airplane ?from ?to - airport)
    :precondition (at ?a ?from)
    :effect (and (not (at ?a ?from)) (at ?a ?to))))
"""

_DEPOT = """
; Crates are stacked on pallets by hoists and carried between places by trucks.
(define (domain depot)
  (:requirements :strips :typing)
  (:types place locatable - object
          depot distributor - place
          truck hoist surface - locatable
          pallet crate - surface)
  (:predicates (at ?x - locatable ?p - place) (on ?c - crate ?s - surface) (in ?c - crate ?t - truck)
               (lifting ?h - hoist ?c - crate) (available ?h - hoist) (clear ?s - surface))
  (:action drive
    :parameters (?t - truck ?from ?to - place)
    :precondition (at ?t ?from)
    :effect (and (not (at ?t ?from)) (at ?t ?to)))
  (:action lift
    :parameters (?h - hoist ?c - crate ?s - surface ?p - place)
    :precondition (and (at ?h ?p) (available ?h) (at ?c ?p) (on ?c ?s) (clear ?c))
    :effect (and (lifting ?h ?c) (clear ?s)
                 (not (available ?h)) (not (at ?c ?p)) (not (on ?c ?s)) (not (clear ?c))))
  (:action drop
    :parameters (?h - hoist ?c - crate ?s - surface ?p - place)
    :precondition (and (at ?h ?p) (lifting ?h ?c) (at ?s ?p) (clear ?s))
    :effect (and (available ?h) (at ?c ?p) (on ?c ?s) (clear ?c) (not (lifting ?h ?c)) (not (clear ?s))))
  (:action load
    :parameters (?h - hoist ?c - crate ?t - truck ?p - place)
    :precondition (and (at ?h ?p) (at ?t ?p) (lifting ?h ?c))
    :effect (and (in ?c ?t) (available ?h) (not (lifting ?h ?c))))
  (:action unload
    :parameters (?h - hoist ?c - crate ?t - truck ?p - place)
    :precondition (and (at ?h ?p) (at ?t ?p) (available ?h) (in ?c ?t))
    :effect (and (lifting ?h ?c) (not (available ?h)) (not (in ?c ?t)))))
"""

_DRIVERLOG = """
; Trucks need drivers; trucks drive along roads, drivers walk along paths.
(define (domain driverlog)
  (:requirements :strips :typing)
  (:types location locatable - object
          driver truck package - locatable)
  (:predicates (at ?x - locatable ?l - location) (in ?p - package ?t - truck) (driving ?d - driver ?t - truck)
               (road ?a ?b - location) (path ?a ?b - location) (empty ?t - truck))
  (:action load
    :parameters (?p - package ?t - truck ?l - location)
    :precondition (and (at ?t ?l) (at ?p ?l))
    :effect (and (in ?p ?t) (not (at ?p ?l))))
  (:action unload
    :parameters (?p - package ?t - truck ?l - location)
    :precondition (and (at ?t ?l) (in ?p ?t))
    :effect (and (at ?p ?l) (not (in ?p ?t))))
  (:action board
    :parameters (?d - driver ?t - truck ?l - location)
    :precondition (and (at ?t ?l) (at ?d ?l) (empty ?t))
    :effect (and (driving ?d ?t) (not (at ?d ?l)) (not (empty ?t))))
  (:action disembark
    :parameters (?d - driver ?t - truck ?l - location)
    :precondition (and (at ?t ?l) (driving ?d ?t))
    :effect (and (at ?d ?l) (empty ?t) (not (driving ?d ?t))))
  (:action drive
    :parameters (?t - truck ?from ?to - location ?d - driver)
    :precondition (and (at ?t ?from) (driving ?d ?t) (road ?from ?to))
    :effect (and (at ?t ?to) (not (at ?t ?from))))
  (:action walk
    :parameters (?d - driver ?from ?to - location)
    :precondition (and (at ?d ?from) (path ?from ?to))
    :effect (and (at ?d ?to) (not (at ?d ?from)))))
"""

_MICONIC = """
; One lift takes passengers to their floors.
(define (domain miconic)
  (:requirements :strips :typing)
  (:types passenger floor)
  (:predicates (waits ?p - passenger ?f - floor) (wants ?p - passenger ?f - floor) (above ?low ?high - floor)
               (boarded ?p - passenger) (served ?p - passenger) (lift-at ?f - floor))
  (:action board
    :parameters (?p - passenger ?f - floor)
    :precondition (and (lift-at ?f) (waits ?p ?f))
    :effect (boarded ?p))
  (:action depart
    :parameters (?p - passenger ?f - floor)
    :precondition (and (lift-at ?f) (wants ?p ?f) (boarded ?p))
    :effect (and (served ?p) (not (boarded ?p))))
  (:action up
    :parameters (?from ?to - floor)
    :precondition (and (lift-at ?from) (above ?from ?to))
    :effect (and (lift-at ?to) (not (lift-at ?from))))
  (:action down
    :parameters (?from ?to - floor)
    :precondition (and (lift-at ?from) (above ?to ?from))
    :effect (and (lift-at ?to) (not (lift-at ?from)))))
"""


def gripper(seed: int, balls: int) -> Texts:
    """Seed 0: all balls from one room to the other. Others: each ball starts in a random room and must change it."""
    draw, names = random.Random(seed), [f"ball{i}" for i in range(1, balls + 1)]
    rooms, grippers = ["rooma", "roomb"], ["left", "right"]
    start = [draw.randrange(2) if seed else 0 for _ in names]
    init = [f"robot-in {rooms[draw.randrange(2) if seed else 0]}", *(f"free {g}" for g in grippers)]
    init += [f"lies-in {b} {rooms[r]}" for b, r in zip(names, start, strict=True)]
    goal = [f"lies-in {b} {rooms[1 - r]}" for b, r in zip(names, start, strict=True)]
    return _GRIPPER, _problem("gripper", {"room": rooms, "ball": names, "gripper": grippers}, init, goal)


def logistics(seed: int, cities: int, places: int, airplanes: int, packages: int) -> Texts:
    """Each city has one truck and ``places`` locations, the first of them an airport."""
    draw = random.Random(seed)
    of_city = [[f"c{c}l{i}" for i in range(places)] for c in range(cities)]
    spots, airports = [spot for city in of_city for spot in city], [city[0] for city in of_city]
    trucks, planes = [f"truck{c}" for c in range(cities)], [f"plane{i}" for i in range(airplanes)]
    parcels = [f"package{i}" for i in range(packages)]
    init = [f"in-city {spot} city{c}" for c, city in enumerate(of_city) for spot in city]
    init += [f"at {truck} {draw.choice(city)}" for truck, city in zip(trucks, of_city, strict=True)]
    init += [f"at {plane} {draw.choice(airports)}" for plane in planes]
    goal = []
    for parcel in parcels:
        begin, end = draw.sample(spots, 2)
        init.append(f"at {parcel} {begin}")
        goal.append(f"at {parcel} {end}")
    objects = {
        "truck": trucks,
        "airplane": planes,
        "package": parcels,
        "airport": airports,
        "location": [spot for spot in spots if spot not in airports],
        "city": [f"city{c}" for c in range(cities)],
    }
    return _LOGISTICS, _problem("logistics", objects, init, goal)


def depot(seed: int, places: int, trucks: int, crates: int) -> Texts:
    """A third of the places (at least one) are depots; each place has a hoist and a pallet, one has a second pallet."""
    draw = random.Random(seed)
    depots = [f"depot{i}" for i in range(max(1, places // 3))]
    sites = depots + [f"distributor{i}" for i in range(places - len(depots))]
    pallet_at = {f"pallet{i}": site for i, site in enumerate((*sites, draw.choice(sites)))}
    names, lorries, hoists = [f"crate{i}" for i in range(crates)], [f"truck{i}" for i in range(trucks)], []

    def piles(some: Sequence[str]) -> list[list[str]]:
        built: list[list[str]] = [[pallet] for pallet in pallet_at]
        for crate in draw.sample(list(some), len(some)):
            draw.choice(built).append(crate)
        return built

    init = []
    for i, site in enumerate(sites):
        hoists.append(f"hoist{i}")
        init += [f"at hoist{i} {site}", f"available hoist{i}"]
    init += [f"at {lorry} {draw.choice(sites)}" for lorry in lorries]
    init += [f"at {pallet} {site}" for pallet, site in pallet_at.items()]
    for pile in (start := piles(names)):
        init += [f"at {crate} {pallet_at[pile[0]]}" for crate in pile[1:]] + [f"clear {pile[-1]}"]
    init += _stacked(start)
    wanted = draw.sample(names, max(1, round(0.8 * crates)))
    goal = _until(lambda: _stacked(piles(wanted)), init)
    objects = {"depot": depots, "distributor": sites[len(depots) :], "pallet": list(pallet_at)}
    objects |= {"crate": names, "truck": lorries, "hoist": hoists}
    return _DEPOT, _problem("depot", objects, init, goal)


def driverlog(seed: int, locations: int, drivers: int, trucks: int, packages: int) -> Texts:
    """Roads and paths are two random connected graphs; a path passes through a point where no truck can stand."""
    draw = random.Random(seed)
    spots, points, facts = [f"s{i}" for i in range(locations)], [], []
    for i, j in _graph(draw, locations):
        facts += [f"road s{i} s{j}", f"road s{j} s{i}"]
    for i, j in _graph(draw, locations):
        points.append(f"p{i}-{j}")
        facts += [f"path {a} {b}" for end in (f"s{i}", f"s{j}") for a, b in ((end, points[-1]), (points[-1], end))]
    people, lorries = [f"driver{i}" for i in range(drivers)], [f"truck{i}" for i in range(trucks)]
    parcels = [f"package{i}" for i in range(packages)]
    init = facts + [f"empty {lorry}" for lorry in lorries]
    goal = []
    for name in (*people, *lorries, *parcels):
        begin, end = draw.sample(spots, 2)
        init.append(f"at {name} {begin}")
        # Every package has somewhere to go, every other driver or truck.
        if name in parcels or draw.random() < 0.5:
            goal.append(f"at {name} {end}")
    objects = {"location": spots + points, "driver": people, "truck": lorries, "package": parcels}
    return _DRIVERLOG, _problem("driverlog", objects, init, goal)


def _graph(draw: random.Random, nodes: int) -> list[tuple[int, int]]:
    """A random tree and half as many edges again, each written lower node first."""
    edges = {(draw.randrange(i), i) for i in range(1, nodes)}
    others = [(i, j) for j in range(nodes) for i in range(j) if (i, j) not in edges]
    return sorted(edges | set(draw.sample(others, min(len(others), nodes // 2))))


def miconic(seed: int, passengers: int, floors: int) -> Texts:
    draw, names = random.Random(seed), [f"p{i}" for i in range(passengers)]
    storeys = [f"f{i}" for i in range(floors)]
    init = [f"above {low} {high}" for i, low in enumerate(storeys) for high in storeys[i + 1 :]]
    for name in names:
        begin, end = draw.sample(storeys, 2)
        init += [f"waits {name} {begin}", f"wants {name} {end}"]
    init.append(f"lift-at {draw.choice(storeys)}")
    objects = {"passenger": names, "floor": storeys}
    return _MICONIC, _problem("miconic", objects, init, [f"served {name}" for name in names])


# ------------------------------------------------------------------------------------------------------ tasks of the arm

_ROBOT_SORT = """
; Blocks go into the trays they belong to. A tray, like the table, has room for only so many; levels count what is left.
(define (domain robot-sort)
  (:requirements :strips :typing)
  (:types block level container - object
          tray table - container)
  (:predicates (in ?b - block ?c - container) (room ?c - container ?l - level) (next ?less ?more - level)
               (holding ?b - block) (handempty))
  (:action pick
    :parameters (?b - block ?c - container ?less ?more - level)
    :precondition (and (handempty) (in ?b ?c) (room ?c ?less) (next ?less ?more))
    :effect (and (holding ?b) (room ?c ?more) (not (handempty)) (not (in ?b ?c)) (not (room ?c ?less))))
  (:action put
    :parameters (?b - block ?c - container ?less ?more - level)
    :precondition (and (holding ?b) (room ?c ?more) (next ?less ?more))
    :effect (and (handempty) (in ?b ?c) (room ?c ?less) (not (holding ?b)) (not (room ?c ?more)))))
"""

_ROBOT_DRAWER = """
; Drawers of a cabinet, a row of spots before it. An open drawer takes up the spot before it, so that spot must be free
; first: items are picked up, blockers are too heavy for that and are pushed to a spot beside.
(define (domain robot-drawer)
  (:requirements :strips :typing)
  (:types drawer spot thing - object
          item blocker - thing)
  (:predicates (at ?t - thing ?s - spot) (free ?s - spot) (beside ?s ?other - spot) (before ?s - spot ?d - drawer)
               (in ?i - item ?d - drawer) (opened ?d - drawer) (closed ?d - drawer) (holding ?i - item) (handempty))
  (:action open
    :parameters (?d - drawer ?s - spot)
    :precondition (and (handempty) (closed ?d) (before ?s ?d) (free ?s))
    :effect (and (opened ?d) (not (closed ?d)) (not (free ?s))))
  (:action close
    :parameters (?d - drawer ?s - spot)
    :precondition (and (handempty) (opened ?d) (before ?s ?d))
    :effect (and (closed ?d) (free ?s) (not (opened ?d))))
  (:action push
    :parameters (?b - blocker ?from ?to - spot)
    :precondition (and (handempty) (at ?b ?from) (beside ?from ?to) (free ?to))
    :effect (and (at ?b ?to) (free ?from) (not (at ?b ?from)) (not (free ?to))))
  (:action pick
    :parameters (?i - item ?s - spot)
    :precondition (and (handempty) (at ?i ?s))
    :effect (and (holding ?i) (free ?s) (not (handempty)) (not (at ?i ?s))))
  (:action place
    :parameters (?i - item ?s - spot)
    :precondition (and (holding ?i) (free ?s))
    :effect (and (handempty) (at ?i ?s) (not (holding ?i)) (not (free ?s))))
  (:action take-out
    :parameters (?i - item ?d - drawer)
    :precondition (and (handempty) (opened ?d) (in ?i ?d))
    :effect (and (holding ?i) (not (handempty)) (not (in ?i ?d))))
  (:action put-in
    :parameters (?i - item ?d - drawer)
    :precondition (and (holding ?i) (opened ?d))
    :effect (and (handempty) (in ?i ?d) (not (holding ?i)))))
"""

_ROBOT_UNPACK = """
; Things lie in a box, some on others; a thing can be taken when it bears nothing. Counts say how much a thing bears and may.
; A thing in the hand is not steady, lest it be put upon itself.
(define (domain robot-unpack)
  (:requirements :strips :typing)
  (:types count support - object
          item box spot - support)
  (:predicates (on ?i - item ?s - support) (bears ?s - support ?n - count) (may-bear ?s - support ?n - count)
               (next ?n ?m - count) (none ?n - count) (steady ?s - support) (holding ?i - item) (handempty))
  (:action pick
    :parameters (?i - item ?s - support ?zero ?n ?m - count)
    :precondition (and (handempty) (on ?i ?s) (none ?zero) (bears ?i ?zero) (bears ?s ?m) (next ?n ?m))
    :effect (and (holding ?i) (bears ?s ?n)
                 (not (handempty)) (not (on ?i ?s)) (not (bears ?s ?m)) (not (steady ?i))))
  (:action place
    :parameters (?i - item ?s - support ?n ?m - count)
    :precondition (and (holding ?i) (steady ?s) (bears ?s ?n) (next ?n ?m) (may-bear ?s ?m))
    :effect (and (handempty) (on ?i ?s) (bears ?s ?m) (steady ?i) (not (holding ?i)) (not (bears ?s ?n)))))
"""


def robot_sort(seed: int, blocks: int, trays: int) -> Texts:
    """Blocks lie in trays and on the table and belong into trays; all trays together have a place to spare."""
    draw, names = random.Random(seed), [f"block{i}" for i in range(1, blocks + 1)]
    bins = [f"tray{i}" for i in range(1, trays + 1)]
    capacity = {**dict.fromkeys(bins, -(-(blocks + 1) // trays)), "table1": 2}
    slots = [tray for tray in bins for _ in range(capacity[tray])]
    start = dict(zip(names, draw.sample([*slots, "table1", "table1"], blocks), strict=True))
    most = max(capacity.values())
    init = [f"in {block} {where}" for block, where in start.items()] + ["handempty"]
    init += [f"room {c} l{capacity[c] - list(start.values()).count(c)}" for c in capacity]
    init += [f"next l{i} l{i + 1}" for i in range(most)]

    def wish() -> list[str]:
        return [f"in {block} {tray}" for block, tray in zip(names, draw.sample(slots, blocks), strict=True)]

    objects = {"block": names, "tray": bins, "table": ["table1"], "level": [f"l{i}" for i in range(most + 1)]}
    return _ROBOT_SORT, _problem("robot-sort", objects, init, _until(wish, init))


def robot_drawer(seed: int, drawers: int, items: int, blockers: int) -> Texts:
    """Items change places, in and before the drawers, which must be closed at the end; two spots more than are taken."""
    draw, things = random.Random(seed), [f"item{i}" for i in range(1, items + 1)]
    heavy, boxes = [f"blocker{i}" for i in range(1, blockers + 1)], [f"drawer{i}" for i in range(1, drawers + 1)]
    spots = [f"spot{i}" for i in range(1, max(drawers, blockers + -(-items // 3)) + 3)]
    before = dict(zip(boxes, draw.sample(spots, drawers), strict=True))
    out = draw.sample(things, items // 3)
    # A blocker stands before a drawer while there are drawers.
    standing = [*draw.sample(list(before.values()), min(blockers, drawers))]
    others = [spot for spot in spots if spot not in standing]
    standing += draw.sample(others, blockers - len(standing) + len(out))
    where = dict(zip((*heavy, *out), standing, strict=True))
    init = [f"at {thing} {spot}" for thing, spot in where.items()]
    init += [f"free {spot}" for spot in spots if spot not in standing] + ["handempty"]
    init += [f"in {item} {draw.choice(boxes)}" for item in things if item not in out]
    init += [f"closed {box}" for box in boxes] + [f"before {spot} {box}" for box, spot in before.items()]
    init += [f"beside {a} {b}" for left, right in pairwise(spots) for a, b in ((left, right), (right, left))]

    def wish() -> list[str]:
        laid = dict(zip(draw.sample(things, -(-items // 3)), draw.sample(spots, -(-items // 3)), strict=True))
        goals = [f"at {i} {laid[i]}" if i in laid else f"in {i} {draw.choice(boxes)}" for i in things]
        return goals + [f"closed {box}" for box in boxes]

    objects = {"drawer": boxes, "spot": spots, "item": things, "blocker": heavy}
    return _ROBOT_DRAWER, _problem("robot-drawer", objects, init, _until(wish, init))


def robot_unpack(seed: int, others: int, repacked: int) -> Texts:
    """The target lies at the bottom; it goes to the hand-over, and ``repacked`` things end in the box, on its floor."""
    draw = random.Random(seed)
    items = ["target", *(f"item{i}" for i in range(1, others + 1))]
    spots = ["handover", "aside1", "aside2"]
    most = {"box1": 3, **dict.fromkeys(items, 2), **dict.fromkeys(spots, 1)}
    borne = dict.fromkeys(most, 0)
    init = []
    for item in items:
        # The first of the others lies on the target, so that at least that one is in the way.
        bearers = ["box1", *items[: items.index(item)]]
        chosen = {"target": "box1", "item1": "target"}.get(item) or draw.choice(
            [b for b in bearers if borne[b] < most[b]]
        )
        borne[chosen] += 1
        init.append(f"on {item} {chosen}")
    init += [f"bears {support} n{count}" for support, count in borne.items()]
    init += [f"may-bear {support} n{i}" for support, limit in most.items() for i in range(1, limit + 1)]
    init += [f"steady {support}" for support in most] + [
        "next n0 n1",
        "next n1 n2",
        "next n2 n3",
        "none n0",
        "handempty",
    ]
    goal = ["on target handover", *(f"on {item} box1" for item in draw.sample(items[1:], repacked))]
    objects = {"item": items, "box": ["box1"], "spot": spots, "count": ["n0", "n1", "n2", "n3"]}
    return _ROBOT_UNPACK, _problem("robot-unpack", objects, init, goal)


# ------------------------------------------------------------------------------------------------------------ the writer


def _problem(domain: str, objects: Mapping[str, Sequence[str]], init: Iterable[str], goal: Iterable[str]) -> str:
    """The text of a problem; facts come as words without parentheses."""
    return "\n".join(
        [
            f"(define (problem {domain}-task) (:domain {domain})",
            "  (:objects",
            *(f"    {' '.join(names)} - {kind}" for kind, names in objects.items() if names),
            "  )",
            "  (:init",
            *(f"    ({fact})" for fact in init),
            "  )",
            "  (:goal (and",
            *(f"    ({fact})" for fact in goal),
            "  )))",
            "",
        ]
    )


def _until(wish: Callable[[], list[str]], init: Iterable[str]) -> list[str]:
    """The first goal drawn that asks for something and does not hold already."""
    known = set(init)
    while not set(goal := wish()) - known:
        pass
    return goal


# -------------------------------------------------------------------------------------------------------- the fixed list

GENERATORS: Mapping[str, Callable[..., Texts]] = {
    "hanoi": hanoi,
    "blocksworld": blocksworld,
    "gripper": gripper,
    "logistics": logistics,
    "depot": depot,
    "driverlog": driverlog,
    "miconic": miconic,
    "robot-hanoi": robot_hanoi,
    "robot-stack": robot_stack,
    "robot-sort": robot_sort,
    "robot-drawer": robot_drawer,
    "robot-unpack": robot_unpack,
}
"""What draws each family: called with a seed and the sizes."""

SIZES: Mapping[str, Sequence[tuple[int, ...]]] = {
    "hanoi": [(7,), (9,), (11,)],
    "blocksworld": [(4,), (9,), (10,), (12,), (14,), (20,)],
    "gripper": [(7,), (10,), (14,)],
    "logistics": [(2, 2, 1, 3), (3, 3, 1, 6), (4, 3, 1, 7), (5, 3, 2, 10)],
    "depot": [(2, 1, 2), (3, 2, 4), (3, 2, 5), (4, 2, 7)],
    "driverlog": [(3, 1, 1, 2), (5, 2, 2, 5), (6, 2, 2, 7), (8, 3, 3, 8)],
    "miconic": [(3, 6), (10, 20), (18, 36), (30, 60)],
    "robot-hanoi": [(4,), (7,), (9,)],
    "robot-stack": [(3, 4), (7, 3), (8, 4), (12, 4)],
    "robot-sort": [(4, 2), (10, 3), (14, 4), (20, 4)],
    "robot-drawer": [(1, 2, 1), (2, 6, 2), (3, 7, 3), (3, 10, 4)],
    "robot-unpack": [(2, 0), (5, 1), (6, 2), (10, 2)],
}
"""Sizes that are drawn once for each half."""

STANDARD: Mapping[str, Sequence[tuple[int, ...]]] = {
    "hanoi": [(3,), (4,), (6,), (8,)],
    "gripper": [(2,), (4,), (8,), (6,), (16,), (20,)],
    "robot-hanoi": [(3,), (5,)],
}
"""Sizes of the standard task (seed 0), of which there is only one: these go to the halves in turn."""

SPLITS: tuple[Split, Split] = ("development", "held-out")
_FIRST_SEED: Mapping[Split, int] = {"development": 1001, "held-out": 2001}


@dataclass(frozen=True)
class Instance:
    """One task of the list; its texts are drawn when asked for."""

    family: str
    parameters: tuple[int, ...]
    seed: int
    split: Split

    @property
    def name(self) -> str:
        sizes = "-".join(map(str, self.parameters))
        return f"{self.family}/{sizes}" + (f"#{self.seed}" if self.seed else "")

    def texts(self) -> Texts:
        """Domain and problem."""
        return GENERATORS[self.family](self.seed, *self.parameters)


def _instances() -> tuple[Instance, ...]:
    found = []
    for family in GENERATORS:
        for i, sizes in enumerate(STANDARD.get(family, ())):
            found.append(Instance(family, sizes, 0, SPLITS[i % 2]))
        for split in SPLITS:
            found += [Instance(family, sizes, _FIRST_SEED[split] + i, split) for i, sizes in enumerate(SIZES[family])]
    return tuple(found)


INSTANCES: tuple[Instance, ...] = _instances()


def fingerprint(instances: Iterable[Instance] = INSTANCES) -> str:
    """A hash of all texts, names and halves."""
    told = hashlib.sha256()
    for instance in instances:
        told.update("\0".join((instance.name, instance.split, *instance.texts())).encode())
    return told.hexdigest()[:16]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="FOLDER")
    folder: Path | None = parser.parse_args().write
    for instance in INSTANCES:
        domain, problem = instance.texts()
        print(f"{instance.split:12} {instance.name}")
        if folder:
            place = folder / instance.split / instance.name.replace("/", "-").replace("#", "-s")
            place.mkdir(parents=True, exist_ok=True)
            (place / "domain.pddl").write_text(domain)
            (place / "problem.pddl").write_text(problem)
    found = fingerprint()
    print(f"{len(INSTANCES)} instances, fingerprint {found}, {'as frozen' if found == FINGERPRINT else 'CHANGED'}")


if __name__ == "__main__":
    main()
