-- The row that a row of fresh records goes on from; NULL when they begin with a keyframe.
ALTER TABLE fresh ADD COLUMN before INTEGER;

-- A commit of one run, which is nearly all of them, says in its row how far that run is
-- durable with it: `progress` is written when the rows are merged. Numbers of runs are
-- never used again, since rows may still name them.
ALTER TABLE fresh ADD COLUMN run INTEGER;
ALTER TABLE fresh ADD COLUMN seq INTEGER;

-- Time of the newest sample of any node: where fresh records are lost, this says up to when.
ALTER TABLE fresh_merge ADD COLUMN newest_ms INTEGER NOT NULL DEFAULT 0;

CREATE TABLE progress_by_id (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    node    INTEGER NOT NULL,
    run     TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    UNIQUE (node, run)
);
INSERT INTO progress_by_id (node, run, boot_id, seq, time_ms)
    SELECT node, run, boot_id, seq, time_ms FROM progress ORDER BY node, time_ms;
DROP TABLE progress;
ALTER TABLE progress_by_id RENAME TO progress;

-- How far each run of a Spider is durable.
CREATE VIEW durable (node, run, boot_id, seq, time_ms) AS
    SELECT progress.node, progress.run, progress.boot_id,
           max(progress.seq, coalesce(newest.seq, 0)),
           max(progress.time_ms, coalesce(newest.time_ms, 0))
    FROM progress
    LEFT JOIN (SELECT run, max(seq) AS seq, max(time_max_ms) AS time_ms
               FROM fresh WHERE run IS NOT NULL GROUP BY run) AS newest
           ON newest.run = progress.id;
