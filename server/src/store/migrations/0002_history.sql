-- Samples. No foreign keys to nodes: a removed node's blocks go in small steps
-- afterwards, and a batch must not fail for a node that was removed meanwhile.

-- Lists of series, each stored once (the wire's encoding of the list).
CREATE TABLE layouts (
    id     INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
    series BLOB NOT NULL
);

CREATE TABLE blocks (
    id          INTEGER PRIMARY KEY,
    node        INTEGER NOT NULL,
    layout      INTEGER NOT NULL REFERENCES layouts (id),
    -- 0: records as they came over the wire, 1: compressed columns.
    format      INTEGER NOT NULL,
    time_min_ms INTEGER NOT NULL,
    time_max_ms INTEGER NOT NULL,
    rows        INTEGER NOT NULL,
    data        BLOB NOT NULL
);
CREATE INDEX blocks_time ON blocks (node, time_max_ms, time_min_ms);
CREATE INDEX blocks_fresh ON blocks (node, id) WHERE format = 0;

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
    node    INTEGER NOT NULL,
    run     TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    PRIMARY KEY (node, run)
) WITHOUT ROWID;
