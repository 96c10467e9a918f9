-- Ids are the text forms of medfolder-record's identifiers; times are milliseconds since the Unix epoch.

CREATE TABLE folder (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    root       BLOB NOT NULL,              -- 32 bytes; never leaves the vault but as words
    genesis    BLOB NOT NULL,              -- the genesis file this folder trusts, and no other
    ledger     TEXT NOT NULL,              -- JSON array of node addresses
    number     TEXT NOT NULL,
    created    INTEGER NOT NULL,
    search_cards INTEGER NOT NULL,         -- 1 after a restore, until its cards were looked for
    checkpoint BLOB                        -- newest checkpoint verified, with its certificate
) STRICT;

CREATE TABLE card (
    id       INTEGER PRIMARY KEY,
    folder   INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
    number   TEXT NOT NULL,
    member   TEXT NOT NULL,
    idx      INTEGER NOT NULL,
    state    TEXT NOT NULL,                -- pending, registered, frozen, rotated, closed
    claim    TEXT,                         -- the front desk's claim, while pending
    entries  INTEGER NOT NULL DEFAULT 0,   -- how many ledger entries are taken in and proven
    digest   BLOB,                         -- running digest after them
    UNIQUE (folder, member, idx),
    UNIQUE (folder, number)
) STRICT;

CREATE TABLE seal (
    id          INTEGER PRIMARY KEY,
    card        INTEGER NOT NULL REFERENCES card ON DELETE CASCADE,
    visit       TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    position    INTEGER NOT NULL,          -- place in the ledger's log
    block_time  INTEGER NOT NULL,          -- when the ledger accepted it
    mark        INTEGER NOT NULL,
    slot        BLOB,                      -- the seal's key, wrapped to the card
    transaction_bytes BLOB NOT NULL,       -- the seal as the log holds it
    UNIQUE (card, visit, seq)
) STRICT;

CREATE TABLE record (
    id          INTEGER PRIMARY KEY,
    folder      INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
    seal        INTEGER NOT NULL REFERENCES seal ON DELETE CASCADE,
    record      TEXT NOT NULL,
    k           INTEGER NOT NULL,
    replaces    TEXT,                      -- the earlier version that the seal names
    replaced_by TEXT,
    withdrawn   INTEGER NOT NULL DEFAULT 0,
    state       TEXT NOT NULL,             -- waiting, verified, failed
    failure     TEXT,                      -- code of the check that failed
    reported    TEXT,                      -- what the ledger was told of it: changed, missing
    hospital    TEXT NOT NULL,
    kind        TEXT NOT NULL DEFAULT '',  -- LOINC code
    kind_name   TEXT NOT NULL DEFAULT '',
    title       TEXT NOT NULL DEFAULT '',
    author      TEXT NOT NULL DEFAULT '',
    department  TEXT NOT NULL DEFAULT '',
    date        INTEGER NOT NULL,
    indexed     INTEGER NOT NULL DEFAULT 0,
    UNIQUE (folder, record)
) STRICT;
CREATE INDEX record_by_date ON record (folder, date DESC, id DESC);
CREATE INDEX record_replaces ON record (folder, replaces);
CREATE INDEX record_replaced_by ON record (folder, replaced_by);
CREATE INDEX record_to_index ON record (folder, id) WHERE indexed = 0 AND state = 'verified';
CREATE INDEX record_unfinished ON record (folder, state) WHERE state <> 'verified';

-- Doctors' keys, each proven by the ledger's state; entry is the state entry.
CREATE TABLE staff (
    folder INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
    key    TEXT NOT NULL,
    entry  BLOB NOT NULL,
    PRIMARY KEY (folder, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE content (
    record       INTEGER PRIMARY KEY REFERENCES record ON DELETE CASCADE,
    envelope     BLOB NOT NULL             -- as the exchange zone stores it; the key in the seal's slot opens it
) STRICT;

CREATE TABLE attachment (
    record     INTEGER NOT NULL REFERENCES record ON DELETE CASCADE,
    j          INTEGER NOT NULL,
    name       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       INTEGER NOT NULL,
    digest     BLOB NOT NULL,
    state      TEXT NOT NULL,              -- waiting, verified, failed
    failure    TEXT,
    PRIMARY KEY (record, j)
) STRICT, WITHOUT ROWID;

CREATE TABLE share (
    id          INTEGER PRIMARY KEY,
    folder      INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
    grant_id    TEXT NOT NULL UNIQUE,
    grant_seed  BLOB NOT NULL,
    host        TEXT NOT NULL,             -- member whose edge keeps the ciphertext
    link        TEXT NOT NULL,
    label       TEXT NOT NULL,
    passcode    TEXT,
    openings    INTEGER,
    created     INTEGER NOT NULL,
    ends        INTEGER NOT NULL,
    state       TEXT NOT NULL,             -- preparing, active, ending, revoked
    records     TEXT NOT NULL,             -- JSON array: record ids in the order of the scope
    files       TEXT NOT NULL DEFAULT '[]',-- JSON array: which record each file belongs to
    transaction_bytes BLOB,                -- the signed grant, submitted again until final
    entries     INTEGER NOT NULL DEFAULT 0,
    digest      BLOB
) STRICT;

CREATE TABLE access (
    share      INTEGER NOT NULL REFERENCES share ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    entry      INTEGER NOT NULL,
    time       INTEGER NOT NULL,
    outcome    TEXT NOT NULL,
    class      TEXT NOT NULL,
    items      BLOB NOT NULL,              -- bitmap over the scope
    receipt    TEXT NOT NULL,
    recipient  TEXT,                       -- what the reader called herself, from the host's record
    session    TEXT,
    PRIMARY KEY (share, position, entry)
) STRICT, WITHOUT ROWID;

-- Words of verified records; rowid = record.id. Chinese characters are stored one by one.
CREATE VIRTUAL TABLE words USING fts5(title, body, content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 2");
