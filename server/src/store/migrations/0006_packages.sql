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
    next_ms   INTEGER NOT NULL
);

-- Work that a node owns, so that a job can follow it again.
CREATE TABLE package_runs (
    job         INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    run         TEXT NOT NULL,
    manager     TEXT NOT NULL,
    -- where its output begins in the job's
    output_from INTEGER NOT NULL
);
