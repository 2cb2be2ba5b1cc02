-- Until when a message of the core may be begun with; NULL: for ever. UTC epoch milliseconds.
ALTER TABLE outbound ADD COLUMN expires_ms INTEGER;
