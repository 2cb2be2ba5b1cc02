"""Histories of two relay centers, one of which is lost and taken over by the other."""
