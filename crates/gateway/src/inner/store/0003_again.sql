-- What it takes to deliver a sealed batch once more, with the same leaves, until it is final.
ALTER TABLE batches ADD COLUMN seal_key BLOB NOT NULL DEFAULT x'';   -- sealed; empty when final
ALTER TABLE batches ADD COLUMN message TEXT NOT NULL DEFAULT '';     -- its delivery's name in the spool
ALTER TABLE batches ADD COLUMN again INTEGER NOT NULL DEFAULT 0;     -- when it is delivered again, ms; 0 not
ALTER TABLE batches ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;     -- deliveries that were not taken
CREATE INDEX batches_again ON batches (again) WHERE again <> 0;
CREATE INDEX batches_message ON batches (message) WHERE message <> '';
