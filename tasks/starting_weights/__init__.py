"""Starting weights: trained once for longer than a demo, by the project's own stages, and kept in models/weights."""
