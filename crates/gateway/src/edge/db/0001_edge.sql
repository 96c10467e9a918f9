-- Small facts that survive a restart: followed height, digest of the last header.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Cards of this member as the ledger's blocks say. state: 0 active, 1 frozen, 2 rotated, 3 closed.
CREATE TABLE card (
  number    BLOB    PRIMARY KEY CHECK (length(number) = 32),
  state     INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
  successor BLOB    CHECK (successor IS NULL OR length(successor) = 32)
) STRICT, WITHOUT ROWID;

-- Exchange zone. Envelopes and attachments are blobs, named by digest.
CREATE TABLE record (
  id        BLOB    PRIMARY KEY CHECK (length(id) = 32),
  card      BLOB    NOT NULL CHECK (length(card) = 32),
  visit     BLOB    NOT NULL CHECK (length(visit) = 16),
  seq       INTEGER NOT NULL,
  k         INTEGER NOT NULL,
  envelope  BLOB    NOT NULL CHECK (length(envelope) = 32),
  size      INTEGER NOT NULL,
  stored_at INTEGER NOT NULL,
  final     INTEGER NOT NULL DEFAULT 0 CHECK (final IN (0, 1)),
  finding   INTEGER NOT NULL DEFAULT 0 CHECK (finding BETWEEN 0 AND 2),
  report    BLOB    CHECK (report IS NULL OR length(report) = 32)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_by_card ON record (card);
CREATE INDEX record_by_seal ON record (visit, seq, k);
CREATE INDEX record_by_envelope ON record (envelope);

CREATE TABLE attachment (
  record BLOB    NOT NULL REFERENCES record (id) ON DELETE CASCADE,
  j      INTEGER NOT NULL,
  blob   BLOB    NOT NULL CHECK (length(blob) = 32),
  size   INTEGER NOT NULL,
  PRIMARY KEY (record, j)
) STRICT, WITHOUT ROWID;

CREATE INDEX attachment_by_blob ON attachment (blob);

-- Key slots of a seal, one per card that it was wrapped to.
CREATE TABLE slot (
  visit  BLOB    NOT NULL CHECK (length(visit) = 16),
  seq    INTEGER NOT NULL,
  card   BLOB    NOT NULL CHECK (length(card) = 32),
  slot   BLOB    NOT NULL,
  put_at INTEGER NOT NULL,
  PRIMARY KEY (visit, seq, card)
) STRICT, WITHOUT ROWID;

-- Transactions on their way. state: 0 waiting, 1 final and accepted, 2 final and refused, 3 lapsed.
CREATE TABLE outbox (
  number      INTEGER PRIMARY KEY,
  id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 32),
  bytes       BLOB    NOT NULL,
  valid_until INTEGER NOT NULL,
  kind        INTEGER NOT NULL,
  queued_at   INTEGER NOT NULL,
  state       INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3),
  code        TEXT    NOT NULL DEFAULT '',
  position    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_waiting ON outbox (number) WHERE state = 0;

-- Front desk claims relayed. state: 0 waiting, 1 confirmed, 2 refused.
CREATE TABLE claim (
  id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
  digest      BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
  received_at INTEGER NOT NULL,
  state       INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 2),
  code        TEXT    NOT NULL DEFAULT '',
  tx          BLOB
) STRICT, WITHOUT ROWID;

-- Share host: drafts before the grant exists.
CREATE TABLE draft (
  id      BLOB    PRIMARY KEY CHECK (length(id) = 16),
  card    BLOB    NOT NULL CHECK (length(card) = 32),
  segment BLOB    NOT NULL UNIQUE CHECK (length(segment) = 32),
  expires INTEGER NOT NULL,
  direct  INTEGER NOT NULL CHECK (direct IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE draft_file (
  draft BLOB    NOT NULL REFERENCES draft (id) ON DELETE CASCADE,
  k     INTEGER NOT NULL,
  blob  BLOB    NOT NULL CHECK (length(blob) = 32),
  size  INTEGER NOT NULL,
  kind  TEXT    NOT NULL,
  PRIMARY KEY (draft, k)
) STRICT, WITHOUT ROWID;

CREATE INDEX draft_file_by_blob ON draft_file (blob);

-- Shares. phase: 0 being granted, 1 granted, 2 refused by the ledger. What the link does is in
-- `state` (the share crate's encoding): end, tries, openings, what was received.
CREATE TABLE share (
  id        INTEGER PRIMARY KEY,
  grant_id  BLOB    NOT NULL UNIQUE CHECK (length(grant_id) = 32),
  grant_key BLOB    NOT NULL,
  card      BLOB    NOT NULL CHECK (length(card) = 32),
  segment   BLOB    NOT NULL UNIQUE CHECK (length(segment) = 32),
  phase     INTEGER NOT NULL CHECK (phase BETWEEN 0 AND 2),
  begins    INTEGER NOT NULL,
  ends      INTEGER NOT NULL,
  position  INTEGER NOT NULL DEFAULT 0,
  openings  INTEGER,
  state     BLOB    NOT NULL,
  tx        BLOB    NOT NULL,
  consent   BLOB    NOT NULL,
  revoked   INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
  purged    INTEGER NOT NULL DEFAULT 0 CHECK (purged IN (0, 1)),
  sessions  INTEGER NOT NULL DEFAULT 0 CHECK (sessions IN (0, 1))
) STRICT;
CREATE INDEX share_by_card ON share (card);
CREATE INDEX share_sessions ON share (sessions) WHERE sessions = 1;
CREATE INDEX share_unpurged ON share (purged) WHERE purged = 0;

CREATE TABLE share_file (
  share   INTEGER NOT NULL REFERENCES share (id) ON DELETE CASCADE,
  k       INTEGER NOT NULL,
  blob    BLOB    NOT NULL CHECK (length(blob) = 32),
  size    INTEGER NOT NULL,
  kind    TEXT    NOT NULL,
  updated INTEGER NOT NULL,
  PRIMARY KEY (share, k)
) STRICT, WITHOUT ROWID;

CREATE INDEX share_file_by_blob ON share_file (blob);

-- What a reader called herself and sent for her receipt, per opening.
CREATE TABLE opening (
  share  INTEGER NOT NULL REFERENCES share (id),
  number INTEGER NOT NULL,
  words  TEXT    NOT NULL,
  value  TEXT    NOT NULL,
  PRIMARY KEY (share, number)
) STRICT, WITHOUT ROWID;

-- The host's record of each access, and the transaction that reports it. outcome as on the ledger.
CREATE TABLE access (
  id      INTEGER PRIMARY KEY,
  share   INTEGER NOT NULL REFERENCES share (id),
  time    INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  items   BLOB    NOT NULL,
  record  BLOB    NOT NULL,
  receipt BLOB    NOT NULL CHECK (length(receipt) = 32),
  batch   BLOB
) STRICT;
CREATE INDEX access_unreported ON access (id) WHERE batch IS NULL;
CREATE INDEX access_of_share ON access (share, id);
