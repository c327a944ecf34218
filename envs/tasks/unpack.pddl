; Fetch what lies under or behind others: these are taken off, or out of the way, first, and go back afterwards.
; What stands before a place hides it: nothing is taken from there or put there until that other place is clear.
(define (domain unpack)
  (:requirements :adl)
  (:types support - object
          block place surface - support
          cube post - block)
  (:predicates
    (on ?x - block ?support - support)
    (clear ?support - support)
    (holding ?x - block)
    (handempty)
    (before ?outer - place ?inner - place))
  (:action pick
    :parameters (?x - block ?from - support)
    :precondition (and (handempty) (clear ?x) (on ?x ?from)
                       (forall (?outer - place) (imply (before ?outer ?from) (clear ?outer))))
    :effect (and (holding ?x) (clear ?from)
                 (not (handempty)) (not (clear ?x)) (not (on ?x ?from))))
  (:action place
    :parameters (?x - block ?place - (either place surface))
    :precondition (and (holding ?x) (clear ?place)
                       (forall (?outer - place) (imply (before ?outer ?place) (clear ?outer))))
    :effect (and (handempty) (clear ?x) (on ?x ?place) (not (holding ?x))
                 (forall (?p - place) (when (= ?p ?place) (not (clear ?p))))))
  (:action stack
    :parameters (?x - cube ?block - cube)
    :precondition (and (holding ?x) (clear ?block)
                       (forall (?outer ?inner - place)
                         (imply (and (before ?outer ?inner) (on ?block ?inner)) (clear ?outer))))
    :effect (and (handempty) (clear ?x) (on ?x ?block)
                 (not (holding ?x)) (not (clear ?block)))))
