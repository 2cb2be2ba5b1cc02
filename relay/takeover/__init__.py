"""Taking over the journal of the other relay center, once that is lost: fence it, promote its copy, carry its business
to an end.
"""
