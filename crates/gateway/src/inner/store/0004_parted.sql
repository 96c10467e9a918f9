-- The card that a seal is for, or the one that followed it by rotation; empty before it is sealed.
ALTER TABLE batches ADD COLUMN card BLOB NOT NULL DEFAULT x'';
-- 1: sealed for a card that is not the patient's any more, so that no later record replaces it.
ALTER TABLE records ADD COLUMN parted INTEGER NOT NULL DEFAULT 0;
