-- Subtitles that people added to a film beside its file. A row stays when its track was removed, so that no other
-- track ever gets its name.
CREATE TABLE sidecars (
    video    INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    track    TEXT    NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('waiting', 'made', 'removed')),
    why      TEXT    NOT NULL,
    language TEXT    NOT NULL,
    label    TEXT,
    forced   INTEGER NOT NULL,
    -- The file as it came, until its track is made.
    text     BLOB,
    PRIMARY KEY (video, track)
) STRICT;

-- The still of the film that a person chose as its poster, by its number; NULL when the poster is a blob.
ALTER TABLE videos ADD COLUMN poster_still INTEGER;
