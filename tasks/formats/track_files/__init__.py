"""Writers of tracks for people's own tools: tables, boxes, annotation tools."""
