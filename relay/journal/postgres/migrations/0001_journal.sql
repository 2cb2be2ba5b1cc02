-- What the journal is made of, as migrations/0001_journal.sql of SQLite. A migration is one transaction, never edited once
-- shipped: change comes as the next number. No foreign keys: each would lock and rewrite the referenced row for every record;
-- write_group (0004) checks instead, and `relay journal verify` once more.

-- Single values: incarnation, region-epoch ratchet, the floor of recorded exchanges, where the body walk stands.
CREATE TABLE meta (
    name  text PRIMARY KEY,
    value bigint NOT NULL
);

-- Which key the card numbers were sealed with.
CREATE TABLE key_check (
    only_one  boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    key_check bytea NOT NULL,
    key_id    text NOT NULL
);

-- One row per message that became ours, written once. After the body window `request` and `pan` are blanked; the key stays.
-- The order of the columns is that of the records bound (relay/journal/rows.py).
CREATE TABLE taken (
    exchange_id   bigint PRIMARY KEY,
    key           text COLLATE "C" NOT NULL,
    listener      text NOT NULL,
    realm         text NOT NULL,
    terminal      text NOT NULL,
    message_class text NOT NULL,
    kind          text NOT NULL,
    policy        text NOT NULL,
    fingerprint   bytea NOT NULL,  -- keyed, 16 bytes
    recorded_ms   bigint NOT NULL, -- UTC epoch milliseconds
    request       bytea NOT NULL,  -- packed, less everything law 9 forbids
    pan           bytea,           -- nonce, AES-GCM ciphertext, tag
    pan_hash      bytea,           -- keyed, 16 bytes: to search by PAN
    amount_minor  bigint,
    currency      text NOT NULL,
    business_date text NOT NULL,
    original_key  text COLLATE "C" NOT NULL,
    epoch         bigint NOT NULL,
    incarnation   bigint NOT NULL
);

-- The index that arbitrates duplicates (law 2).
CREATE UNIQUE INDEX taken_key ON taken (key);

-- Where an exchange stands. No row means: recorded, and nothing else yet. Apart from `taken`, so that the happy path only
-- ever appends.
CREATE TABLE standing (
    exchange_id    bigint PRIMARY KEY,
    state          text NOT NULL,
    attention      integer NOT NULL, -- 0 closed, 1 open, 2 on the person's list
    updated_ms     bigint NOT NULL,
    verdict        text,             -- the reply intent: verdict, code, data; all or none
    code           text,
    data           bytea,
    epoch          bigint,
    outcome        bytea,            -- packed; evidence, kept also when late
    standing_minor bigint,
    tries          bigint
);

-- Empty on the happy path: an answered exchange never enters it.
CREATE INDEX standing_attention ON standing (attention) WHERE attention > 0;

-- Everything that is not the happy path, one line each.
CREATE TABLE history (
    line_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exchange_id bigint NOT NULL,
    at_ms       bigint NOT NULL,
    event       text NOT NULL,
    state       text NOT NULL,
    detail      text NOT NULL
);

CREATE INDEX history_exchange ON history (exchange_id);

-- Sequence numbers and serials of a link, durable.
CREATE TABLE link_variable (
    link_name text NOT NULL,
    name      text NOT NULL,
    value     bytea NOT NULL,
    PRIMARY KEY (link_name, name)
);

-- Exchanges whose body outlived the body window because they were still open or listed when the walk came by.
CREATE TABLE body_kept (
    exchange_id bigint PRIMARY KEY
);

CREATE VIEW exchange AS
SELECT t.*,
       coalesce(s.state, 'recorded')           AS state,
       coalesce(s.attention, 1)                AS attention,
       coalesce(s.updated_ms, t.recorded_ms)   AS updated_ms,
       s.verdict, s.code, s.data, s.outcome, s.standing_minor,
       coalesce(s.tries, 0)                    AS tries,
       coalesce(s.epoch, t.epoch)              AS epoch_now
FROM taken AS t LEFT JOIN standing AS s ON s.exchange_id = t.exchange_id;
