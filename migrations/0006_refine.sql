-- Renditions that are made when their film can be played already; they are shown once they are whole.
ALTER TABLE renditions ADD COLUMN refines INTEGER NOT NULL DEFAULT 0;
