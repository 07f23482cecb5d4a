-- Litter is tried to be removed until it is gone: how often that failed, when it may be tried next, and whether the
-- store said that it may not (Telegram: older than 48 hours, or without the right to). What lies there already is
-- tried once more, as nobody wrote down why it stayed.
ALTER TABLE litter ADD COLUMN tries    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE litter ADD COLUMN retry_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE litter ADD COLUMN refused  INTEGER NOT NULL DEFAULT 0 CHECK (refused IN (0, 1));
CREATE INDEX litter_due ON litter (retry_at);
