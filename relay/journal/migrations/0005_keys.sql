-- The keys that rows may name. A stored secret begins with the id of its key; one without was sealed
-- before there were ids, with the key that is named here first.
CREATE TABLE journal_key (
    key_id      TEXT PRIMARY KEY,  -- eight hex digits
    check_value BLOB NOT NULL,
    cleared     INTEGER NOT NULL   -- 1: no row needs it any more
) STRICT, WITHOUT ROWID;

INSERT INTO journal_key (key_id, check_value, cleared)
SELECT CAST((SELECT value FROM meta WHERE name = 'key_id') AS TEXT), CAST(value AS BLOB), 0 FROM meta WHERE name = 'key_check';
