; Towers of blocks on a bare table, one block at a time (the blocks world): a block is picked from what it stands on, and
; placed on the table or stacked on another block. The table always has room.
(define (domain stack)
  (:requirements :strips :typing)
  (:types block surface - support)
  (:predicates
    (on ?x - block ?support - support)
    (clear ?support - support)
    (holding ?x - block)
    (handempty))
  (:action pick
    :parameters (?x - block ?from - support)
    :precondition (and (handempty) (clear ?x) (on ?x ?from))
    :effect (and (holding ?x) (clear ?from)
                 (not (handempty)) (not (clear ?x)) (not (on ?x ?from))))
  (:action place
    :parameters (?x - block ?place - surface)
    :precondition (holding ?x)
    :effect (and (handempty) (clear ?x) (on ?x ?place)
                 (not (holding ?x))))
  (:action stack
    :parameters (?x - block ?block - block)
    :precondition (and (holding ?x) (clear ?block))
    :effect (and (handempty) (clear ?x) (on ?x ?block)
                 (not (holding ?x)) (not (clear ?block)))))
