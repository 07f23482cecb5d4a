-- Where a segment's key frames lie, at most one for each second, for I-frame playlists. For each
-- there are three varints: its first byte in the segment, its length in bytes, and the ticks from the
-- segment's start to when it is shown (zigzag). What was made before this table has no rows in it.
CREATE TABLE key_frames (
    rendition INTEGER NOT NULL REFERENCES renditions (id) ON DELETE CASCADE,
    number    INTEGER NOT NULL,
    frames    BLOB    NOT NULL CHECK (length(frames) > 0),
    PRIMARY KEY (rendition, number)
) STRICT, WITHOUT ROWID;

-- Bits per second of the I-frame playlist, measured when a rendition is finished; NULL without one.
ALTER TABLE renditions ADD COLUMN i_frame_peak_bandwidth    INTEGER;
ALTER TABLE renditions ADD COLUMN i_frame_average_bandwidth INTEGER;
