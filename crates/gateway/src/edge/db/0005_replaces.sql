-- The patient has a card already, registered then (0 unknown): the claimed one would replace it.
ALTER TABLE claim ADD COLUMN replaces INTEGER;
