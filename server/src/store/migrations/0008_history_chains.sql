-- The row that a row of fresh records goes on from; NULL when they begin with a keyframe.
ALTER TABLE fresh ADD COLUMN before INTEGER;
