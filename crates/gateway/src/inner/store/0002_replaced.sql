-- Since when a card is on the ledger (block time, 0 unknown). live: 2 waits until the ledger says
-- that the card before it is replaced.
ALTER TABLE cards ADD COLUMN since INTEGER NOT NULL DEFAULT 0;

-- Cards that another one replaced at the desk, until the ledger says so: the anchor on its way.
CREATE TABLE replaced (
  card     BLOB NOT NULL PRIMARY KEY,
  digest   BLOB NOT NULL UNIQUE,       -- what is anchored
  tx       BLOB NOT NULL,
  tx_id    BLOB NOT NULL,
  tx_until INTEGER NOT NULL
) STRICT;
