; Towers of Hanoi for an arm: a disc is picked from what it lies on and placed on a larger disc or on a peg.
; The table is a support from which a fallen disc can be picked; nothing is smaller than it, so no plan puts one there.
(define (domain hanoi)
  (:requirements :strips :typing)
  (:types disc peg surface - support)
  (:predicates
    (on ?disc - disc ?support - support)
    (clear ?support - support)
    (holding ?disc - disc)
    (handempty)
    (smaller ?disc - disc ?support - support))
  (:action pick
    :parameters (?disc - disc ?from - support)
    :precondition (and (handempty) (clear ?disc) (on ?disc ?from))
    :effect (and (holding ?disc) (clear ?from)
                 (not (handempty)) (not (clear ?disc)) (not (on ?disc ?from))))
  (:action place
    :parameters (?disc - disc ?onto - support)
    :precondition (and (holding ?disc) (clear ?onto) (smaller ?disc ?onto))
    :effect (and (handempty) (clear ?disc) (on ?disc ?onto)
                 (not (holding ?disc)) (not (clear ?onto)))))
