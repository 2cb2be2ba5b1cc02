-- Messages that the core started, one row each. Their order on a line is that of outbound_id.
CREATE TABLE outbound (
    outbound_id bigint PRIMARY KEY,
    key         text COLLATE "C" NOT NULL, -- the core's Idempotency-Key
    listener    text NOT NULL,
    line        text NOT NULL,
    kind        text NOT NULL,
    body        bytea NOT NULL,   -- nonce, AES-GCM ciphertext, tag; empty after the body window
    fingerprint bytea NOT NULL,   -- keyed, 16 bytes
    recorded_ms bigint NOT NULL,  -- UTC epoch milliseconds, as all times here
    state       text NOT NULL,
    detail      text NOT NULL,
    updated_ms  bigint NOT NULL,  -- when the state was entered
    sent_ms     bigint,           -- when the intent to send became durable
    reported    text NOT NULL,    -- the state that the core has confirmed to have heard of, or empty
    -- Waits for its line, for the core's confirmation, or (unknown) for a person.
    is_open     boolean NOT NULL GENERATED ALWAYS AS (state IN ('queued', 'sent', 'unknown') OR reported <> state) STORED
);

-- The index that arbitrates repeats.
CREATE UNIQUE INDEX outbound_key ON outbound (key);
CREATE INDEX outbound_open ON outbound (outbound_id) WHERE is_open;
-- What is forgotten, oldest first: keys, and much earlier bodies.
CREATE INDEX outbound_updated ON outbound (updated_ms);
CREATE INDEX outbound_body ON outbound (updated_ms) WHERE body <> '\x';
