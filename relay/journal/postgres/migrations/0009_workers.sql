-- Several workers of one relay on this journal. Each has a row of `owner` of its own now, so that their groups do not wait for
-- each other; a worker is known by its number, a life of it by its incarnation, as before.
--   renewed  when its last transaction began, by the database's clock: the lease. `hold` sets it, so no worker pays for it;
--   inbox    raised whenever an exchange becomes this worker's without its doing: what it looks at to see that something came.
-- An incarnation of 0 writes nothing: the worker was replaced, and a new life of it begins with a number of its own.
ALTER TABLE owner DROP COLUMN only_one;
ALTER TABLE owner ADD COLUMN worker bigint NOT NULL DEFAULT 1;
ALTER TABLE owner ALTER COLUMN worker DROP DEFAULT;
ALTER TABLE owner ADD PRIMARY KEY (worker);
ALTER TABLE owner ADD COLUMN renewed timestamptz NOT NULL DEFAULT clock_timestamp();
ALTER TABLE owner ADD COLUMN inbox bigint NOT NULL DEFAULT 0;

-- Whose the exchanges of a life are: those that are in `handed` excepted. A number of an exchange begins with that of its life.
CREATE TABLE life (
    incarnation bigint PRIMARY KEY,
    worker      bigint NOT NULL
);

INSERT INTO life SELECT n, 1 FROM generate_series(0, (SELECT incarnation FROM owner)) AS n;

-- Exchanges that were given to another worker: what a terminal said on a link of one worker about a message of another. Worker 0:
-- it is not known yet who has the rest of its key; until then it is its life's.
CREATE TABLE handed (
    exchange_id bigint PRIMARY KEY,
    worker      bigint NOT NULL
);

CREATE OR REPLACE FUNCTION hold(p_incarnation bigint, p_session bigint, p_serial bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE owner SET serial = p_serial, renewed = clock_timestamp()
    WHERE incarnation = p_incarnation AND session = p_session;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the journal was taken over' USING ERRCODE = 'RL001';
    END IF;
END $$;

CREATE FUNCTION worker_of(p_exchange_id bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT nullif(h.worker, 0) FROM handed AS h WHERE h.exchange_id = p_exchange_id),
        (SELECT l.worker FROM life AS l WHERE l.incarnation = p_exchange_id / 1000000000000),
        1)
$$;

-- Open or on the list, of one key: the message itself (is_original), and what was said about it. Whose each is.
CREATE FUNCTION chain_of(p_key text)
RETURNS TABLE (exchange_id bigint, attention integer, worker bigint, is_original boolean, is_loose boolean)
LANGUAGE sql STABLE AS $$
    SELECT c.exchange_id, coalesce(s.attention, 1), worker_of(c.exchange_id), c.is_original,
        EXISTS (SELECT FROM handed AS h WHERE h.exchange_id = c.exchange_id AND h.worker = 0)
    FROM (
        SELECT t.exchange_id, true AS is_original FROM taken AS t WHERE t.key = p_key
        UNION ALL SELECT t.exchange_id, false FROM taken AS t
        WHERE t.original_key = p_key AND t.original_key <> '' AND t.key <> p_key
    ) AS c LEFT JOIN standing AS s ON s.exchange_id = c.exchange_id
    WHERE coalesce(s.attention, 1) > 0
$$;

-- Steps of worker `p_worker` on exchanges of lives that are not its own. One that is open is its alone to whom it was given.
-- One that is closed or listed may be opened again where nothing of its key is open at another worker, and is this worker's
-- from then on; else only a state that stays as it is may be written, or, by the first worker, what a person decided.
CREATE FUNCTION claim(p_worker bigint, p_ids bigint[], p_states text[], p_attentions integer[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    step record;
    now_state text;
    now_attention integer;
BEGIN
    FOR step IN SELECT * FROM unnest(p_ids, p_states, p_attentions) AS u (exchange_id, state, attention) LOOP
        CONTINUE WHEN worker_of(step.exchange_id) = p_worker;
        SELECT s.state, s.attention INTO now_state, now_attention
        FROM standing AS s WHERE s.exchange_id = step.exchange_id FOR UPDATE;
        IF coalesce(now_attention, 1) = 1 THEN
            RAISE EXCEPTION 'the exchange is another worker''s' USING ERRCODE = 'foreign_key_violation';
        ELSIF step.attention = 1 THEN
            IF EXISTS (
                SELECT FROM taken AS t, LATERAL chain_of(CASE t.original_key WHEN '' THEN t.key ELSE t.original_key END) AS c
                WHERE t.exchange_id = step.exchange_id AND c.attention = 1 AND c.worker <> p_worker
            ) THEN
                RAISE EXCEPTION 'its key is open at another worker' USING ERRCODE = 'foreign_key_violation';
            END IF;
            INSERT INTO handed VALUES (step.exchange_id, p_worker)
            ON CONFLICT (exchange_id) DO UPDATE SET worker = excluded.worker;
        ELSIF step.state <> now_state AND p_worker <> 1 THEN
            RAISE EXCEPTION 'the exchange has moved' USING ERRCODE = 'foreign_key_violation';
        END IF;
    END LOOP;
END $$;
