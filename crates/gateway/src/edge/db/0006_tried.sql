-- When a transaction was last sent in vain (0 never): whatever waits longest is sent next.
ALTER TABLE outbox ADD COLUMN tried_at INTEGER NOT NULL DEFAULT 0;
DROP INDEX outbox_waiting;
CREATE INDEX outbox_waiting ON outbox (tried_at, number) WHERE state = 0;
