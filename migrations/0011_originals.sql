-- Kinds of renditions are checked by the program alone: a new one needs no new table. The column is made
-- anew in place, so that the rows keep their ids and whatever else they hold.
ALTER TABLE renditions RENAME COLUMN kind TO checked_kind;
ALTER TABLE renditions ADD COLUMN kind TEXT NOT NULL DEFAULT '';
UPDATE renditions SET kind = checked_kind;
ALTER TABLE renditions DROP COLUMN checked_kind;

-- SHA-256 of all bytes of a source file that is kept, once it is kept whole.
ALTER TABLE renditions ADD COLUMN sha256 BLOB CHECK (length(sha256) = 32);
