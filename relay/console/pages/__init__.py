"""The pages: each a pure function from a frozen read model to HTML."""
