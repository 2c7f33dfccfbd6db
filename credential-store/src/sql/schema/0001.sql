CREATE TABLE {store_key} (
    name TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    wrapped {blob} NOT NULL
) {strict};

CREATE TABLE {credentials} (
    id TEXT PRIMARY KEY,
    owner {blob} NOT NULL,
    owner_sealed {blob} NOT NULL,
    connector TEXT NOT NULL,
    method TEXT NOT NULL,
    environment TEXT,
    label {blob} NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    provider_error TEXT,
    status_since {integer} NOT NULL,
    key_id TEXT NOT NULL,
    data_key {blob} NOT NULL,
    secrets {blob} NOT NULL,
    secrets_version {integer} NOT NULL,
    tokens {blob},
    generation {integer} NOT NULL,
    revision {integer} NOT NULL,
    renews {integer} NOT NULL,
    expires_at {integer},
    refresh_at {integer},
    refresh_expires_at {integer},
    attempts {integer} NOT NULL DEFAULT 0,
    next_attempt_at {integer},
    last_success_at {integer},
    last_used_at {integer},
    created_at {integer} NOT NULL,
    updated_at {integer} NOT NULL,
    deleted_at {integer},
    warned_at {integer},
    logs_requests {integer} NOT NULL DEFAULT 0,
    fence {integer} NOT NULL DEFAULT 0,
    lease_until {integer},
    intent_id {integer},
    intent_spends {blob},
    intent_at {integer},
    intent_is_replay {integer} NOT NULL DEFAULT 0
) {strict};

CREATE INDEX {prefix}credentials_by_owner ON {credentials} (owner, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX {prefix}credentials_by_age ON {credentials} (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX {prefix}credentials_by_refresh ON {credentials} (connector, refresh_at)
    WHERE deleted_at IS NULL AND refresh_at IS NOT NULL AND renews = 1;
CREATE INDEX {prefix}credentials_by_end ON {credentials} (expires_at)
    WHERE deleted_at IS NULL AND expires_at IS NOT NULL AND renews = 0;
CREATE INDEX {prefix}credentials_by_refresh_end ON {credentials} (refresh_expires_at)
    WHERE deleted_at IS NULL AND refresh_expires_at IS NOT NULL;
CREATE INDEX {prefix}credentials_by_change ON {credentials} (updated_at, id);
CREATE INDEX {prefix}credentials_by_key ON {credentials} (key_id, id) WHERE deleted_at IS NULL;

CREATE TABLE {logins} (
    state TEXT PRIMARY KEY,
    sealed {blob} NOT NULL,
    credential TEXT NOT NULL,
    expires_at {integer} NOT NULL
) {strict};

CREATE INDEX {prefix}logins_by_end ON {logins} (expires_at);

CREATE TABLE {jobs} (
    id {number},
    kind TEXT NOT NULL,
    credential TEXT NOT NULL,
    payload {blob} NOT NULL,
    attempts {integer} NOT NULL DEFAULT 0,
    created_at {integer} NOT NULL,
    next_at {integer} NOT NULL,
    fence {integer} NOT NULL DEFAULT 0
) {strict};

CREATE INDEX {prefix}jobs_by_time ON {jobs} (kind, next_at);

CREATE TABLE {audit} (
    id {number},
    at {integer} NOT NULL,
    actor TEXT NOT NULL,
    owner {blob},
    credential TEXT,
    connector TEXT,
    action TEXT NOT NULL,
    result TEXT NOT NULL,
    detail TEXT
) {strict};

CREATE INDEX {prefix}audit_by_credential ON {audit} (credential, id);

CREATE TABLE {request_log} (
    id {number},
    credential TEXT NOT NULL,
    at {integer} NOT NULL,
    sealed {blob} NOT NULL
) {strict};

CREATE INDEX {prefix}request_log_by_credential ON {request_log} (credential, id);

CREATE TABLE {connectors} (
    connector TEXT PRIMARY KEY,
    next_turn_at {integer} NOT NULL DEFAULT 0,
    fault TEXT,
    fault_since {integer}
) {strict};
