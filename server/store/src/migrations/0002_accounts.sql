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
-- Who signs in elsewhere (OpenID Connect, a proxy) is known by issuer and subject alone.
ALTER TABLE users ADD COLUMN issuer TEXT;
ALTER TABLE users ADD COLUMN subject TEXT;
CREATE UNIQUE INDEX users_external ON users (issuer, subject) WHERE issuer IS NOT NULL;

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

-- Small secrets that have to be read back, each encrypted for its owner and field:
-- version (1 byte), nonce (12), ciphertext, tag (16). `kind` says what the owner is.
CREATE TABLE sealed (
    kind  TEXT NOT NULL,
    owner INTEGER NOT NULL,
    field TEXT NOT NULL,
    blob  BLOB NOT NULL,
    PRIMARY KEY (kind, owner, field)
) WITHOUT ROWID;
CREATE TRIGGER sealed_user AFTER DELETE ON users BEGIN
    DELETE FROM sealed WHERE kind = 'user' AND owner = old.id;
END;

-- Codes by time (RFC 6238). The secret is in `sealed`; a code is good once, so the last
-- step that was used is remembered.
CREATE TABLE totp (
    user_id    INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    confirmed  INTEGER NOT NULL,
    last_step  INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);

-- For who has lost the other factor; each is good once.
CREATE TABLE recovery_codes (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sha256  BLOB NOT NULL CHECK (length(sha256) = 32),
    used_ms INTEGER,
    PRIMARY KEY (user_id, sha256)
) WITHOUT ROWID;

-- Keys of browsers and tokens (WebAuthn).
CREATE TABLE passkeys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Names the key to the browser.
    credential BLOB NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    -- COSE: -7 ES256, -8 EdDSA, -257 RS256
    algorithm  INTEGER NOT NULL,
    public_key BLOB NOT NULL,
    -- What the key last counted; 0 for those that do not.
    uses       INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms    INTEGER
);
CREATE INDEX passkeys_user ON passkeys (user_id);

-- When whoever has the session last proved to be there.
ALTER TABLE sessions ADD COLUMN proof_ms INTEGER NOT NULL DEFAULT 0;
-- By what: password, totp, recovery, passkey, oidc, proxy.
ALTER TABLE sessions ADD COLUMN factor TEXT NOT NULL DEFAULT 'password';

-- What admins have set; JSON each.
CREATE TABLE settings (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Answers to changes that were asked for under a key (Idempotency-Key), so that the same
-- request asked again changes nothing more. The answer is encrypted: it may hold a token
-- that is shown once. NULL while the change is under way, or when its end is not known.
CREATE TABLE idempotent (
    -- The user or token that asks, and the key that it chose.
    who        TEXT NOT NULL,
    key        TEXT NOT NULL,
    -- SHA-256 of what was asked.
    asked      BLOB NOT NULL,
    answer     BLOB,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (who, key)
) WITHOUT ROWID;
CREATE INDEX idempotent_time ON idempotent (created_ms);
