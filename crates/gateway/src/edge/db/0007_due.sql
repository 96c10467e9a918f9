-- When the end of a session of a share is to be reported next; NULL when there is none.
ALTER TABLE share ADD COLUMN due INTEGER;
UPDATE share SET due = 0 WHERE sessions = 1;
DROP INDEX share_sessions;
ALTER TABLE share DROP COLUMN sessions;
CREATE INDEX share_due ON share (due) WHERE due IS NOT NULL;
