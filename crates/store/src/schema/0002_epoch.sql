-- Which life of the daemon a home belongs to. Each start takes the next number under the home's lock, and every
-- transaction of an older life is refused: a lock whose file was removed by hand keeps nobody out.

CREATE TABLE epoch (
    only   INTEGER PRIMARY KEY NOT NULL CONSTRAINT epoch_only CHECK (only = 1),
    number INTEGER NOT NULL CONSTRAINT epoch_number CHECK (number >= 0)
) STRICT;
INSERT INTO epoch (only, number) VALUES (1, 0);
