-- Fresh records apart from merged blocks, blocks of coarser tiers, checksums.

-- Records as they came over the wire, in the order of the commits. No index: a
-- commit writes to the end of this table and nowhere else. Who reads a node
-- knows the rows from memory (history/fresh.rs).
CREATE TABLE fresh (
    id          INTEGER PRIMARY KEY,
    node        INTEGER NOT NULL,
    layout      INTEGER NOT NULL REFERENCES layouts (id),
    time_min_ms INTEGER NOT NULL,
    time_max_ms INTEGER NOT NULL,
    rows        INTEGER NOT NULL,
    -- CRC-32C of data; NULL in rows of schema 3 and before.
    crc         INTEGER,
    data        BLOB NOT NULL
);
INSERT INTO fresh (id, node, layout, time_min_ms, time_max_ms, rows, crc, data)
    SELECT id, node, layout, time_min_ms, time_max_ms, rows, NULL, data
    FROM blocks WHERE format = 0 ORDER BY id;

-- How far a merge of fresh rows has come: up to `end_id`, of nodes up to `node`.
CREATE TABLE fresh_merge (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    end_id INTEGER NOT NULL,
    node   INTEGER NOT NULL
);
INSERT INTO fresh_merge VALUES (1, 0, 0);

CREATE TABLE blocks_merged (
    id          INTEGER PRIMARY KEY,
    node        INTEGER NOT NULL,
    -- 0: samples, 1: minutes (or samples in their place), 2: hours.
    tier        INTEGER NOT NULL,
    -- 0 and 1: to be merged again, 2: for good.
    level       INTEGER NOT NULL,
    layout      INTEGER NOT NULL REFERENCES layouts (id),
    -- 1: columns of schema 3, 2: columns, 3: columns of aggregates.
    format      INTEGER NOT NULL,
    time_min_ms INTEGER NOT NULL,
    time_max_ms INTEGER NOT NULL,
    rows        INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    data        BLOB NOT NULL
);
INSERT INTO blocks_merged
    SELECT id, node, 0, 1, layout, format, time_min_ms, time_max_ms, rows, length(data), data
    FROM blocks WHERE format = 1 ORDER BY id;
DROP TABLE blocks;
ALTER TABLE blocks_merged RENAME TO blocks;
CREATE INDEX blocks_time ON blocks (node, tier, time_max_ms, time_min_ms);
CREATE INDEX blocks_small ON blocks (node, tier, id) WHERE level < 2;
CREATE INDEX blocks_age ON blocks (tier, time_max_ms, time_min_ms, rows, bytes);

-- How far the samples of a node are in the hour tier.
CREATE TABLE hours (
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
