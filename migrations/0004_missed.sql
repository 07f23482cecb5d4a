-- Blobs whose last copy a reader found missing or wrong. The copy keeps its name, as it may be a disk that
-- is away for a moment; until it was read again, or another one was made, the blob counts as lost.
CREATE TABLE missed_blobs (
    blob       INTEGER PRIMARY KEY REFERENCES blobs (id) ON DELETE CASCADE,
    checked_at INTEGER NOT NULL
) STRICT;
