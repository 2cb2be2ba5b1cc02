-- What the journal is made of. A migration is one transaction, never edited once shipped: change comes as the next number.

-- Single values: incarnation, region-epoch ratchet, key check, the floor of recorded exchanges, whether the last close was clean.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per message that became ours, written once. After the body window `request` and `pan` are blanked; the key stays.
CREATE TABLE taken (
    exchange_id   INTEGER PRIMARY KEY,
    key           TEXT NOT NULL,
    listener      TEXT NOT NULL,
    realm         TEXT NOT NULL,
    terminal      TEXT NOT NULL,
    message_class TEXT NOT NULL,
    kind          TEXT NOT NULL,
    policy        TEXT NOT NULL,
    fingerprint   BLOB NOT NULL,   -- keyed, 16 bytes
    recorded_ms   INTEGER NOT NULL, -- UTC epoch milliseconds
    request       BLOB NOT NULL,   -- packed, less everything law 9 forbids
    pan           BLOB,            -- nonce, AES-GCM ciphertext, tag
    pan_hash      BLOB,            -- keyed, 16 bytes: to search by PAN
    amount_minor  INTEGER,
    currency      TEXT NOT NULL,
    business_date TEXT NOT NULL,
    original_key  TEXT NOT NULL,
    epoch         INTEGER NOT NULL,
    incarnation   INTEGER NOT NULL
) STRICT;

-- The index that arbitrates duplicates (law 2).
CREATE UNIQUE INDEX taken_key ON taken (key);

-- Where an exchange stands. No row means: recorded, and nothing else yet. Apart from `taken`, so that the happy path only
-- ever appends: growing a row in place splits pages and costs twice as much.
CREATE TABLE standing (
    exchange_id    INTEGER PRIMARY KEY REFERENCES taken (exchange_id),
    state          TEXT NOT NULL,
    attention      INTEGER NOT NULL, -- 0 closed, 1 open, 2 on the person's list
    updated_ms     INTEGER NOT NULL,
    verdict        TEXT,             -- the reply intent: verdict, code, data; all or none
    code           TEXT,
    data           BLOB,
    outcome        BLOB,             -- packed; evidence, kept also when late
    standing_minor INTEGER,
    tries          INTEGER,
    epoch          INTEGER
) STRICT;

-- Empty on the happy path: an answered exchange never enters it.
CREATE INDEX standing_attention ON standing (attention) WHERE attention > 0;

-- Everything that is not the happy path, one line each.
CREATE TABLE history (
    line_id     INTEGER PRIMARY KEY,
    exchange_id INTEGER NOT NULL REFERENCES taken (exchange_id),
    at_ms       INTEGER NOT NULL,
    event       TEXT NOT NULL,
    state       TEXT NOT NULL,
    detail      TEXT NOT NULL
) STRICT;

CREATE INDEX history_exchange ON history (exchange_id);

-- Sequence numbers and serials of a link, durable.
CREATE TABLE link_variable (
    link_name TEXT NOT NULL,
    name      TEXT NOT NULL,
    value     BLOB NOT NULL,
    PRIMARY KEY (link_name, name)
) STRICT, WITHOUT ROWID;

-- Exchanges whose body outlived the body window because they were still open or listed when the walk came by.
CREATE TABLE body_kept (
    exchange_id INTEGER PRIMARY KEY REFERENCES taken (exchange_id)
) STRICT;

CREATE VIEW exchange AS
SELECT t.*,
       coalesce(s.state, 'recorded')           AS state,
       coalesce(s.attention, 1)                AS attention,
       coalesce(s.updated_ms, t.recorded_ms)   AS updated_ms,
       s.verdict, s.code, s.data, s.outcome, s.standing_minor,
       coalesce(s.tries, 0)                    AS tries,
       coalesce(s.epoch, t.epoch)              AS epoch_now
FROM taken AS t LEFT JOIN standing AS s ON s.exchange_id = t.exchange_id;
