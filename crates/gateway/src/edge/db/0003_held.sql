-- A card was handed over at the desk: its shares rest until the new card confirms each.
ALTER TABLE share ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1));
