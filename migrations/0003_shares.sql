-- How many verified copies each channel holds, counted without reading the copies themselves.
CREATE INDEX copies_verified ON copies (channel) WHERE state = 'verified';
