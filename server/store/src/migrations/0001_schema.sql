-- Small facts about the database itself: salts, check values.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL UNIQUE,
    -- $bcrypt-pbkdf$rounds$salt$hash
    password_hash TEXT NOT NULL,
    -- 1 while the password is the default one.
    must_change   INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    changed_ms    INTEGER NOT NULL
);

-- A token is good only while its session is here.
CREATE TABLE sessions (
    id         BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE nodes (
    -- AUTOINCREMENT: the number of a removed node never comes back, nor does its history.
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT NOT NULL UNIQUE,
    -- JSON list of texts.
    tags           TEXT NOT NULL,
    -- The token itself is shown once and kept nowhere.
    token_sha256   BLOB NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    created_ms     INTEGER NOT NULL,
    last_seen_ms   INTEGER,
    address        TEXT,
    spider_version TEXT,
    -- JSON, as the Spider said in its last hello.
    identity       TEXT,
    -- Tokens that are being put on the node: good beside the other until one has
    -- been seen, or was given up.
    next_token_sha256 BLOB
);

-- How nodes are reached over SSH: each value encrypted for its node and field.
CREATE TABLE credentials (
    node       INTEGER NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
    field      TEXT NOT NULL,
    -- version (1 byte), nonce (12), ciphertext, tag (16)
    blob       BLOB NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (node, field)
) WITHOUT ROWID;

-- Work on nodes. A node may be gone while its jobs are kept.
CREATE TABLE jobs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL,
    node        INTEGER,
    node_name   TEXT,
    parent      INTEGER,
    title       TEXT NOT NULL,
    -- JSON: what is to be done; never a secret
    intent      TEXT NOT NULL,
    state       TEXT NOT NULL,
    asked_by    TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    started_ms  INTEGER,
    finished_ms INTEGER,
    -- JSON: steps, error, result, progress
    progress    TEXT NOT NULL
);
CREATE INDEX jobs_node ON jobs (node, id);
CREATE INDEX jobs_parent ON jobs (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX jobs_unfinished ON jobs (id) WHERE finished_ms IS NULL;

CREATE TABLE job_output (
    job      INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    head     TEXT NOT NULL,
    left_out INTEGER NOT NULL,
    tail     TEXT NOT NULL
);

-- What Major Tom has installed, and where.
CREATE TABLE spiders (
    node         INTEGER PRIMARY KEY REFERENCES nodes (id) ON DELETE CASCADE,
    -- JSON: method, paths, user
    place        TEXT NOT NULL,
    arch         TEXT NOT NULL,
    version      TEXT NOT NULL,
    sha256       TEXT NOT NULL,
    server_url   TEXT NOT NULL,
    pin          TEXT,
    installed_ms INTEGER NOT NULL
);

-- What is known of a node's packages, as of its last look.
CREATE TABLE package_facts (
    node      INTEGER PRIMARY KEY REFERENCES nodes (id) ON DELETE CASCADE,
    -- JSON; NULL when it was never found out
    facts     TEXT,
    as_of_ms  INTEGER,
    -- when the node last fetched its index for us
    index_ms  INTEGER,
    -- JSON: why the last look failed
    error     TEXT,
    -- when to look again
    next_ms   INTEGER NOT NULL,
    -- whether upgrades of the node are full ones where nothing else is asked for: its
    -- makers want it so (Proxmox, Raspberry Pi OS)
    full_upgrade INTEGER NOT NULL DEFAULT 0
);

-- Work that a node owns, so that a job can follow it again.
CREATE TABLE package_runs (
    job         INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    run         TEXT NOT NULL,
    manager     TEXT NOT NULL,
    -- where its output begins in the job's
    output_from INTEGER NOT NULL
);

-- Samples. No foreign keys to nodes: a removed node's blocks go in small steps
-- afterwards, and a batch must not fail for a node that was removed meanwhile.

-- The series of each node, each once. Lists name them by number.
CREATE TABLE series (
    -- AUTOINCREMENT: no number comes back for another series.
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    node  INTEGER NOT NULL,
    key   TEXT NOT NULL,
    -- Kind, and what else the wire says of it; unit; what its values are multiples of.
    flags INTEGER NOT NULL,
    unit  INTEGER NOT NULL,
    scale INTEGER NOT NULL
);
-- All columns: what is lost of the table is found again here.
CREATE UNIQUE INDEX series_key ON series (node, key, flags, unit, scale);

-- Lists of series: of what the rows of `fresh` and of `blocks` have columns. They go
-- with the last block that needs them, and series with the last list.
CREATE TABLE layouts (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    node INTEGER NOT NULL,
    -- Of the definitions in their order: the same for equal lists of different nodes.
    hash BLOB NOT NULL,
    -- Numbers of series in their order (history/list.rs).
    list BLOB NOT NULL
);
CREATE UNIQUE INDEX layouts_hash ON layouts (node, hash);
CREATE INDEX layouts_node ON layouts (node);

-- Records as they came over the wire, in the order of the commits. No index: a
-- commit writes to the end of this table and nowhere else. Who reads a node
-- knows the rows from memory (history/fresh.rs).
CREATE TABLE fresh (
    id          INTEGER PRIMARY KEY,
    node        INTEGER NOT NULL,
    layout      INTEGER NOT NULL,
    time_min_ms INTEGER NOT NULL,
    time_max_ms INTEGER NOT NULL,
    rows        INTEGER NOT NULL,
    -- CRC-32C of data.
    crc         INTEGER NOT NULL,
    data        BLOB NOT NULL,
    -- The row that this one goes on from; NULL when it begins with a keyframe.
    before      INTEGER,
    -- A commit of one run, which is nearly all of them, says in its row how far that run
    -- is durable with it: `progress` is written when the rows are merged. Numbers of runs
    -- are never used again, since rows may still name them.
    run         INTEGER,
    seq         INTEGER
);

-- How far a merge of fresh rows has come: up to `end_id`, of nodes up to `node`.
CREATE TABLE fresh_merge (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    end_id    INTEGER NOT NULL,
    node      INTEGER NOT NULL,
    -- Time of the newest sample of any node: where fresh records are lost, this says up
    -- to when.
    newest_ms INTEGER NOT NULL
);
INSERT INTO fresh_merge VALUES (1, 0, 0, 0);

CREATE TABLE blocks (
    id          INTEGER PRIMARY KEY,
    node        INTEGER NOT NULL,
    -- 0: samples, 1: minutes (or samples in their place), 2: hours.
    tier        INTEGER NOT NULL,
    -- 0 and 1: to be merged again, 2: for good.
    level       INTEGER NOT NULL,
    layout      INTEGER NOT NULL,
    -- As history/block.rs has them.
    format      INTEGER NOT NULL,
    time_min_ms INTEGER NOT NULL,
    time_max_ms INTEGER NOT NULL,
    rows        INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    data        BLOB NOT NULL,
    -- Samples before `hours_ms` are in the hour tier, those from there on are not.
    hours_ms    INTEGER NOT NULL DEFAULT 0,
    -- 1: of series that few of its rows have; the others of the same time are in a block
    -- with 0.
    rare        INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX blocks_time ON blocks (node, tier, time_max_ms, time_min_ms);
CREATE INDEX blocks_small ON blocks (node, tier, id) WHERE level < 2;
CREATE INDEX blocks_age ON blocks (tier, time_max_ms, time_min_ms, rows, bytes, rare);
CREATE INDEX blocks_layout ON blocks (node, layout);
CREATE INDEX blocks_not_in_hours ON blocks (node, time_max_ms)
    WHERE tier < 2 AND hours_ms <= time_max_ms;

-- Before `until_ms` only hours are left of a node.
CREATE TABLE only_hours (
    node     INTEGER PRIMARY KEY,
    until_ms INTEGER NOT NULL
);

-- Blocks whose bytes are not what was written: set aside as they are.
CREATE TABLE damaged (
    id          INTEGER PRIMARY KEY,
    node        INTEGER NOT NULL,
    tier        INTEGER NOT NULL,
    layout      INTEGER NOT NULL,
    format      INTEGER NOT NULL,
    time_min_ms INTEGER NOT NULL,
    time_max_ms INTEGER NOT NULL,
    rows        INTEGER NOT NULL,
    why         TEXT NOT NULL,
    found_ms    INTEGER NOT NULL,
    data        BLOB
);

CREATE TABLE gaps (
    node    INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms   INTEGER NOT NULL,
    cause   TEXT NOT NULL,
    -- Samples that were taken and fell out of the Spider's ring.
    lost    INTEGER NOT NULL
);
CREATE INDEX gaps_time ON gaps (node, to_ms);

-- How far each run of a Spider is durable: written with its samples, in one transaction.
CREATE TABLE progress (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    node     INTEGER NOT NULL,
    run      TEXT NOT NULL,
    boot_id  TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    time_ms  INTEGER NOT NULL,
    -- What counters grow from, so that each block of history says by itself what its
    -- samples come to, in whatever order blocks arrive. Of the samples of the run that
    -- are in blocks: the time of its first one and of its last, and of each counter the
    -- first value, the last, and by how much the first is counted to have grown since
    -- the run before (history/runs.rs).
    first_ms INTEGER,
    last_ms  INTEGER,
    first    BLOB,
    last     BLOB,
    linked   BLOB,
    UNIQUE (node, run)
);

-- How far each run of a Spider is durable.
CREATE VIEW durable (node, run, boot_id, seq, time_ms) AS
    SELECT progress.node, progress.run, progress.boot_id,
           max(progress.seq, coalesce(newest.seq, 0)),
           max(progress.time_ms, coalesce(newest.time_ms, 0))
    FROM progress
    LEFT JOIN (SELECT run, max(seq) AS seq, max(time_max_ms) AS time_ms
               FROM fresh WHERE run IS NOT NULL GROUP BY run) AS newest
           ON newest.run = progress.id;

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
