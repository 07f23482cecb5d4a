-- Which stream of its file a rendition was made from, counted from 0; NULL where nobody wrote it down. The forms
-- of one sound belong together by it.
ALTER TABLE renditions ADD COLUMN source_stream INTEGER CHECK (source_stream >= 0);
