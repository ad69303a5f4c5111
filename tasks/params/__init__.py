"""The numbers of a run: params.yaml as typed, checked, frozen sections, one file for each.

A stage imports its own section. `Params`, which holds all of them, is imported by stages for type checking only: the
modules that a stage runs decide when it is stale.
"""
