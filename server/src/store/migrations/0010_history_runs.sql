-- What counters grow from, for each run of a Spider: so that each block of history
-- says by itself what its samples come to, in whatever order blocks arrive.

-- Samples before `hours_ms` are in the hour tier, those from there on are not.
ALTER TABLE blocks ADD COLUMN hours_ms INTEGER NOT NULL DEFAULT 0;
UPDATE blocks SET hours_ms = coalesce((SELECT until_ms FROM hours WHERE hours.node = blocks.node), 0)
    WHERE tier < 2;
CREATE INDEX blocks_not_in_hours ON blocks (node, time_max_ms)
    WHERE tier < 2 AND hours_ms <= time_max_ms;

-- Before `until_ms` only hours are left of a node.
CREATE TABLE only_hours (
    node     INTEGER PRIMARY KEY,
    until_ms INTEGER NOT NULL
);
INSERT INTO only_hours
    SELECT node, min(time_min_ms) FROM blocks WHERE tier < 2
        AND node IN (SELECT node FROM blocks WHERE tier = 2) GROUP BY node;
DROP TABLE hours;

-- Of the samples of a run that are in blocks: the time of its first one and of its
-- last, and of each counter the first value, the last, and by how much the first is
-- counted to have grown since the run before (history/runs.rs).
ALTER TABLE progress ADD COLUMN first_ms INTEGER;
ALTER TABLE progress ADD COLUMN last_ms INTEGER;
ALTER TABLE progress ADD COLUMN first BLOB;
ALTER TABLE progress ADD COLUMN last BLOB;
ALTER TABLE progress ADD COLUMN linked BLOB;
UPDATE progress SET first_ms = time_ms, last_ms = time_ms;
