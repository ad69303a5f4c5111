"""The HTML report: what was run, what came out, what was rejected."""
