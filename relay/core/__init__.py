"""The core: the REST contract, how it is found, how it is called, and what its answers mean."""
