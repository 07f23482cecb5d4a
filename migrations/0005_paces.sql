-- How much floods slowed a bot down, in eighths of its full rate, and when that share last changed.
CREATE TABLE bot_paces (
    bot        INTEGER PRIMARY KEY,
    share      INTEGER NOT NULL CHECK (share BETWEEN 1 AND 8),
    changed_at INTEGER NOT NULL
) STRICT;
