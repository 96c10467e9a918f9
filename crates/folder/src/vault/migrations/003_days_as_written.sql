-- A record's date as its document wrote it, with the hospital's own offset, and the day of that;
-- both empty while the record is not read. What was read before is of its day in UTC.
ALTER TABLE record ADD COLUMN written TEXT NOT NULL DEFAULT '';
ALTER TABLE record ADD COLUMN day TEXT NOT NULL DEFAULT '';
UPDATE record SET day = date(date / 1000.0, 'unixepoch') WHERE state = 'verified';
