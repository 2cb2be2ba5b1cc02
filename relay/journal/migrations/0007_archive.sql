-- Which exchanges are in a file of their own, off this journal: written, read back and durable before the row is here.
CREATE TABLE archive (
    archive_id     INTEGER PRIMARY KEY,
    kind           TEXT NOT NULL,    -- day: every exchange above above_id and up to last_id; late: some of them
    business_date  TEXT NOT NULL,    -- day: of their receipt; late: of the making
    part           INTEGER NOT NULL, -- a date has a second one where a clock was set
    file_name      TEXT NOT NULL,    -- in journal.archive_directory
    above_id       INTEGER NOT NULL,
    last_id        INTEGER NOT NULL,
    exchange_count INTEGER NOT NULL,
    history_count  INTEGER NOT NULL,
    file_bytes     INTEGER NOT NULL,
    digest         BLOB NOT NULL,    -- SHA-256 of the file
    key_id         TEXT NOT NULL,    -- of the journal key that seals the file's own
    newest_ms      INTEGER NOT NULL, -- when the youngest of its exchanges was recorded, UTC epoch milliseconds
    archived_ms    INTEGER NOT NULL,
    released_id    INTEGER NOT NULL, -- bodies and histories are gone from here up to this exchange
    is_released    INTEGER NOT NULL  -- 1: of all of them
) STRICT;

CREATE UNIQUE INDEX archive_file ON archive (file_name);
CREATE INDEX archive_range ON archive (above_id) WHERE kind = 'day';
CREATE INDEX archive_waiting ON archive (archive_id) WHERE is_released = 0;

-- By which an archive knows its journal: two journals of one center have different ones.
INSERT INTO meta (name, value) VALUES ('journal_id', random() & 4611686018427387903);
