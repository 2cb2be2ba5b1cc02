"""The lab: two relay centers, two regions and everything between them, on one machine, in network namespaces."""
