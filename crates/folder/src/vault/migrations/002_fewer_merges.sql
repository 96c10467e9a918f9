-- A first sync indexes thousands of records: merge eight segments at a time, not four.
INSERT INTO words (words, rank) VALUES ('automerge', 8);
