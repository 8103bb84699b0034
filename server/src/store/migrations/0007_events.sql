-- What happened to the fleet. No foreign keys: what happened to a node that is
-- gone is still asked for. Bounded by the thread that writes most of it.
CREATE TABLE events (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms   INTEGER NOT NULL,
    node      INTEGER,
    -- as it was called then
    node_name TEXT,
    kind      TEXT NOT NULL,
    -- JSON, by kind
    detail    TEXT NOT NULL
);
CREATE INDEX events_node ON events (node, id);
-- Those that say how a node was last seen.
CREATE INDEX events_state ON events (node, id)
    WHERE kind IN ('online', 'offline', 'rebooted', 'spider');

-- What has a table of its own is noted with it, in one transaction, whoever writes it.
CREATE TRIGGER events_gap AFTER INSERT ON gaps BEGIN
    INSERT INTO events (time_ms, node, node_name, kind, detail)
    VALUES (NEW.to_ms, NEW.node, (SELECT name FROM nodes WHERE id = NEW.node), 'gap',
            json_object('from', NEW.from_ms, 'to', NEW.to_ms, 'cause', NEW.cause, 'lost', NEW.lost));
END;

-- The daily looks at packages are told of when they fail.
CREATE TRIGGER events_job AFTER UPDATE OF finished_ms ON jobs
    WHEN NEW.finished_ms IS NOT NULL AND OLD.finished_ms IS NULL
        AND NOT (NEW.asked_by = 'stardust' AND NEW.state = 'succeeded')
BEGIN
    INSERT INTO events (time_ms, node, node_name, kind, detail)
    VALUES (NEW.finished_ms, NEW.node, NEW.node_name, 'job',
            json_object('job', NEW.id, 'kind', NEW.kind, 'title', NEW.title, 'state', NEW.state,
                        'by', NEW.asked_by,
                        'cause', CASE WHEN json_valid(NEW.progress)
                            THEN json_extract(NEW.progress, '$.error.cause') END,
                        'message', CASE WHEN json_valid(NEW.progress)
                            THEN json_extract(NEW.progress, '$.error.message') END));
END;

CREATE TRIGGER events_node_added AFTER INSERT ON nodes BEGIN
    INSERT INTO events (time_ms, node, node_name, kind, detail)
    VALUES (NEW.created_ms, NEW.id, NEW.name, 'added', '{}');
END;

CREATE TRIGGER events_node_renamed AFTER UPDATE OF name ON nodes WHEN NEW.name <> OLD.name BEGIN
    INSERT INTO events (time_ms, node, node_name, kind, detail)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), NEW.id, NEW.name, 'renamed',
            json_object('from', OLD.name, 'to', NEW.name));
END;

CREATE TRIGGER events_node_removed AFTER DELETE ON nodes BEGIN
    INSERT INTO events (time_ms, node, node_name, kind, detail)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), OLD.id, OLD.name, 'removed', '{}');
END;
