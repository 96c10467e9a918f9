-- What a share's host said of it last (JSON), and when (ms); NULL while it was not asked.
ALTER TABLE share ADD COLUMN host_state TEXT;
ALTER TABLE share ADD COLUMN host_asked INTEGER;
