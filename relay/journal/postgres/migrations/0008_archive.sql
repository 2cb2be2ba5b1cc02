-- Which exchanges are in a file of their own, off this journal, as migrations/0007_archive.sql of SQLite.
CREATE TABLE archive (
    archive_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind           text NOT NULL,
    business_date  text NOT NULL,
    part           bigint NOT NULL,
    file_name      text NOT NULL,
    above_id       bigint NOT NULL,
    last_id        bigint NOT NULL,
    exchange_count bigint NOT NULL,
    history_count  bigint NOT NULL,
    file_bytes     bigint NOT NULL,
    digest         bytea NOT NULL,
    key_id         text NOT NULL,
    newest_ms      bigint NOT NULL,
    archived_ms    bigint NOT NULL,
    released_id    bigint NOT NULL,
    is_released    bigint NOT NULL
);

CREATE UNIQUE INDEX archive_file ON archive (file_name);
CREATE INDEX archive_range ON archive (above_id) WHERE kind = 'day';
CREATE INDEX archive_waiting ON archive (archive_id) WHERE is_released = 0;

-- By which an archive knows its journal: two journals of one center have different ones.
INSERT INTO meta (name, value) VALUES ('journal_id', (random() * 4611686018427387903)::bigint);
