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

-- A token that is being put on the node: good beside the other until it has
-- been seen, or was given up.
ALTER TABLE nodes ADD COLUMN next_token_sha256 BLOB;
