-- Who was shown card numbers in clear, and why. Written before anything is shown; never changed, never removed, and never
-- with a card number in it.
CREATE TABLE reveal (
    reveal_id    INTEGER PRIMARY KEY,
    token        TEXT NOT NULL UNIQUE,  -- drawn by whoever asked: what is read back before anything is shown
    at_ms        INTEGER NOT NULL,      -- UTC epoch milliseconds
    who          TEXT NOT NULL,
    reason       TEXT NOT NULL,
    uid          INTEGER NOT NULL,      -- of the operating system, as the kernel says
    asked        TEXT NOT NULL,         -- in words
    exchange_ids TEXT NOT NULL          -- a JSON list: whose card numbers were shown
) STRICT;

CREATE TRIGGER reveal_stays BEFORE DELETE ON reveal
BEGIN SELECT RAISE(ABORT, 'a record of a reveal is never removed'); END;

CREATE TRIGGER reveal_is_final BEFORE UPDATE ON reveal
BEGIN SELECT RAISE(ABORT, 'a record of a reveal is never changed'); END;
