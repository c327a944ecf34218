; A drawer and blocks to put away. What stands before the drawer keeps it from opening: a block is picked away, a crate,
; too wide to grasp, is pushed to a zone beside. A slot within a drawer is reached only while that is open.
(define (domain drawer)
  (:requirements :adl)
  (:types support drawer - object
          item place surface - support
          block crate - item
          slot zone - place)
  (:predicates
    (on ?x - item ?support - support)
    (clear ?support - support)
    (holding ?x - block)
    (handempty)
    (opened ?drawer - drawer)
    (closed ?drawer - drawer)
    (within ?slot - slot ?drawer - drawer)
    (before ?zone - zone ?drawer - drawer)
    (beside ?from - zone ?to - zone))
  (:action pick
    :parameters (?x - block ?from - support)
    :precondition (and (handempty) (clear ?x) (on ?x ?from)
                       (forall (?d - drawer) (imply (within ?from ?d) (opened ?d))))
    :effect (and (holding ?x) (clear ?from)
                 (not (handempty)) (not (clear ?x)) (not (on ?x ?from))))
  (:action place
    :parameters (?x - block ?place - (either slot surface))
    :precondition (and (holding ?x) (clear ?place)
                       (forall (?d - drawer) (imply (within ?place ?d) (opened ?d))))
    :effect (and (handempty) (clear ?x) (on ?x ?place) (not (holding ?x))
                 (forall (?slot - slot) (when (= ?slot ?place) (not (clear ?slot))))))
  (:action push
    :parameters (?x - crate ?from - zone ?to - zone)
    :precondition (and (handempty) (clear ?x) (on ?x ?from) (clear ?to) (beside ?from ?to))
    :effect (and (on ?x ?to) (clear ?from) (not (on ?x ?from)) (not (clear ?to))))
  (:action open
    :parameters (?drawer - drawer)
    :precondition (and (handempty) (not (opened ?drawer))
                       (forall (?zone - zone) (imply (before ?zone ?drawer) (clear ?zone))))
    :effect (and (opened ?drawer) (not (closed ?drawer))))
  (:action close
    :parameters (?drawer - drawer)
    :precondition (and (handempty) (not (closed ?drawer)))
    :effect (and (closed ?drawer) (not (opened ?drawer)))))
