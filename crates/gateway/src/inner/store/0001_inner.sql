-- Everything that tells of a patient is a keyed digest (…_ix) or encrypted under the zone key
-- (sealed). What is empty until it is known is an empty blob, a zero or -1, never NULL.

CREATE TABLE meta (
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) STRICT;

-- A patient by the hospital's own number.
CREATE TABLE patients (
  id        INTEGER NOT NULL PRIMARY KEY,
  token_ix  BLOB NOT NULL UNIQUE,      -- of "system|value"
  number_ix BLOB NOT NULL              -- of the value alone, as a desk types it
) STRICT;
CREATE INDEX patients_number ON patients (number_ix);

-- Cards of patients, as verified blocks say.
CREATE TABLE cards (
  card       BLOB NOT NULL PRIMARY KEY,
  patient    INTEGER NOT NULL REFERENCES patients (id),
  encryption BLOB NOT NULL,
  live       INTEGER NOT NULL          -- 1: seals name this card
) STRICT;
CREATE INDEX cards_patient ON cards (patient);

CREATE TABLE visits (
  id        INTEGER NOT NULL PRIMARY KEY,
  source_ix BLOB NOT NULL UNIQUE,
  visit     BLOB NOT NULL UNIQUE,
  patient   INTEGER NOT NULL REFERENCES patients (id),
  start     INTEGER NOT NULL
) STRICT;
CREATE INDEX visits_patient ON visits (patient, start);

-- Records of a visit that are sealed together.
CREATE TABLE batches (
  id          INTEGER NOT NULL PRIMARY KEY,
  visit       INTEGER NOT NULL REFERENCES visits (id),
  state       INTEGER NOT NULL,        -- 0 open, 1 sealed, 2 final, 3 refused
  reason      TEXT NOT NULL,           -- stable code of what holds it
  added       INTEGER NOT NULL,        -- when a record was last added, ms
  late        INTEGER NOT NULL,        -- 1: was complete and had no card
  seq         INTEGER NOT NULL,
  tx          BLOB NOT NULL,           -- T_M, while its outcome is not known
  tx_id       BLOB NOT NULL,
  valid_until INTEGER NOT NULL
) STRICT;
CREATE INDEX batches_visit ON batches (visit, seq);
CREATE INDEX batches_state ON batches (state);
CREATE UNIQUE INDEX batches_tx ON batches (tx_id) WHERE tx_id <> x'';

CREATE TABLE records (
  id          INTEGER NOT NULL PRIMARY KEY,
  batch       INTEGER NOT NULL REFERENCES batches (id),
  patient     INTEGER NOT NULL REFERENCES patients (id),
  state       INTEGER NOT NULL,        -- 0 without author's key, 1 to sign, 2 signed, 3 held, 4 sealed
  reason      TEXT NOT NULL,
  source_ix   BLOB NOT NULL,           -- the document, in all its versions
  version_ix  BLOB NOT NULL,           -- this version
  url_ix      BLOB NOT NULL,           -- its Composition
  digest_ix   BLOB NOT NULL,           -- its bytes
  replaces_ix BLOB NOT NULL,           -- what it says that it replaces
  replaces    INTEGER NOT NULL,        -- the record that it replaces, 0 none or not known yet
  time        INTEGER NOT NULL,
  key         BLOB NOT NULL,           -- who signs
  root        BLOB NOT NULL,           -- content root
  k           INTEGER NOT NULL,
  leaf        BLOB NOT NULL,
  statement   BLOB NOT NULL,           -- sealed; needed until final
  signature   BLOB NOT NULL            -- checked signatures, sealed; needed until final
) STRICT;
CREATE INDEX records_batch ON records (batch, state);
CREATE INDEX records_work ON records (state, key);
CREATE INDEX records_version ON records (patient, version_ix);
CREATE INDEX records_source ON records (patient, source_ix);
CREATE INDEX records_url ON records (patient, url_ix);

-- Plaintext of a record, sealed; gone when its seal is final.
CREATE TABLE drafts (
  record  INTEGER NOT NULL PRIMARY KEY REFERENCES records (id),
  draft   BLOB NOT NULL,
  files   TEXT NOT NULL                -- names of waiting attachments, separated by a space
) STRICT;

-- Files that were taken or refused, so that a second delivery is recognised.
CREATE TABLE inputs (
  input_ix BLOB NOT NULL PRIMARY KEY,
  records  INTEGER NOT NULL,
  at       INTEGER NOT NULL
) STRICT;
CREATE TABLE rejected (
  input_ix BLOB NOT NULL PRIMARY KEY,
  name     BLOB NOT NULL,              -- file name, sealed
  code     TEXT NOT NULL,
  file     TEXT NOT NULL,              -- encrypted copy below data_dir/files, or empty
  at       INTEGER NOT NULL
) STRICT;

-- Messages that are durable and not yet shown in the spool: here, or written there and named here.
CREATE TABLE outbox (
  id      INTEGER NOT NULL PRIMARY KEY,
  message BLOB NOT NULL,               -- empty when staged
  staged  TEXT NOT NULL                -- name in the spool's tmp folder, or empty
) STRICT;

CREATE TABLE staff (
  key        BLOB NOT NULL PRIMARY KEY,
  state      INTEGER NOT NULL,         -- 0 submitted, 1 enrolled, 2 ended, 3 compromised, 4 refused
  name_ix    BLOB NOT NULL,
  licence_ix BLOB NOT NULL,
  signing    BLOB NOT NULL,
  details    BLOB NOT NULL,            -- name, licence and salt of the commitment, sealed
  valid_from INTEGER NOT NULL,
  valid_until INTEGER NOT NULL,
  ended      INTEGER NOT NULL,
  tx         BLOB NOT NULL,            -- enrolment or end, while its outcome is not known
  tx_id      BLOB NOT NULL,
  tx_until   INTEGER NOT NULL
) STRICT;
CREATE INDEX staff_name ON staff (name_ix);
CREATE INDEX staff_licence ON staff (licence_ix);

CREATE TABLE codes (
  id      INTEGER NOT NULL PRIMARY KEY,
  patient INTEGER NOT NULL REFERENCES patients (id),
  code    BLOB NOT NULL,               -- sealed
  expires INTEGER NOT NULL,
  state   INTEGER NOT NULL,            -- 0 given, 1 claimed, 2 confirmed, 3 refused
  tries   INTEGER NOT NULL,
  claim   BLOB NOT NULL,
  tx      BLOB NOT NULL,               -- T_R as claimed; with both signatures once confirmed
  tx_id   BLOB NOT NULL
) STRICT;
CREATE INDEX codes_tx ON codes (tx_id);
