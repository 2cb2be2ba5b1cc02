-- Who was shown card numbers in clear, and why. Written before anything is shown; never changed, never removed, and never
-- with a card number in it.
CREATE TABLE reveal (
    reveal_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token        text NOT NULL UNIQUE, -- drawn by whoever asked: what is read back before anything is shown
    at_ms        bigint NOT NULL,      -- UTC epoch milliseconds
    who          text NOT NULL,
    reason       text NOT NULL,
    uid          bigint NOT NULL,      -- of the operating system of the host where it was asked
    asked        text NOT NULL,        -- in words
    exchange_ids text NOT NULL         -- a JSON list: whose card numbers were shown
);

CREATE FUNCTION reveal_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a record of a reveal is never changed or removed';
END $$;

CREATE TRIGGER reveal_is_final BEFORE UPDATE OR DELETE ON reveal FOR EACH ROW EXECUTE FUNCTION reveal_is_final();
CREATE TRIGGER reveal_is_kept BEFORE TRUNCATE ON reveal FOR EACH STATEMENT EXECUTE FUNCTION reveal_is_final();
