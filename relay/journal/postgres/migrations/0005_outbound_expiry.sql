-- Until when a message of the core may be begun with; NULL: for ever. UTC epoch milliseconds.
ALTER TABLE outbound ADD COLUMN expires_ms bigint;

-- As in 0004, and a link variable can be forgotten: one without a value.
-- One group, one round trip. Returns one row per exchange that was new (its number alone), and one per reversal that those
-- have. The order is that of relay/journal/batch.py: what was taken, then where it stands, then history. A duplicate writes
-- nothing at all, not even its first standing. `p_steps` names an exchange once, `p_variables` a variable.
CREATE OR REPLACE FUNCTION write_group(
    p_incarnation bigint, p_session bigint, p_serial bigint,
    p_taken taken[], p_first standing[], p_steps standing[], p_history history_line[], p_variables link_variable[],
    p_floor bigint, p_epoch bigint
) RETURNS TABLE (new_id bigint, reversed_key text, reversal_id bigint, reversal bytea) LANGUAGE plpgsql AS $$
DECLARE
    fresh bigint[];
    asked text[];
BEGIN
    PERFORM hold(p_incarnation, p_session, p_serial);
    IF cardinality(p_taken) > 0 THEN
        WITH inserted AS (
            INSERT INTO taken SELECT r.* FROM unnest(p_taken) AS r ON CONFLICT (key) DO NOTHING
            RETURNING taken.exchange_id, taken.key, taken.message_class
        )
        SELECT array_agg(i.exchange_id), array_agg(i.key) FILTER (WHERE i.message_class = 'financial')
        INTO fresh, asked FROM inserted AS i;
        RETURN QUERY SELECT f, NULL::text, NULL::bigint, NULL::bytea FROM unnest(fresh) AS f;
        IF asked IS NOT NULL THEN
            RETURN QUERY SELECT NULL::bigint, t.original_key, t.exchange_id, t.request FROM taken AS t
                WHERE t.original_key = ANY (asked) AND t.original_key <> '' AND t.message_class = 'reversal';
        END IF;
        IF cardinality(p_first) > 0 THEN
            INSERT INTO standing SELECT r.* FROM unnest(p_first) AS r WHERE r.exchange_id = ANY (fresh);
        END IF;
    END IF;
    IF cardinality(p_steps) > 0 THEN
        IF EXISTS (
            SELECT FROM unnest(p_steps) AS r
            WHERE NOT EXISTS (SELECT FROM taken AS t WHERE t.exchange_id = r.exchange_id)
        ) THEN
            RAISE EXCEPTION 'no such exchange' USING ERRCODE = 'foreign_key_violation';
        END IF;
        INSERT INTO standing AS s SELECT r.* FROM unnest(p_steps) AS r
        ON CONFLICT (exchange_id) DO UPDATE SET
            state = excluded.state, attention = excluded.attention, updated_ms = excluded.updated_ms,
            verdict = coalesce(excluded.verdict, s.verdict), code = coalesce(excluded.code, s.code),
            data = coalesce(excluded.data, s.data), epoch = coalesce(excluded.epoch, s.epoch),
            outcome = coalesce(excluded.outcome, s.outcome),
            standing_minor = coalesce(excluded.standing_minor, s.standing_minor), tries = coalesce(excluded.tries, s.tries);
    END IF;
    IF cardinality(p_history) > 0 THEN
        INSERT INTO history (exchange_id, at_ms, event, state, detail)
        SELECT l.exchange_id, l.at_ms, l.event, l.state, l.detail
        FROM unnest(p_history) WITH ORDINALITY AS l (exchange_id, at_ms, event, state, detail, place) ORDER BY place;
    END IF;
    IF cardinality(p_variables) > 0 THEN
        INSERT INTO link_variable SELECT r.* FROM unnest(p_variables) AS r WHERE r.value IS NOT NULL
        ON CONFLICT (link_name, name) DO UPDATE SET value = excluded.value;
        DELETE FROM link_variable AS v USING unnest(p_variables) AS r
        WHERE r.value IS NULL AND v.link_name = r.link_name AND v.name = r.name;
    END IF;
    IF p_floor IS NOT NULL THEN
        INSERT INTO meta VALUES ('recorded_floor', p_floor) ON CONFLICT (name) DO UPDATE SET value = excluded.value;
    END IF;
    IF p_epoch IS NOT NULL THEN
        INSERT INTO meta AS m VALUES ('region_epoch', p_epoch)
        ON CONFLICT (name) DO UPDATE SET value = greatest(m.value, excluded.value);
    END IF;
END $$;
