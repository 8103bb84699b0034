-- How nodes are reached over SSH: each value encrypted for its node and field.
CREATE TABLE credentials (
    node       INTEGER NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
    field      TEXT NOT NULL,
    -- version (1 byte), nonce (12), ciphertext, tag (16)
    blob       BLOB NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (node, field)
) WITHOUT ROWID;
