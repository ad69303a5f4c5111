"""Poses that another program estimated: readers of its files, one module per family, found by content (`registry`)."""
