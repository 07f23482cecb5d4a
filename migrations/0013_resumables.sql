-- Uploads that are sent in pieces and continued after any interruption. Those without a row here
-- come in one piece. `bytes_safe` is how many bytes count: they were made durable before they were
-- written here. A `joined` one is made of `part`s and not continued itself.
CREATE TABLE resumables (
    upload     BLOB    PRIMARY KEY REFERENCES uploads (uuid) ON DELETE CASCADE,
    kind       TEXT    NOT NULL CHECK (kind IN ('whole', 'part', 'joined')),
    bytes_safe INTEGER NOT NULL CHECK (bytes_safe >= 0),
    file_name  TEXT    NOT NULL,
    title      TEXT,
    again      INTEGER NOT NULL CHECK (again IN (0, 1)),
    said       TEXT    NOT NULL,
    parts      TEXT    NOT NULL,
    touched_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX resumables_touched ON resumables (touched_at);
