"""Charts as SVG text that needs no script, the same bytes for the same numbers; colours come from the page's style."""
