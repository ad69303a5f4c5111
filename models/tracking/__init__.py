"""From poses to tracks: recovery, similarities, association, duplicate removal and merging (section 5, A.3, A.4)."""
