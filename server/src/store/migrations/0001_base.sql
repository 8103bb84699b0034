-- Small facts about the database itself: salts, check values.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL UNIQUE,
    -- $bcrypt-pbkdf$rounds$salt$hash
    password_hash TEXT NOT NULL,
    -- 1 while the password is the default one.
    must_change   INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    changed_ms    INTEGER NOT NULL
);

-- A token is good only while its session is here.
CREATE TABLE sessions (
    id         BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE nodes (
    -- AUTOINCREMENT: the number of a removed node never comes back, nor does its history.
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT NOT NULL UNIQUE,
    -- JSON list of texts.
    tags           TEXT NOT NULL,
    -- The token itself is shown once and kept nowhere.
    token_sha256   BLOB NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    created_ms     INTEGER NOT NULL,
    last_seen_ms   INTEGER,
    address        TEXT,
    spider_version TEXT,
    -- JSON, as the Spider said in its last hello.
    identity       TEXT
);
