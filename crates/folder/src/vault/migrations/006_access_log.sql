-- The list of a share's accesses as it was fetched last (JSON), and when (ms); NULL while it was not.
ALTER TABLE share ADD COLUMN log TEXT;
ALTER TABLE share ADD COLUMN log_asked INTEGER;
DROP TABLE access;
