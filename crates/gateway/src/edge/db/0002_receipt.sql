-- The host's record of the opening, which its reader gets signed.
ALTER TABLE opening ADD COLUMN record BLOB;
