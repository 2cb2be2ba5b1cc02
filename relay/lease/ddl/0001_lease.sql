-- The leases of exclusive lines: one row per line, who holds it until when, and a token that rises with each change of the holder.
-- Times are this database's own. Nothing here is a journal: a relay forgets nothing if this is lost, it only stops its exclusive lines.

CREATE TABLE lease (
    resource    text        PRIMARY KEY,
    center      text        NOT NULL,
    incarnation bigint      NOT NULL,
    token       bigint      NOT NULL CHECK (token > 0),
    expires_at  timestamptz NOT NULL,
    who         text        NOT NULL DEFAULT '',
    second      text        NOT NULL DEFAULT '',
    why         text        NOT NULL DEFAULT ''
);

-- Every holder that there was, for people, and to say whose numbers lie between two tokens of one center.
CREATE TABLE tenure (
    resource    text        NOT NULL,
    token       bigint      NOT NULL,
    center      text        NOT NULL,
    incarnation bigint      NOT NULL,
    began_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    who         text        NOT NULL,
    second      text        NOT NULL,
    why         text        NOT NULL,
    PRIMARY KEY (resource, token)
);

-- Ranges of numbers that a line gives away, one per center: no two centers may give the same ones (発信通番).
CREATE TABLE numbers (
    resource text   NOT NULL,
    center   text   NOT NULL,
    scope    text   NOT NULL,
    first    bigint NOT NULL,
    last     bigint NOT NULL CHECK (last >= first),
    PRIMARY KEY (resource, center)
);

CREATE FUNCTION keep_tenure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.token < OLD.token THEN
            RAISE EXCEPTION 'a token never goes back: % to %', OLD.token, NEW.token;
        ELSIF NEW.token = OLD.token THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO tenure (resource, token, center, incarnation, who, second, why)
        VALUES (NEW.resource, NEW.token, NEW.center, NEW.incarnation, NEW.who, NEW.second, NEW.why);
    RETURN NULL;
END $$;

CREATE TRIGGER keep_tenure AFTER INSERT OR UPDATE ON lease FOR EACH ROW EXECUTE FUNCTION keep_tenure();
