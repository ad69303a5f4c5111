"""Corpora in object stores: what the driver of a run and workers on other nodes need to read them."""
