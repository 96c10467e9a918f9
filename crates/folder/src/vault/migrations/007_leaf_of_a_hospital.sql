-- A leaf is its hospital's: one that another hospital's seal copies is a row of its own, and says
-- nothing of the first.
CREATE TABLE record_anew (
    id          INTEGER PRIMARY KEY,
    folder      INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
    seal        INTEGER NOT NULL REFERENCES seal ON DELETE CASCADE,
    record      TEXT NOT NULL,
    k           INTEGER NOT NULL,
    replaces    TEXT,
    replaced_by TEXT,
    withdrawn   INTEGER NOT NULL DEFAULT 0,
    state       TEXT NOT NULL,
    failure     TEXT,
    reported    TEXT,
    hospital    TEXT NOT NULL,
    kind        TEXT NOT NULL DEFAULT '',
    kind_name   TEXT NOT NULL DEFAULT '',
    title       TEXT NOT NULL DEFAULT '',
    author      TEXT NOT NULL DEFAULT '',
    department  TEXT NOT NULL DEFAULT '',
    date        INTEGER NOT NULL,
    indexed     INTEGER NOT NULL DEFAULT 0,
    written     TEXT NOT NULL DEFAULT '',
    day         TEXT NOT NULL DEFAULT '',
    UNIQUE (folder, hospital, record)
) STRICT;
INSERT INTO record_anew
    SELECT id, folder, seal, record, k, replaces, replaced_by, withdrawn, state, failure, reported,
        hospital, kind, kind_name, title, author, department, date, indexed, written, day
    FROM record;
DROP TABLE record;
ALTER TABLE record_anew RENAME TO record;
CREATE INDEX record_by_name ON record (folder, record);
CREATE INDEX record_by_date ON record (folder, date DESC, id DESC);
CREATE INDEX record_replaces ON record (folder, replaces);
CREATE INDEX record_replaced_by ON record (folder, replaced_by);
CREATE INDEX record_to_index ON record (folder, id) WHERE indexed = 0 AND state = 'verified';
CREATE INDEX record_unfinished ON record (folder, state) WHERE state <> 'verified';
