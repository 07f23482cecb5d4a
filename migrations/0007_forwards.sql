-- The imprint of a copy is the nonce in its caption. A forward keeps the caption of the copy that it is made
-- from, and so its imprint: a message that nobody heard of can be found by that alone.
-- NULL: the copy's own nonce. Forwards made before this step are not known as such.
ALTER TABLE copies ADD COLUMN imprint BLOB CHECK (length(imprint) = 16);

ALTER TABLE doubts RENAME COLUMN nonce TO imprint;
