"""The paper's figures 4, 6, 9 and 10 on this corpus, their examples chosen by rule from the tables."""
