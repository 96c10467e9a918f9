-- Block times, as the ledger proves them: when a card was registered, and when its hospital said
-- that another card was linked to the same patient; NULL not known, not so.
ALTER TABLE card ADD COLUMN linked INTEGER;
ALTER TABLE card ADD COLUMN replaced INTEGER;
