CREATE TABLE {store_key} (
    name {name} PRIMARY KEY,
    key_id {name} NOT NULL,
    wrapped {blob} NOT NULL
) {strict};

CREATE TABLE {credentials} (
    id {name} PRIMARY KEY,
    owner {blob} NOT NULL,
    owner_sealed {blob} NOT NULL,
    connector {name} NOT NULL,
    method TEXT NOT NULL,
    environment TEXT,
    label {blob} NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    provider_error TEXT,
    status_since {integer} NOT NULL,
    key_id {name} NOT NULL,
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
    WHERE deleted_at IS NULL AND refresh_at IS NOT NULL AND renews = 1 AND status IN ('valid', 'degraded');
CREATE INDEX {prefix}credentials_by_end ON {credentials} (expires_at)
    WHERE deleted_at IS NULL AND expires_at IS NOT NULL AND renews = 0 AND status IN ('valid', 'degraded');
CREATE INDEX {prefix}credentials_by_refresh_end ON {credentials} (refresh_expires_at)
    WHERE deleted_at IS NULL AND refresh_expires_at IS NOT NULL AND status IN ('valid', 'degraded') AND warned_at IS NULL;
CREATE INDEX {prefix}credentials_by_change ON {credentials} (updated_at, id);
CREATE INDEX {prefix}credentials_by_key ON {credentials} (key_id, id) WHERE deleted_at IS NULL;
CREATE INDEX {prefix}credentials_by_deletion ON {credentials} (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE {logins} (
    state {name} PRIMARY KEY,
    sealed {blob} NOT NULL,
    credential {name} NOT NULL,
    expires_at {integer} NOT NULL
) {strict};

CREATE INDEX {prefix}logins_by_end ON {logins} (expires_at);
CREATE INDEX {prefix}logins_by_credential ON {logins} (credential);

CREATE TABLE {jobs} (
    id {number},
    kind {name} NOT NULL,
    credential {name} NOT NULL,
    payload {blob} NOT NULL,
    attempts {integer} NOT NULL DEFAULT 0,
    created_at {integer} NOT NULL,
    next_at {integer} NOT NULL,
    fence {integer} NOT NULL DEFAULT 0
) {strict};

CREATE INDEX {prefix}jobs_by_time ON {jobs} (kind, next_at, id);

CREATE TABLE {audit} (
    id {number},
    at {integer} NOT NULL,
    actor TEXT NOT NULL,
    owner {blob},
    credential {name},
    connector TEXT,
    action TEXT NOT NULL,
    result TEXT NOT NULL,
    detail TEXT
) {strict};

CREATE INDEX {prefix}audit_by_credential ON {audit} (credential, id);

CREATE TABLE {request_log} (
    id {number},
    credential {name} NOT NULL,
    at {integer} NOT NULL,
    sealed {blob} NOT NULL
) {strict};

CREATE INDEX {prefix}request_log_by_credential ON {request_log} (credential, id);

CREATE TABLE {connectors} (
    connector {name} PRIMARY KEY,
    next_turn_at {integer} NOT NULL DEFAULT 0,
    fault TEXT,
    fault_since {integer}
) {strict};
