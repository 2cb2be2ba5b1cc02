"""Branch terminals, profile branch-p1: counters, back office and ATMs of a branch. README.md says where to begin."""
