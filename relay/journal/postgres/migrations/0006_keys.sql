-- The keys that rows may name. A stored secret begins with the id of its key; one without was sealed
-- before there were ids, with the key that is named here first. `key_check` stays: it names the key that writes.
CREATE TABLE journal_key (
    key_id      text PRIMARY KEY, -- eight hex digits
    check_value bytea NOT NULL,
    cleared     boolean NOT NULL  -- no row needs it any more
);

INSERT INTO journal_key SELECT key_id, key_check, false FROM key_check;

-- Sealed under the key that writes; NULL: that key's own, as the journal never changed its key.
ALTER TABLE key_check ADD COLUMN fingerprint_secret bytea;

-- Whose journal it is. No row: it becomes the next relay's that opens it.
CREATE TABLE identity (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    center   text NOT NULL,
    realm    text NOT NULL
);

-- A person took it over from another relay: who, why and when.
CREATE TABLE adoption (
    at     timestamptz NOT NULL DEFAULT now(),
    who    text NOT NULL,
    why    text NOT NULL,
    center text NOT NULL,
    realm  text NOT NULL
);
