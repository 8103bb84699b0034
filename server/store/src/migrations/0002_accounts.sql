-- Accounts: what users may, their groups, tokens of programs, and the audit.

-- One grant: a role, the tags of the nodes that it is for (JSON list; [] stands for all
-- nodes), rights beside it (JSON list). Who was there before may do everything.
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'admin';
ALTER TABLE users ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE users ADD COLUMN rights TEXT NOT NULL DEFAULT '[]';
-- A disabled user comes in by nothing.
ALTER TABLE users ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
-- Grows with each change of the user: what If-Match is compared with.
ALTER TABLE users ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN login_ms INTEGER;

CREATE TABLE groups (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    tags       TEXT NOT NULL,
    rights     TEXT NOT NULL,
    version    INTEGER NOT NULL DEFAULT 1,
    created_ms INTEGER NOT NULL
);

CREATE TABLE group_members (
    user_id  INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
) WITHOUT ROWID;
CREATE INDEX group_members_group ON group_members (group_id);

-- Where a session came from, and when it was last used (to the minute).
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0;

-- Tokens of programs; each is shown once and kept as its hash.
CREATE TABLE api_tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    token_sha256 BLOB NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    role         TEXT NOT NULL,
    tags         TEXT NOT NULL,
    rights       TEXT NOT NULL,
    read_only    INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER,
    used_ms      INTEGER,
    used_address TEXT
);
CREATE UNIQUE INDEX api_tokens_name ON api_tokens (user_id, name);

-- Who did what. Rows are added and never changed; old ones go from the front, and the
-- hash of the last that went is kept in `meta` (audit.anchor), so that the chain holds.
CREATE TABLE audit (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms   INTEGER NOT NULL,
    -- user, token or system; the name that it had; the number of the user
    actor     TEXT NOT NULL,
    name      TEXT NOT NULL,
    user_id   INTEGER,
    -- the token or the session, as lists of those name it
    via       TEXT NOT NULL,
    address   TEXT NOT NULL,
    action    TEXT NOT NULL,
    node      INTEGER,
    node_name TEXT,
    outcome   TEXT NOT NULL,
    -- JSON; never a secret
    detail    TEXT NOT NULL,
    -- SHA-256 of the row before this one and of this one
    hash      BLOB NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX audit_node ON audit (node, id);
CREATE INDEX audit_time ON audit (time_ms);
