-- Signed requests of owners that were carried out, until their time is over.
CREATE TABLE request (
  digest BLOB    PRIMARY KEY CHECK (length(digest) = 32),
  until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- From which network a claim came: a keyed digest, so that one network cannot take all places.
ALTER TABLE claim ADD COLUMN source BLOB NOT NULL DEFAULT x'';
CREATE INDEX claim_waiting ON claim (received_at) WHERE state = 0;
