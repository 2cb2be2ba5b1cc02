-- Messages that the core started, one row each. Their order on a line is that of outbound_id.
CREATE TABLE outbound (
    outbound_id INTEGER PRIMARY KEY,
    key         TEXT NOT NULL,    -- the core's Idempotency-Key
    listener    TEXT NOT NULL,
    line        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    body        BLOB NOT NULL,    -- nonce, AES-GCM ciphertext, tag; empty after the body window
    fingerprint BLOB NOT NULL,    -- keyed, 16 bytes
    recorded_ms INTEGER NOT NULL, -- UTC epoch milliseconds, as all times here
    state       TEXT NOT NULL,
    detail      TEXT NOT NULL,
    updated_ms  INTEGER NOT NULL, -- when the state was entered
    sent_ms     INTEGER,          -- when the intent to send became durable
    reported    TEXT NOT NULL,    -- the state that the core has confirmed to have heard of, or empty
    -- Waits for its line, for the core's confirmation, or (unknown) for a person.
    is_open     INTEGER NOT NULL GENERATED ALWAYS AS (state IN ('queued', 'sent', 'unknown') OR reported <> state) VIRTUAL
) STRICT;

-- The index that arbitrates repeats.
CREATE UNIQUE INDEX outbound_key ON outbound (key);
CREATE INDEX outbound_open ON outbound (is_open) WHERE is_open;
-- What is forgotten, oldest first: keys, and much earlier bodies.
CREATE INDEX outbound_updated ON outbound (updated_ms);
CREATE INDEX outbound_body ON outbound (updated_ms) WHERE body <> x'';
