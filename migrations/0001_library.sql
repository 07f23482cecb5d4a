-- The library: videos, their renditions and segments, the blobs these lie in, and the work to do.
-- Times are milliseconds since 1970 (UTC) unless they say ticks.

CREATE TABLE videos (
    id            INTEGER PRIMARY KEY,
    uuid          BLOB    NOT NULL UNIQUE CHECK (length(uuid) = 16),
    owner         INTEGER NOT NULL DEFAULT 1,
    title         TEXT    NOT NULL,
    description   TEXT    NOT NULL DEFAULT '',
    state         TEXT    NOT NULL CHECK (state IN ('received', 'processing', 'ready', 'failed')),
    error         TEXT,
    source_kind   TEXT    NOT NULL CHECK (source_kind IN ('upload', 'file')),
    source        TEXT    NOT NULL,
    source_bytes  INTEGER NOT NULL CHECK (source_bytes >= 0),
    source_hash   BLOB             CHECK (length(source_hash) = 32),
    node          TEXT    NOT NULL DEFAULT 'local',
    probe         TEXT,
    plan          TEXT,
    tracks        INTEGER NOT NULL DEFAULT 0,
    duration_ms   INTEGER,
    width         INTEGER,
    height        INTEGER,
    poster        INTEGER REFERENCES blobs (id) ON DELETE SET NULL,
    job           INTEGER REFERENCES jobs (id) ON DELETE SET NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    published_at  INTEGER,
    trashed_at    INTEGER
) STRICT;

CREATE INDEX videos_newest  ON videos (id)                          WHERE trashed_at IS NULL;
CREATE INDEX videos_title   ON videos (title COLLATE NOCASE, id)    WHERE trashed_at IS NULL;
CREATE INDEX videos_longest ON videos (coalesce(duration_ms, 0), id) WHERE trashed_at IS NULL;
CREATE INDEX videos_trash   ON videos (id)                          WHERE trashed_at IS NOT NULL;
CREATE INDEX videos_source  ON videos (source_hash)                 WHERE source_hash IS NOT NULL;

CREATE VIRTUAL TABLE videos_text USING fts5 (
    title, description,
    content = 'videos', content_rowid = 'id',
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
);

CREATE TRIGGER videos_text_insert AFTER INSERT ON videos BEGIN
    INSERT INTO videos_text (rowid, title, description) VALUES (new.id, new.title, new.description);
END;
CREATE TRIGGER videos_text_update AFTER UPDATE OF title, description ON videos BEGIN
    INSERT INTO videos_text (videos_text, rowid, title, description)
        VALUES ('delete', old.id, old.title, old.description);
    INSERT INTO videos_text (rowid, title, description) VALUES (new.id, new.title, new.description);
END;
CREATE TRIGGER videos_text_delete AFTER DELETE ON videos BEGIN
    INSERT INTO videos_text (videos_text, rowid, title, description)
        VALUES ('delete', old.id, old.title, old.description);
END;

-- Counts that the system page shows, kept as rows change, so that showing them costs the same in
-- a library of any size. A trashed video counts as 'trashed' only.
CREATE TABLE tallies (
    name  TEXT    PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO tallies (name, value) VALUES
    ('received', 0), ('processing', 0), ('ready', 0), ('failed', 0), ('trashed', 0), ('blobs', 0), ('bytes', 0);

CREATE TRIGGER tally_video_insert AFTER INSERT ON videos BEGIN
    UPDATE tallies SET value = value + 1 WHERE name = iif(new.trashed_at IS NULL, new.state, 'trashed');
END;
CREATE TRIGGER tally_video_update AFTER UPDATE OF state, trashed_at ON videos BEGIN
    UPDATE tallies SET value = value - 1 WHERE name = iif(old.trashed_at IS NULL, old.state, 'trashed');
    UPDATE tallies SET value = value + 1 WHERE name = iif(new.trashed_at IS NULL, new.state, 'trashed');
END;
CREATE TRIGGER tally_video_delete AFTER DELETE ON videos BEGIN
    UPDATE tallies SET value = value - 1 WHERE name = iif(old.trashed_at IS NULL, old.state, 'trashed');
END;

CREATE TABLE renditions (
    id                INTEGER PRIMARY KEY,
    video             INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    number            INTEGER NOT NULL,
    name              TEXT    NOT NULL,
    generation        INTEGER NOT NULL DEFAULT 0,
    kind              TEXT    NOT NULL CHECK (kind IN ('video', 'audio', 'subtitles', 'i_frames', 'images')),
    method            TEXT    NOT NULL CHECK (method IN ('copied', 'encoded')),
    why               TEXT    NOT NULL,
    state             TEXT    NOT NULL CHECK (state IN ('growing', 'finished')),
    codecs            TEXT    NOT NULL,
    timescale         INTEGER NOT NULL CHECK (timescale > 0),
    target_duration   INTEGER NOT NULL CHECK (target_duration > 0),
    width             INTEGER,
    height            INTEGER,
    frame_rate_milli  INTEGER,
    video_range       TEXT,
    channels          INTEGER,
    sample_rate       INTEGER,
    language          TEXT,
    label             TEXT,
    is_default        INTEGER NOT NULL DEFAULT 0,
    reorder_delay     INTEGER NOT NULL DEFAULT 0,
    planned_bandwidth INTEGER NOT NULL,
    peak_bandwidth    INTEGER,
    average_bandwidth INTEGER,
    independent       INTEGER NOT NULL DEFAULT 1,
    UNIQUE (video, name)
) STRICT;

CREATE TABLE init_segments (
    id        INTEGER PRIMARY KEY,
    rendition INTEGER NOT NULL REFERENCES renditions (id) ON DELETE CASCADE,
    bytes     BLOB    NOT NULL
) STRICT;

CREATE INDEX init_segments_rendition ON init_segments (rendition);

-- A pack or another stored thing. While 'open' it grows in the spool and len is what is committed.
-- Ids are never used again: files in the spool and chunks in memory are named by them.
CREATE TABLE blobs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    video      INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    rendition  INTEGER REFERENCES renditions (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    role       TEXT    NOT NULL CHECK (role IN ('pack', 'poster')),
    state      TEXT    NOT NULL CHECK (state IN ('open', 'sealed', 'stored', 'doomed')),
    encoding   TEXT    NOT NULL DEFAULT 'plain' CHECK (encoding = 'plain'),
    parity     INTEGER,
    len        INTEGER NOT NULL DEFAULT 0,
    stored_len INTEGER NOT NULL DEFAULT 0,
    hash       BLOB CHECK (length(hash) = 32),
    chunks     BLOB CHECK (length(chunks) % 32 = 0)
) STRICT;

CREATE INDEX blobs_video ON blobs (video, state);
CREATE INDEX blobs_rendition ON blobs (rendition, number);

CREATE TRIGGER tally_blob_update AFTER UPDATE OF state ON blobs WHEN new.state = 'stored' AND old.state <> 'stored' BEGIN
    UPDATE tallies SET value = value + 1 WHERE name = 'blobs';
    UPDATE tallies SET value = value + new.stored_len WHERE name = 'bytes';
END;
CREATE TRIGGER tally_blob_doom AFTER UPDATE OF state ON blobs WHEN old.state = 'stored' AND new.state <> 'stored' BEGIN
    UPDATE tallies SET value = value - 1 WHERE name = 'blobs';
    UPDATE tallies SET value = value - old.stored_len WHERE name = 'bytes';
END;
CREATE TRIGGER tally_blob_delete AFTER DELETE ON blobs WHEN old.state = 'stored' BEGIN
    UPDATE tallies SET value = value - 1 WHERE name = 'blobs';
    UPDATE tallies SET value = value - old.stored_len WHERE name = 'bytes';
END;

-- Where a blob was meant to go and where it went. A row exists before anything is sent.
CREATE TABLE copies (
    blob    INTEGER NOT NULL REFERENCES blobs (id) ON DELETE CASCADE,
    copy    INTEGER NOT NULL,
    channel TEXT    NOT NULL,
    nonce   BLOB    NOT NULL CHECK (length(nonce) = 16),
    locator TEXT,
    state   TEXT    NOT NULL CHECK (state IN ('intended', 'sent', 'verified', 'lost')),
    at      INTEGER NOT NULL,
    PRIMARY KEY (blob, copy, channel)
) STRICT, WITHOUT ROWID;

-- A segment and its first piece. NULL and 0 and 1 take no room in a row.
CREATE TABLE segments (
    rendition     INTEGER NOT NULL REFERENCES renditions (id) ON DELETE CASCADE,
    number        INTEGER NOT NULL,
    start         INTEGER NOT NULL,
    duration      INTEGER NOT NULL CHECK (duration > 0),
    init          INTEGER NOT NULL,
    discontinuity INTEGER NOT NULL DEFAULT 0,
    wall_clock    INTEGER,
    blob          INTEGER NOT NULL,
    piece_offset  INTEGER NOT NULL,
    piece_len     INTEGER NOT NULL CHECK (piece_len > 0),
    PRIMARY KEY (rendition, number)
) STRICT, WITHOUT ROWID;

-- Further pieces of segments that are larger than a pack.
CREATE TABLE segment_pieces (
    rendition    INTEGER NOT NULL REFERENCES renditions (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    part         INTEGER NOT NULL CHECK (part > 0),
    blob         INTEGER NOT NULL,
    piece_offset INTEGER NOT NULL,
    piece_len    INTEGER NOT NULL CHECK (piece_len > 0),
    PRIMARY KEY (rendition, number, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE uploads (
    uuid        BLOB    PRIMARY KEY CHECK (length(uuid) = 16),
    state       TEXT    NOT NULL CHECK (state IN ('receiving', 'received')),
    bytes_total INTEGER,
    video       INTEGER REFERENCES videos (id) ON DELETE CASCADE,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX uploads_video ON uploads (video);

CREATE TABLE jobs (
    id          INTEGER PRIMARY KEY,
    kind        TEXT    NOT NULL CHECK (kind IN ('ingest', 'forget')),
    video       INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    node        TEXT    NOT NULL DEFAULT 'local',
    priority    INTEGER NOT NULL DEFAULT 0,
    state       TEXT    NOT NULL
                CHECK (state IN ('queued', 'running', 'waiting', 'paused', 'done', 'failed', 'cancelled')),
    fence       INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    run_after   INTEGER NOT NULL,
    stage       TEXT    NOT NULL DEFAULT '',
    fraction    REAL,
    speed       REAL,
    eta_s       INTEGER,
    error       TEXT,
    created_at  INTEGER NOT NULL,
    started_at  INTEGER,
    finished_at INTEGER
) STRICT;

CREATE INDEX jobs_next  ON jobs (state, run_after, priority, id);
CREATE INDEX jobs_video ON jobs (video);
