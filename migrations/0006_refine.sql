-- Renditions that are made when their film can be played already; they are shown once they are whole.
ALTER TABLE renditions ADD COLUMN refines INTEGER NOT NULL DEFAULT 0;

-- Subtitles of what is spoken in another language than the sound's.
ALTER TABLE renditions ADD COLUMN forced INTEGER NOT NULL DEFAULT 0;
