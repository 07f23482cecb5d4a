-- Bots as the disk: who this installation is, which bots rest, what may lie in a channel unnamed.

-- Tells our messages from those of another installation in the same channel.
CREATE TABLE installation (
    id BLOB NOT NULL CHECK (length(id) = 16)
) STRICT;

INSERT INTO installation (id) VALUES (randomblob(16));

-- Rests that are not over when the server ends.
CREATE TABLE bot_rests (
    bot    INTEGER PRIMARY KEY,
    until  INTEGER NOT NULL,
    reason TEXT    NOT NULL
) STRICT;

-- Sends whose answer nobody heard: each may have left a message that no copy names.
CREATE TABLE doubts (
    id      INTEGER PRIMARY KEY,
    channel TEXT    NOT NULL,
    nonce   BLOB    NOT NULL CHECK (length(nonce) = 16),
    -- The newest copy known on the channel before the send; NULL when there was none.
    after   TEXT,
    at      INTEGER NOT NULL
) STRICT;

-- Copies that nobody names any more and that the store will not remove.
CREATE TABLE litter (
    locator TEXT    PRIMARY KEY,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX copies_channel ON copies (channel, at);

-- Kinds of jobs are checked by the program alone: a new one needs no new table.
CREATE TABLE new_jobs (
    id          INTEGER PRIMARY KEY,
    kind        TEXT    NOT NULL,
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

INSERT INTO new_jobs SELECT * FROM jobs;
DROP TABLE jobs;
ALTER TABLE new_jobs RENAME TO jobs;

CREATE INDEX jobs_next  ON jobs (state, run_after, priority, id);
CREATE INDEX jobs_video ON jobs (video);
